"""What both targets learn from public speech, and the speech of all of the study."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file, save_file

from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import default_cache, say_phrases
from targets.synthetic.overlapped import in_pairs, overlapped
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

SEED = Randomness(0).child("multitalker")
PUBLIC, PRIVATE, TEST, STRANGERS = range(16), range(16, 40), range(40, 52), range(52, 64)  # voices
OVERLAPS = 0.0, 0.5  # of the shorter turn, in training
PAIRINGS = ("public",), ("public", "again")  # who talks over whom, first and then anew
STATED = 0.0, 0.25, 0.5  # at which word errors are measured
CHANNELS = 96
HIDDEN = {"multitalker": 64, "rnnt": 92}  # 344,831 and 343,713 weights
BATCH = 16
PUBLIC_RATE, PRIVATE_RATE = 3e-3, 2e-3

Pairs = Sequence[tuple[Utterance, Utterance, float]]


@dataclass(frozen=True)
class Size:
    """How much is said, in turns and in pairs of them, and how often it is gone through."""

    public: int  # turns
    private: int  # pairs, half of them members
    test: int  # pairs
    strangers: int
    alone: int  # epochs of `multitalker` on turns of one talker
    paired: int  # and then on pairs, each time
    plain: int  # epochs of `rnnt`
    epochs: int  # on private pairs


def kept(folder: Path, target: str, size: Size) -> Recipe:
    """Return a target that has learnt from public speech, from a folder where it is there."""
    schedule = Schedule(size.epochs, BATCH, PRIVATE_RATE)
    recipe = Recipe(
        target, Characters(), CHANNELS, HIDDEN[target], schedule, 1e-5, size.private // 2
    )
    path = folder / f"{target}.safetensors"
    if not path.exists():
        recognizer = taught(recipe, size)
        with whole_file(path) as file:
            save_file(recognizer.state_dict(), file)
    return replace(recipe, start=load_file(path))


def taught(recipe: Recipe, size: Size) -> Recognizer:
    """Return a target that has learnt from public speech."""
    turns = said(PUBLIC, size.public)
    recognizer = recipe.untrained(SEED.child("weights"))
    recognizer.logmel.calibrate(turns)
    if recipe.target == "rnnt":
        learn(recognizer, turns, size.plain, PUBLIC_RATE, augment=True)
    else:
        learn(recognizer, turns, size.alone, PUBLIC_RATE, augment=True)
        for pairing in PAIRINGS:
            pairs = mixed(in_pairs(turns, OVERLAPS, SEED.child(*pairing)))
            learn(recognizer, pairs + turns[::4], size.paired, PUBLIC_RATE, augment=True)
    return recognizer


def said(voices: range, turns: int) -> list[Utterance]:
    """Return commands that voices say, without names."""
    return say_phrases(list(voices), turns, seed=0, cache=default_cache(), personal=0.0)


def mixed(pairs: Pairs) -> list[Utterance]:
    """Return each pair as one recording."""
    return [overlapped(*pair) for pair in pairs]


def learn(
    recognizer: Recognizer,
    speech: Sequence[Utterance],
    epochs: int,
    rate: float,
    *,
    augment: bool,
) -> None:
    """Train a recogniser on."""
    fit(recognizer, speech, Schedule(epochs, BATCH, rate), SEED.child("fit"), augment=augment)
    losses = recognizer.nll(speech[:64])
    print(f"{epochs} epochs: {losses.mean():.2f} nats", file=sys.stderr, flush=True)
