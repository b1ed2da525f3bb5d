"""Does ConvRNN-T hear recordings of several seconds better than a plain transducer that streams?

All three transducers have nearly as many weights and an LSTM of one direction. `one-way` has the
convolutions of the other targets before it, as the local encoder of `convrnnt` is: what it lacks is
the global encoder. `stacked` has no convolutions at all: a linear map of every eight frames stands
before its LSTM.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from leaderboard.figures.intervals import rate, rate_difference
from leaderboard.game.build import speech_of
from leaderboard.spec.load import load_suite
from targets.core.files import default_cache
from targets.core.randomness import Randomness
from targets.models.convrnnt import ConvRNNT
from targets.models.recognizer import Recognizer
from targets.models.rnnt import Transducer
from targets.nn.encoder import MakeEncoder, Slower
from targets.nn.layers import LSTM, LayerNorm, Linear, sequence_mask
from targets.speech.features import MELS
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import say_phrases
from targets.training.recipe import Schedule
from tests.studies.architecture.course import train_once
from tests.studies.architecture.encoders import errors, wer_of
from tests.studies.intervals import percent

SEED = Randomness(0).child("streaming")
CHANNELS, HIDDEN = 96, 64  # the sizes of the suite `architectures`
BATCH = 8
JOINED = 2  # sentences of a speaker in a recording
CHOOSERS = 4  # speakers of those that are trained on otherwise, who choose the learning rate
JUDGES = 12  # further voices, of whom nothing is heard before


class OneWay(Slower):
    """Frames (B, T, M) to states (B, T', D): convolutions, then an LSTM of one direction."""

    width = 106  # as many weights in all as `convrnnt`, whose LSTM has 85

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        del hidden
        super().__init__(channels, slowing)
        self.lstm = LSTM(channels, self.width, bidirectional=False)
        self.output_norm = LayerNorm(self.width)

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `AcousticEncoder`."""
        x, mask, counts = self.slower(features, counts)
        return self.output_norm(self.lstm(x, mask)) * mask, counts


class Stacked(nn.Module):
    """Frames (B, T, M) to states (B, T', D): every `slowing` frames mapped, then an LSTM."""

    width = 144

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        del hidden
        super().__init__()
        self.slowing = slowing
        self.stacked, self.norm = Linear(slowing * MELS, channels), LayerNorm(channels)
        self.lstm = LSTM(channels, self.width, bidirectional=False)
        self.output_norm = LayerNorm(self.width)

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `AcousticEncoder`."""
        x = features * sequence_mask(counts, features.shape[1])
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.slowing)).unflatten(1, (-1, self.slowing))
        counts = -(-counts // self.slowing)
        mask = sequence_mask(counts, x.shape[1])
        x = F.gelu(self.norm(self.stacked(x.flatten(2))))
        return self.output_norm(self.lstm(x, mask)) * mask, counts


class OneWayTransducer(Transducer):
    """A plain transducer that streams."""

    make_encoder: ClassVar[MakeEncoder] = OneWay


class StackedTransducer(Transducer):
    """The same without convolutions."""

    make_encoder: ClassVar[MakeEncoder] = Stacked


NETWORKS = {"convrnnt": ConvRNNT, "one-way": OneWayTransducer, "stacked": StackedTransducer}
COMPARED = (("convrnnt", "one-way"), ("convrnnt", "stacked"), ("one-way", "stacked"))


@dataclass(frozen=True)
class Size:
    """How long is trained, with which learning rates, and how much of the speech there is."""

    rates: tuple[float, ...]
    epochs: int
    judged: int  # sentences of the voices that judge
    stride: int = 1  # every how many-th recording is trained on


FULL = Size((4e-3, 2e-3), epochs=12, judged=480)
TOY = Size((4e-3, 2e-3), epochs=1, judged=24, stride=12)


def figures(folder: Path, size: Size) -> dict[str, Any]:
    """Return what each transducer hears of voices that neither trained it nor chose its rate."""
    conditions = load_suite("architectures").conditions
    public = joined(speech_of(conditions, Path(), ("public",))["public"])
    speakers = sorted({u.speaker for u in public})
    known = [u for u in public if u.speaker in speakers[:-CHOOSERS]][:: size.stride]
    choosing = [u for u in public if u.speaker in speakers[-CHOOSERS:]][:: size.stride]
    others = range(len(speakers), len(speakers) + JUDGES)
    seed = SEED.child("judges").integer()
    judging = joined(say_phrases(others, size.judged, seed=seed, cache=default_cache()))
    chosen: dict[str, dict[str, float]] = {name: {} for name in NETWORKS}
    best: dict[str, Recognizer] = {}
    for speed in size.rates:
        for name in NETWORKS:
            recognizer = fresh(name)
            recognizer.logmel.calibrate(known)
            path = folder / "streaming" / f"{name}-{speed:g}.trained"
            schedule = Schedule(size.epochs, BATCH, speed)
            train_once(path, recognizer, known, schedule, SEED.child("fit"))
            wer = wer_of(errors(recognizer, choosing))
            print(path.name, f"{wer:.3f}", file=sys.stderr, flush=True)
            if wer < min(chosen[name].values(), default=np.inf):
                best[name] = recognizer
            chosen[name][f"{speed:g}"] = wer
    # The voices that judge are heard by the best training of each alone.
    counts = {name: np.array([errors(r, judging)], dtype=float) for name, r in best.items()}
    return {
        "size": asdict(size),
        "recordings": {
            "trained on": len(known),
            "choosing": len(choosing),
            "judging": len(judging),
        },
        "seconds": round(float(np.mean([u.duration for u in judging])), 2),
        "heard": [
            {
                "transducer": name,
                "weights": sum(p.numel() for p in best[name].network.parameters()),
                "choosing": chosen[name],
                "WER": percent(rate(c)),
            }
            for name, c in counts.items()
        ],
        "compared": [
            {
                "transducer": one,
                "less": other,
                "difference": percent(rate_difference(counts[one], counts[other])),
            }
            for one, other in COMPARED
        ],
    }


def fresh(name: str) -> Recognizer:
    """Return a transducer with random weights."""
    with torch.random.fork_rng(devices=[]):
        recognizer = Recognizer("convrnnt", Characters(), CHANNELS, HIDDEN)
        torch.default_generator.manual_seed(SEED.child("weights").integer())
        recognizer.network = NETWORKS[name](Characters().size, CHANNELS, HIDDEN)
    return recognizer


def joined(speech: Sequence[Utterance]) -> list[Utterance]:
    """Return recordings of `JOINED` sentences of a speaker, one after another; a rest is left."""
    recordings = []
    for speaker in sorted({u.speaker for u in speech}):
        said = [u for u in speech if u.speaker == speaker]
        for first in range(0, len(said) - JOINED + 1, JOINED):
            parts = said[first : first + JOINED]
            samples = np.concatenate([u.samples for u in parts])
            text = " ".join(u.text for u in parts)
            recordings.append(replace(parts[0], samples=samples, text=text, words=()))
    return recordings
