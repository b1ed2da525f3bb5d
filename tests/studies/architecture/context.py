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
from safetensors.torch import load_file
from torch import Tensor, nn

from leaderboard.figures.ranks import auc_difference
from leaderboard.game.build import speech_of
from leaderboard.game.recipe import STUDENT
from leaderboard.spec.load import load_suite
from leaderboard.spec.training import Training
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.nn.convrnnt import GlobalEncoder, PastExcitation
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.speech.wer import word_error_rate
from targets.training.recipe import Recipe, Schedule
from tests.studies.architecture.course import train_once
from tests.studies.intervals import percent, shown, told

SEED = Randomness(0).child("context")
BATCH, LEARNING_RATE = 16, 2e-3  # and of its private training
RNNT, WITH = "rnnt", "convrnnt"
SILENCED, CUT = "convrnnt, context silenced", "convrnnt, excitation cut"

Values = NDArray[np.float64]
Given = Callable[[Utterance], Utterance]


@dataclass(frozen=True)
class Size:
    """How much is said, and how often it is gone through."""

    private: int  # half of them members
    epochs: int


FULL = Size(560, 12)
TOY = Size(56, 1)


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


def figures(run: Path, folder: Path, size: Size) -> dict[str, Any]:
    """Return how well members are told by what each transducer makes of half their recordings."""
    conditions = load_suite("architectures").conditions
    speech = speech_of(conditions, Path(), ("private",))["private"]
    # Of a single word there is no rest.
    private = [u for u in speech if len(u.words) > 1][: size.private]
    coins = SEED.child("coins").numpy().integers(2, size=len(private)).astype(bool)
    speakers = np.unique([u.speaker for u in private], return_inverse=True)[1]
    scores: dict[tuple[str, str], Values] = {}
    heard = []
    for name in (RNNT, WITH):
        start = public_start(name, run, conditions.training)
        members = [u for u, coin in zip(private, coins, strict=True) if coin]
        place = folder / "context" / f"{name}.trained"
        trained = copy.deepcopy(start)
        schedule = Schedule(size.epochs, BATCH, LEARNING_RATE)
        train_once(place, trained, members, schedule, SEED.child("fit"))
        left_out = [u for u, coin in zip(private, coins, strict=True) if not coin]
        wer = word_error_rate(left_out, trained.transcribe(left_out), SEED.child("wer"))
        weights = sum(p.numel() for p in trained.network.parameters())
        heard.append({"target": name, "weights": weights, "WER": percent(wer)})
        pairs = {name: (start, trained)}
        if name == WITH:
            for ablated, cut in ((SILENCED, without_context), (CUT, without_excitation)):
                pairs[ablated] = cut(start), cut(trained)
        for who, (before, after) in pairs.items():
            for given, make in GIVEN.items():
                if who == name or given == HALF:
                    scores[who, given] = fallen(before, after, private, make)
        print(heard[-1], file=sys.stderr, flush=True)
    rows = [
        {
            "target": who,
            "given": given,
            "AUC": told(values, coins, speakers, SEED.child("auc", who, given)),
        }
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


def public_start(target: str, run: Path, training: Training) -> Recognizer:
    """Return the public start of a target from a run of the suite `architectures`."""
    (file,) = (run / "starts").glob(f"{target}-{'[0-9a-f]' * 12}.safetensors")
    start = {n: w for n, w in load_file(file).items() if not n.startswith(STUDENT)}
    recipe = Recipe(
        target, Characters(), training.channels, training.hidden, Schedule(1), 1e-5, 1, start=start
    )
    return recipe.build()


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
    ((WITH, HALF), (RNNT, HALF)),
    ((WITH, HALF), (SILENCED, HALF)),
    ((WITH, HALF), (CUT, HALF)),
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
