"""The recipe of a suite's target: what every scheme trains, and from where it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from targets.core.randomness import Randomness
from targets.models.base import train_adapters_alone
from targets.models.pretrained import Pretrained
from targets.models.recognizer import Recognizer, untrained
from targets.nn.precision import SINGLE
from targets.speech.tokens import Tokens


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train without privacy."""

    epochs: int
    batch_size: int = 16
    learning_rate: float = 2e-3


@dataclass(frozen=True)
class Recipe:
    """Architecture, units and public start of a target: public knowledge, shared by all schemes.

    `start` holds the weights learnt from transcribed public speech (with the feature statistics); a
    scheme that fits private speech begins there. `student` holds those of the start after it taught
    itself the untranscribed public speech, where a suite wants that. `schedule` is the non-private
    training on the members.
    `delta` is the δ at which guarantees of this suite are stated, below one over the number of
    candidates. `expected_members` is what the coins make of the candidates on average: the number
    that was really drawn is private.
    `device` is where recognisers are built, and with them all that is trained, decoded and attacked
    ("cpu", "cuda:0"; see `targets.core.device`); `start` and `student` may be elsewhere.
    `precision` is that of matrix products in training, "single" or "bf16": see
    `targets.nn.precision`. What is decoded or attacked is computed in single precision.
    `pretrained` is the checkpoint that a target begins at which is not built from random weights.
    """

    target: str
    tokens: Tokens
    channels: int
    hidden: int
    schedule: Schedule
    delta: float
    expected_members: int
    start: Mapping[str, Tensor] = field(default_factory=dict)
    student: Mapping[str, Tensor] = field(default_factory=dict)
    device: str = "cpu"
    pretrained: Pretrained | None = None
    precision: str = SINGLE

    def build(self) -> Recognizer:
        """Return the target with the weights of the public start, on the recipe's device.

        Of one with adapters the base is frozen.
        """
        recognizer = self.untrained(Randomness(0))
        recognizer.load_state_dict(dict(self.start))
        train_adapters_alone(recognizer.network)
        return recognizer

    def self_trained(self) -> Recipe:
        """Return the recipe that begins at the student, or this one where there is none."""
        return replace(self, start=self.student) if self.student else self

    def untrained(self, rng: Randomness) -> Recognizer:
        """Return the target with random weights and uncalibrated features, on that device."""
        recognizer = untrained(
            self.target,
            self.tokens,
            self.channels,
            self.hidden,
            rng,
            self.device,
            self.pretrained,
        )
        recognizer.precision = self.precision
        return recognizer
