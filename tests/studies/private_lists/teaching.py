"""The recogniser of both studies, and the speech that teaches it: all of it public."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.base import train_base_alone
from targets.models.context.language_model import ClassBigrams
from targets.models.context.lists import drawn_list
from targets.models.ctc import ctc_nll
from targets.models.recognizer import Example, Recognizer, in_batches
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import default_cache
from targets.synthetic.rare.calls import calls, say_calls
from targets.synthetic.rare.names import RareName, rare_names
from targets.training.fit import descend, fit
from targets.training.recipe import Recipe, Schedule

SEED = 11  # of no published record
RANDOM = Randomness(SEED).child("contexts")  # another name would be other draws
TEACHERS, TUNERS, TESTERS, ATTACKER = range(32), range(32, 40), range(40, 56), 70  # voices
BATCH, RATE = 16, 3e-3
BASE, WHOLE = "base.safetensors", "whole.safetensors"


@dataclass(frozen=True)
class Size:
    """How much teaches the recogniser, who is tested, and who is probed how."""

    base: int  # names that teach the base, each said once
    adapter: int  # others, which with these teach the adapter
    base_epochs: int
    adapter_epochs: int
    width: int
    speakers: int  # who say names of their own lists
    listed: int  # names of each of these lists, of which half are said
    pool: int  # names that the attacker asks for
    users: int
    lists: tuple[int, ...]


def taught(folder: Path, size: Size) -> Recognizer:
    """Return a recogniser whose base and then whose adapter learnt, from a folder if it is there.

    The base hears a part of the speech, the adapter all of it: what a base knows by heart needs no
    list.
    """
    schedule = Schedule(size.base_epochs, BATCH, RATE)
    recipe = Recipe("ctc-context", Characters(), size.width, size.width, schedule, 1e-5, size.base)
    base = recipe.untrained(RANDOM.child("weights"))
    if not (folder / BASE).exists():
        train_base_alone(base.network)
        base.logmel.calibrate(lessons(size, "base"))
        fit(base, lessons(size, "base"), schedule, RANDOM.child("base", 0))
    kept(base, folder / BASE)
    whole = replace(recipe, start=base.state_dict()).build()
    if not (folder / WHOLE).exists():
        teach_adapter(whole, size)
    kept(whole, folder / WHOLE)
    return whole


def kept(recognizer: Recognizer, path: Path) -> None:
    """Write weights, whole or not at all, or read them where they are."""
    if not path.exists():
        with whole_file(path) as file:
            save_file(recognizer.state_dict(), file)
        print(f"{path} written", file=sys.stderr, flush=True)
    recognizer.load_state_dict(load_file(path))


def teach_adapter(recognizer: Recognizer, size: Size) -> None:
    """Teach the adapter, by the loss of the last layer alone.

    The inner layers' part of the loss of `fit` is left out: the adapter does not change it. So the
    gradient is not 0.7 times the last layer's, as there, but all of it. The states of the base,
    which stay, are computed once.
    """
    network = recognizer.network
    width = network.encoder.width

    @torch.no_grad()
    def heard(batch: Sequence[Utterance]) -> list[Example]:
        (_, before, last), counts = network.encoder.layers(*recognizer.logmel(batch))
        return [
            Example(states[:n], recognizer.tokens.encode(u.text))
            for states, n, u in zip(
                torch.cat([before, last], -1), counts.tolist(), batch, strict=True
            )
        ]

    def loss_of(batch: Sequence[Example]) -> Tensor:
        states = nn.utils.rnn.pad_sequence([e.features for e in batch], batch_first=True)
        counts = torch.tensor([len(e.features) for e in batch])
        labels = [e.labels for e in batch]
        lists = [drawn_list(tuple(row), network.vocabulary) for row in labels]
        frames = network.biased(states.split(width, -1), lists)
        return ctc_nll(frames, counts, labels).mean()

    speech = [u for part in ("base", "adapter") for u in lessons(size, part)]
    schedule = Schedule(size.adapter_epochs, BATCH, RATE)
    weights = network.adapter_weights()
    descend(weights, in_batches(speech, heard), loss_of, schedule, RANDOM.child("adapter"))


@cache
def lessons(size: Size, part: str) -> list[Utterance]:
    """Return the speech that teaches the base, or the rest of what teaches the adapter."""
    names = rare_names("teaching", size.base + size.adapter)
    some = names[: size.base] if part == "base" else names[size.base :]
    return said(some, list(TEACHERS), part)


def said(names: Sequence[RareName], voices: Sequence[int], why: str) -> list[Utterance]:
    """Return sentences with these names, the voices in turn."""
    made = [
        replace(call, id=f"{why}-{call.id}") for call in calls(names, voices, RANDOM.child(why))
    ]
    return say_calls(made, seed=SEED, cache=default_cache())


def language_model(size: Size) -> ClassBigrams:
    """Return the language model of what teaches the base: all of its names are unknown words."""
    return ClassBigrams.learn([u.text for u in lessons(size, "base")])
