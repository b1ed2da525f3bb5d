"""Does the global context of `convrnnt` tell what a recording goes on to say?

States are causal: no state depends on later audio, and a test says so. But weights were trained on
whole recordings, and a context that is global may know a recording again by its first half. So what
is measured is whether a member's first half makes the true rest of its transcript likelier.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc
from leaderboard.figures.ranks import auc_difference
from leaderboard.game.build import speech_of
from leaderboard.spec.load import load_suite
from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, untrained
from targets.nn.convrnnt import GlobalEncoder, PastExcitation
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.speech.wer import word_error_rate
from targets.training.fit import fit
from targets.training.recipe import Schedule
from tests.studies.architecture.encoders import percent, shown

SEED = Randomness(0).child("context")
CHANNELS, HIDDEN = 96, 64  # of the suite `architectures`
BATCH = 16
PUBLIC_RATE, PRIVATE_RATE = 3e-3, 2e-3  # and its learning rates
RNNT, WITH, WITHOUT = "rnnt", "convrnnt", "convrnnt, taught without global context"

Values = NDArray[np.float64]
Given = Callable[[Utterance], Utterance]


@dataclass(frozen=True)
class Size:
    """How much is said, and how often it is gone through."""

    public: int
    private: int  # half of them members
    public_epochs: int
    epochs: int


FULL = Size(640, 480, 10, 12)
TOY = Size(32, 56, 1, 1)


class NoContext(nn.Module):
    """States of zeros in place of a global encoder's."""

    def __init__(self, model: GlobalEncoder) -> None:
        super().__init__()
        self.slowing, self.size = model.slowing, model.stacked.out_features

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:  # noqa: ARG002
        """See `GlobalEncoder`."""
        states = -(-features.shape[1] // self.slowing)
        return features.new_zeros(len(features), states, self.size)


class OwnExcitation(nn.Module):
    """Gates of each state from itself alone, in place of the mean of all states so far."""

    def __init__(self, model: PastExcitation) -> None:
        super().__init__()
        self.squeeze, self.excite = model.squeeze, model.excite

    def forward(self, x: Tensor) -> Tensor:
        """See `PastExcitation`."""
        return x * self.excite(nn.functional.silu(self.squeeze(x))).sigmoid()


def without_context(recognizer: Recognizer) -> Recognizer:
    """Return a copy of a `convrnnt` whose LSTM gets nothing from the global encoder."""
    other = copy.deepcopy(recognizer)
    other.network.encoder.global_encoder = NoContext(other.network.encoder.global_encoder)
    return other


def without_excitation(recognizer: Recognizer) -> Recognizer:
    """Return a copy of a `convrnnt` whose gates know no earlier state."""
    other = copy.deepcopy(recognizer)
    for block in other.network.encoder.global_encoder.blocks:
        block.excitation = OwnExcitation(block.excitation)
    return other


def figures(an4: Path, folder: Path, size: Size) -> dict[str, Any]:
    """Return how well members are told by what each transducer makes of half their recordings."""
    del an4
    speech = speech_of(load_suite("architectures").conditions, Path(), ("public", "private"))
    public = [u for u in speech["public"] if u.text][: size.public]
    # Of a single word there is no rest.
    private = [u for u in speech["private"] if len(u.words) > 1][: size.private]
    coins = SEED.child("coins").numpy().integers(2, size=len(private)).astype(bool)
    speakers = np.unique([u.speaker for u in private], return_inverse=True)[1]
    scores: dict[tuple[str, str], Values] = {}
    heard = []
    for name in (RNNT, WITH, WITHOUT):
        start, trained = taught(name, public, private, coins, folder, size)
        left_out = [u for u, coin in zip(private, coins, strict=True) if not coin]
        wer = word_error_rate(left_out, trained.transcribe(left_out), SEED.child("wer"))
        weights = sum(p.numel() for p in trained.network.parameters())
        heard.append({"target": name, "weights": weights, "WER": percent(wer)})
        pairs = {name: (start, trained)}
        if name == WITH:
            for ablated, cut in (
                ("convrnnt, context silenced", without_context),
                ("convrnnt, excitation cut", without_excitation),
            ):
                pairs[ablated] = cut(start), cut(trained)
        for who, (before, after) in pairs.items():
            for given, make in GIVEN.items():
                if who == name or given == HALF:
                    scores[who, given] = fallen(before, after, private, make)
        print(heard[-1], file=sys.stderr, flush=True)
    rows = [
        {"target": who, "given": given, "AUC": told(values, coins, speakers, who, given)}
        for (who, given), values in scores.items()
    ]
    comparisons = [
        {
            "one": list(one),
            "other": list(other),
            "difference": shown(auc_difference(scores[one], scores[other], coins, speakers)),
        }
        for one, other in COMPARED
    ]
    return {
        "size": asdict(size),
        "members": int(coins.sum()),
        "others": int((~coins).sum()),
        "speakers": len(np.unique(speakers)),
        "heard": heard,
        "told": rows,
        "compared": comparisons,
    }


def taught(
    name: str,
    public: Sequence[Utterance],
    private: Sequence[Utterance],
    coins: NDArray[np.bool_],
    folder: Path,
    size: Size,
) -> tuple[Recognizer, Recognizer]:
    """Return a target that public speech taught, and what members made of it."""
    target = RNNT if name == RNNT else WITH
    made = untrained(target, Characters(), CHANNELS, HIDDEN, SEED.child("weights"))
    if name == WITHOUT:
        made = without_context(made)
    made.logmel.calibrate(public)
    members = [u for u, coin in zip(private, coins, strict=True) if coin]
    first = Schedule(size.public_epochs, BATCH, PUBLIC_RATE)
    then = Schedule(size.epochs, BATCH, PRIVATE_RATE)
    place = folder / "context" / name.replace(", ", "-").replace(" ", "-")
    start = kept(place.with_suffix(".start"), made, public, first, augment=True)
    return start, kept(place.with_suffix(".trained"), start, members, then, augment=False)


def kept(
    path: Path,
    recognizer: Recognizer,
    speech: Sequence[Utterance],
    schedule: Schedule,
    *,
    augment: bool,
) -> Recognizer:
    """Return a copy that was trained on, from its file where that is there."""
    other = copy.deepcopy(recognizer)
    if path.exists():
        other.load_state_dict(load_file(path))
        return other
    fit(other, speech, schedule, SEED.child("fit"), augment=augment)
    with whole_file(path) as file:
        save_file(other.state_dict(), file)
    print(f"{path.name}: {other.nll(speech[:64]).mean():.2f} nats", file=sys.stderr, flush=True)
    return other


def half(utterance: Utterance) -> int:
    """Return how many words the first half of a recording has: of an odd number the larger part."""
    return (len(utterance.words) + 1) // 2


def first_half(utterance: Utterance) -> Utterance:
    """Return a recording up to the end of its first half."""
    end = round(utterance.words[half(utterance) - 1].end * SAMPLE_RATE)
    return replace(utterance, samples=utterance.samples[:end].copy())


def no_sound(utterance: Utterance) -> Utterance:
    """Return silence as long as a recording."""
    return replace(utterance, samples=np.zeros_like(utterance.samples))


GIVEN: Mapping[str, Given] = {
    "whole recording": lambda u: u,
    "first half": first_half,
    "silence": no_sound,
}
HALF, SILENCE = "first half", "silence"
COMPARED = (
    ((WITH, HALF), (WITH, SILENCE)),
    ((RNNT, HALF), (RNNT, SILENCE)),
    ((WITHOUT, HALF), (WITHOUT, SILENCE)),
    ((WITH, HALF), (WITHOUT, HALF)),
    ((WITH, HALF), (RNNT, HALF)),
    ((WITH, HALF), ("convrnnt, context silenced", HALF)),
    ((WITH, HALF), ("convrnnt, excitation cut", HALF)),
)


@torch.no_grad()
def fallen(
    before: Recognizer, after: Recognizer, speech: Sequence[Utterance], given: Given
) -> Values:
    """Return how far the loss of the rest (N,) has fallen since the public start, in nats.

    The loss of the rest is that of the whole transcript less that of the words of the first half,
    both of the same audio.
    """
    heard = [given(u) for u in speech]
    begun = [replace(u, samples=u.samples, text=" ".join(u.text.split()[: half(u)])) for u in heard]
    losses = [r.nll(heard) - r.nll(begun) for r in (before, after)]
    return (losses[0] - losses[1]).double().numpy()


def told(
    scores: Values,
    coins: NDArray[np.bool_],
    speakers: NDArray[np.int64],
    who: str,
    given: str,
) -> str:
    """Return the AUC of scores (N,), resampled by speakers."""
    trials = Trials(
        scores[coins], scores[~coins], "utterance", "one_run", speakers[coins], speakers[~coins]
    )
    return shown(auc(trials, rng=SEED.child("auc", who, given).numpy()))
