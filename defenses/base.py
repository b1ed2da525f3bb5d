"""What a defense is: private speech in, weights and a description of the mechanism out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from dp_accounting import DpEvent
from torch import Tensor

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)


@dataclass(frozen=True)
class Trained:
    """Weights of the suite's target and what the mechanism that made them did.

    `event` is priced by `defenses.accounting.price`; a defense never states its own ε. `notes` are
    figures worth keeping in the record that reveal nothing about members beyond the guarantee;
    those of submissions are not kept. `unit` is what may be added or removed for what the event
    says to hold.
    """

    weights: dict[str, Tensor]
    event: DpEvent
    notes: Mapping[str, float | str] = field(default_factory=dict)
    unit: Unit = "utterance"


class Mechanism(Protocol):
    """What adds the noise, and says what it did, from the same settings.

    The object that draws, bounds and adds noise is the one that is asked for the event, so that
    what is priced cannot drift from what is done.
    """

    @property
    def event(self) -> DpEvent:
        """All that the mechanism releases, as accounting prices it; it depends on no member."""
        ...

    @property
    def unit(self) -> Unit:
        """What may be added or removed for the event to hold."""
        ...


class Defense(Protocol):
    """A scheme: public hyperparameters in its frozen fields, private data in `train` alone."""

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """Train the recipe's target on the members, under this scheme.

        Public utterances without a transcript (text "") are untranscribed speech of the public.
        """
        ...


class SharedWork(Protocol):
    """Work on the members that is the same for several settings of a scheme, and is done once.

    A frozen dataclass of public settings: two that are equal have the same result.
    """

    @property
    def name(self) -> str:
        """What it is, in lower case with hyphens: the names of its job and file begin with it."""
        ...

    def compute(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> dict[str, JsonValue]:
        """Return what the members give, without noise: private, as they are."""
        ...


@runtime_checkable
class SharingDefense(Defense, Protocol):
    """A scheme whose `train` is `shared_work.compute`, then `finish`, with the same streams."""

    @property
    def shared_work(self) -> SharedWork:
        """All that needs the members; settings that enter only later, such as ε, are not in it."""
        ...

    def finish(
        self,
        recipe: Recipe,
        public: Sequence[Utterance],
        shared: Mapping[str, JsonValue],
        rng: Randomness,
    ) -> Trained:
        """Return what `train` does, from what the shared work found on this recipe and speech."""
        ...


def weights_of(recognizer: Recognizer) -> dict[str, Tensor]:
    """Return a copy of a recogniser's weights in the main memory, wherever it was trained."""
    return {
        name: tensor.detach().to("cpu", copy=True)
        for name, tensor in recognizer.state_dict().items()
    }


def device_of(recognizer: Recognizer) -> torch.device:
    """Return the device that a recogniser's parameters are on."""
    return next(recognizer.network.parameters()).device
