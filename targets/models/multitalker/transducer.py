"""A transducer for two talkers who speak at once (Sklyar et al. 2022, arXiv 2205.05199)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torchaudio.functional import rnnt_loss

from targets.core.errors import OverheardError
from targets.models.multitalker.separator import TALKERS, Separator
from targets.models.rnnt import Transducer, nll_alone
from targets.nn.encoder import MakeEncoder, for_all
from targets.nn.layers import padded_labels, sequence_mask
from targets.nn.search import Hypothesis
from targets.speech.tokens import BLANK


class MultitalkerTransducer(Transducer):
    """A transducer that is shared by the channels of a separator. See `Transducer`, `WritesTurns`.

    The first channel writes what the talker says who starts first, the second the other: so the
    loss knows which is whose, and is the sum of both (deterministic assignment). Each writes a
    label where a turn starts, and one where it ends; that is the segmenter. `vocabulary` is the
    number of labels of words; three for marks come after them.
    """

    make_encoder: ClassVar[MakeEncoder] = Separator

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__(vocabulary + 2, channels, hidden)
        self.following = vocabulary + 2  # the mark between talkers, which no channel writes

    def nll_of_states(
        self, states: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """See `Transducer`; states (B, T', talkers * D) of `Separator`."""
        return self._talkers_nll(states, counts, labels).sum(1)

    def talkers_nll(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """See `WritesTurns`."""
        states, counts = for_all(self.encoder(features, counts), len(labels))
        return self._talkers_nll(states, counts, labels)

    def _talkers_nll(
        self, states: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        said = [talker for row in labels for talker in self._talkers(row)]
        targets, lengths = padded_labels(said, states.device)  # (B * talkers, U)
        # As in `Separator`: one talker after the other in a row, with a masked step behind each.
        started = F.pad(targets, (1, 1), value=BLANK)
        steps = sequence_mask(lengths + 1, started.shape[1])
        row, mask = (x.unflatten(0, (-1, TALKERS)).flatten(1, 2) for x in (started, steps))
        read = self.from_prediction(self.prediction(self.embedding(row), mask))
        predicted = read.unflatten(1, (TALKERS, -1))[:, :, :-1]  # (B, talkers, U + 1, J)
        frames = self.from_encoder(_each(states))  # (B, talkers, T', J)
        joint = frames[:, :, :, None] + predicted[:, :, None]
        logits = self.output(joint.tanh()).flatten(0, 1)  # (B * talkers, T', U + 1, V)
        each = counts.repeat_interleave(TALKERS)
        if torch.is_grad_enabled():
            losses = rnnt_loss(
                logits, targets.int(), each.int(), lengths.int(), blank=BLANK, reduction="none"
            )
        else:
            losses = nll_alone(logits, each, targets, lengths)
        return losses.unflatten(0, (-1, TALKERS))

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """See `Transducer`; the labels of both talkers, with the mark between them."""
        states, counts = self.encoder(features, counts)
        alone = self.greedy_of_states(
            _each(states).flatten(0, 1), counts.repeat_interleave(TALKERS)
        )
        return [self._together(alone[n : n + TALKERS]) for n in range(0, len(alone), TALKERS)]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """See `Transducer`; the likeliest pairs of what each talker may have said.

        Given the states, neither depends on what the other said.
        """
        states, counts = self.encoder(features, counts)
        alone = self.beam_of_states(
            _each(states).flatten(0, 1), counts.repeat_interleave(TALKERS), width
        )
        found = []
        for n in range(0, len(alone), TALKERS):
            first, second = alone[n : n + TALKERS]
            pairs = [(tuple(self._together([a, b])), p + q) for a, p in first for b, q in second]
            found.append(sorted(pairs, key=lambda pair: -pair[1])[:width])
        return found

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """See `Transducer`."""
        states, _ = self.encoder(features, counts)
        said = zip(*map(self._talkers, labels), strict=True)
        losses = [
            self.nll_of_each_of_states(own, list(texts))
            for own, texts in zip(_each(states).unbind(1), said, strict=True)
        ]
        return torch.stack(losses).sum(0)

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReadsText`; the states of the first talker, of whom a text without marks is."""
        states, counts = self.encoder(features, counts)
        return _each(states)[:, 0], counts

    def _talkers(self, labels: Sequence[int]) -> list[list[int]]:
        """Return what each talker says.

        Raises:
            OverheardError: there are too many of them.
        """
        talkers: list[list[int]] = [[]]
        for label in labels:
            if label == self.following:
                talkers.append([])
            else:
                talkers[-1].append(label)
        if len(talkers) > TALKERS:
            raise OverheardError(
                f"a transcript has {len(talkers)} talkers: multitalker hears {TALKERS}"
            )
        return talkers + [[]] * (TALKERS - len(talkers))

    def _together(self, talkers: Sequence[Sequence[int]]) -> list[int]:
        """Return the labels of all talkers: the inverse of `_talkers`."""
        first, second = talkers
        return [*first, self.following, *second] if second else [*first]


def _each(states: Tensor) -> Tensor:
    """Return states (B, talkers, T', D) of those side by side (B, T', talkers * D)."""
    return states.unflatten(2, (TALKERS, -1)).transpose(1, 2)
