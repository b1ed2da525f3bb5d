"""A speech recogniser: features, labels and a network, behind the few verbs that others need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import TrainsOnMore, WritesTurns
from targets.models.examples import Example as Example
from targets.models.examples import within_bound
from targets.models.pretrained import HearsItself, Pretrained
from targets.models.registry import TARGETS
from targets.nn.precision import SINGLE, products_in
from targets.speech.features import LogMel
from targets.speech.tokens import Tokens
from targets.speech.turns import TurnTokens
from targets.speech.utterance import Utterance

BATCH = 32  # utterances at once where nothing is learnt

Result = TypeVar("Result")


class Recognizer(nn.Module):
    """A target: what is trained, attacked and measured.

    It listens on the device that its weights are on (`to` moves it), and makes every tensor there.
    What leaves it as text or as a finished loss is on the CPU.

    Its frames are standardised log-mel, unless its network hears otherwise (`HearsItself`): then
    `logmel` is what makes the frames that it takes.

    `precision` is that of matrix products in training, and there alone: see `targets.nn.precision`.
    """

    def __init__(
        self,
        target: str,
        tokens: Tokens,
        channels: int,
        hidden: int,
        pretrained: Pretrained | None = None,
    ) -> None:
        super().__init__()
        network = _network(target, tokens, channels, hidden, pretrained)
        self.tokens: Tokens = TurnTokens(tokens) if isinstance(network, WritesTurns) else tokens
        self.logmel: Any = network.front_end() if isinstance(network, HearsItself) else LogMel()
        self.network = network
        self.precision = SINGLE

    @property
    def hears_log_mel(self) -> bool:
        """Whether the frames are log-mel, with or without further columns."""
        return bool(getattr(self.logmel, "has_log_mel", False))

    def examples(self, utterances: Sequence[Utterance]) -> list[Example]:
        """Return what training needs of each utterance, computed once.

        Of much speech most features lie in a file: see `targets.models.examples`.
        """
        if not isinstance(self.logmel, LogMel):
            self.logmel.prepare(utterances)
        made = (Example(self.logmel([u])[0][0], self.tokens.encode(u.text)) for u in utterances)
        return cast(list[Example], within_bound(made))

    def example_nll(self, batch: Sequence[Example]) -> Tensor:
        """Return the losses (B,) in nats of a non-empty batch, with gradients to the weights.

        They are what training minimises: see `TrainsOnMore`.
        """
        features = nn.utils.rnn.pad_sequence([e.features for e in batch], batch_first=True)
        counts = torch.tensor([len(e.features) for e in batch], device=features.device)
        network = self.network
        loss = network.training_loss if isinstance(network, TrainsOnMore) else network.nll
        with products_in(self.precision):
            return cast(Tensor, loss(features, counts, [e.labels for e in batch]))

    def nll_of(self, features: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the losses (B,) in nats of standardised log-mel frames, differentiable in them.

        `features` is (B, T, M), `counts` (B,) the real frames of each; where they are of one
        utterance, any number of texts are transcripts of it.
        """
        return self.network.nll(features, counts, [self.tokens.encode(t) for t in texts])

    @torch.no_grad()
    def nll(self, utterances: Sequence[Utterance]) -> Tensor:
        """Return the losses (N,) in nats of any number of utterances, on the CPU, no gradients."""

        def losses(batch: Sequence[Utterance]) -> list[float]:
            features, counts = self.logmel(batch)
            return self.nll_of(features, counts, [u.text for u in batch]).tolist()

        return torch.tensor(in_batches(utterances, losses), device="cpu")

    def transcribe(self, utterances: Sequence[Utterance], beam: int = 1) -> list[str]:
        """Return the transcript of each utterance, by greedy (beam 1) or beam search."""
        if beam > 1:
            return [best[0][0] for best in self.hypotheses(utterances, beam)]
        return in_batches(utterances, lambda batch: self.transcribe_features(*self.logmel(batch)))

    def transcribe_features(self, features: Tensor, counts: Tensor) -> list[str]:
        """Return the greedy transcript of standardised log-mel frames (B, T, M)."""
        return [self.tokens.decode(labels) for labels in self.network.greedy(features, counts)]

    def hypotheses(
        self, utterances: Sequence[Utterance], beam: int
    ) -> list[list[tuple[str, float]]]:
        """Return up to `beam` transcripts of each utterance with log-probabilities, best first."""

        def search(batch: Sequence[Utterance]) -> list[list[tuple[str, float]]]:
            features, counts = self.logmel(batch)
            found = self.network.beam(features, counts, beam)
            return [[(self.tokens.decode(u), p) for u, p in hypotheses] for hypotheses in found]

        return in_batches(utterances, search)

    @torch.no_grad()
    def nll_of_texts(self, utterance: Utterance, texts: Sequence[str]) -> Tensor:
        """Return the losses (N,) in nats of N transcripts of one audio, exactly, on the CPU."""
        labels = [self.tokens.encode(t) for t in texts]
        features, counts = self.logmel([utterance])
        return self.network.nll_of_each(features, counts, labels).cpu()

    # As submissions from before 0.2 call them.
    example_losses, losses_of, loss, score = example_nll, nll_of, nll, nll_of_texts


def _network(
    target: str, tokens: Tokens, channels: int, hidden: int, pretrained: Pretrained | None
) -> Any:
    entry = TARGETS[target]
    if not entry.pretrained:
        return entry.load()(tokens.size, channels, hidden)
    if pretrained is None:
        raise OverheardError(
            f"target {target} begins at a checkpoint: name its folder in a suite, under "
            f"training.checkpoint"
        )
    return entry.load()(pretrained)


def untrained(
    target: str,
    tokens: Tokens,
    channels: int,
    hidden: int,
    rng: Randomness,
    device: str = "cpu",
    pretrained: Pretrained | None = None,
) -> Recognizer:
    """Return a target with random weights and uncalibrated features, on a device.

    The weights are drawn on the CPU: a seed gives the same ones everywhere. A `pretrained` target
    is the checkpoint as it is.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(rng.integer())
        return Recognizer(target, tokens, channels, hidden, pretrained).to(device)


def in_batches(
    utterances: Sequence[Utterance],
    function: Callable[[Sequence[Utterance]], Sequence[Result]],
    size: int = BATCH,
) -> list[Result]:
    """Apply a function of a batch to all utterances, similar lengths together; keep their order."""
    order = sorted(range(len(utterances)), key=lambda i: utterances[i].size)
    results: dict[int, Result] = {}
    for start in range(0, len(order), size):
        places = order[start : start + size]
        results.update(zip(places, function([utterances[i] for i in places]), strict=True))
    return [results[i] for i in range(len(utterances))]
