"""What a network of a target is, and what it may be able to do beyond that.

A network is built of public sizes alone, `(vocabulary, channels, hidden)`, and then answers four
questions. What only some can do is a capability: a protocol of its own that a network fulfils by
having its methods, and that whoever needs it asks for by `isinstance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from targets.nn.search import Hypothesis


class Network(Protocol):
    """From log-mel frames to labels, with a loss for every transcript.

    `features` are standardised log-mel frames (B, T, M), zero where padded, `counts` (B,) the real
    frames of each. Utterances do not touch each other, and every tensor is made on the device of
    the features, where the weights are too.
    """

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the loss (B,) of each transcript, in nats, with gradients.

        Features (1, T, M) of one utterance serve any number of transcripts.
        """
        ...

    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of each utterance, the best one at every step."""
        ...

    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first."""
        ...

    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M).

        Exactly those of `nll`, but without a gradient and cheap for many.
        """
        ...


@runtime_checkable
class ReadsText(Protocol):
    """A network with parts that read the text so far, and so have learnt a language model.

    They are asked without audio: in place of states of an utterance they get one fixed state.
    """

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the encoder's states (B, T', D), zero where padded, and their counts (B,)."""
        ...

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the losses (N,) in nats of N texts, given one encoder state (D,) for audio."""
        ...


@runtime_checkable
class HasAdapters(Protocol):
    """A network of two parts: a base that public speech teaches, and adapters that schemes train.

    Before the adapters are trained they change nothing, so that the public start is the base's.
    """

    def adapter_weights(self) -> Sequence[nn.Parameter]:
        """Return the weights of the adapters; all others are the base's."""
        ...


@runtime_checkable
class TrainsOnMore(Protocol):
    """A network that is trained on more than the likelihood of transcripts."""

    def training_loss(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return what training minimises (B,): `nll` and, of each example by itself, the rest."""
        ...


@runtime_checkable
class ReportsCompute(Protocol):
    """A network that decides for each utterance how much it computes.

    Whoever sees how long it takes, or what it costs, sees that.
    """

    def compute(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the multiplications (B,) that each utterance takes by itself, and would at most.

        Those of its products of matrices, in the parts that depend on the audio alone.
        """
        ...


@runtime_checkable
class WritesTurns(Protocol):
    """A network that hears talkers who speak at once, and writes the turns of each.

    Its labels are those of `targets.speech.turns.TurnTokens`; it is built of the size of what these
    are made of, which has no marks.
    """

    def talkers_nll(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (B, talkers) in nats of what each says, the first to start first."""
        ...


def train_base_alone(network: nn.Module) -> None:
    """Freeze the adapters of a network that has any, and nothing else."""
    _freeze(network, base=False)


def train_adapters_alone(network: nn.Module) -> None:
    """Freeze the base of a network that has adapters, and nothing else."""
    _freeze(network, base=True)


def _freeze(network: nn.Module, *, base: bool) -> None:
    if isinstance(network, HasAdapters):
        network.requires_grad_(not base)
        for weight in network.adapter_weights():
            weight.requires_grad_(base)
