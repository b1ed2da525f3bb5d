"""The recurrent neural network transducer (Graves 2012)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchaudio.functional import rnnt_loss

from targets.models.rnnt_beam import MOST_LABELS_A_FRAME, beam_search
from targets.nn.encoder import Encoder, MakeEncoder, for_all
from targets.nn.layers import LSTM, Embedding, Linear, padded_labels, sequence_mask
from targets.nn.search import NEVER, Hypothesis
from targets.nn.trie import Trie
from targets.speech.tokens import BLANK

AT_ONCE = 1_024  # pairs of a frame and a prefix that are joined at once in scoring


class Transducer(nn.Module):
    """An encoder, a prediction network over the labels so far, and a joiner of the two."""

    make_encoder: ClassVar[MakeEncoder] = Encoder

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__()
        # A transducer may write several labels a state, and half the states halve its cost.
        self.encoder = self.make_encoder(channels, hidden, slowing=8)
        self.embedding = Embedding(vocabulary, hidden)
        self.prediction = LSTM(hidden, hidden, bidirectional=False)
        self.from_encoder = Linear(self.encoder.width, hidden)
        self.from_prediction = Linear(hidden, hidden, bias=False)
        self.output = Linear(hidden, vocabulary)

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript, in nats."""
        return self.nll_of_states(*for_all(self.encoder(features, counts), len(labels)), labels)

    def nll_of_states(
        self, states: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the same, given the encoder's states (B, T', D) and their counts (B,)."""
        targets, lengths = padded_labels(labels, states.device)
        started = nn.functional.pad(targets, (1, 0), value=BLANK)
        mask = sequence_mask(lengths + 1, started.shape[1])
        predicted = self.from_prediction(self.prediction(self.embedding(started), mask))
        joint = self.from_encoder(states)[:, :, None] + predicted[:, None]  # (B, T', U + 1, J)
        logits = self.output(joint.tanh())
        if not torch.is_grad_enabled():
            return nll_alone(logits, counts, targets, lengths)
        return rnnt_loss(
            logits, targets.int(), counts.int(), lengths.int(), blank=BLANK, reduction="none"
        )

    def _predict(
        self, labels: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Advance the prediction network by one label (N,) each."""
        h, state = self.prediction.step(self.embedding(labels), state)
        return self.from_prediction(h), state

    def _join(self, frames: Tensor, predicted: Tensor) -> Tensor:
        return self.output((frames + predicted).tanh()).log_softmax(-1)

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of each utterance, the best one at every step."""
        return self.greedy_of_states(*self.encoder(features, counts))

    @torch.no_grad()
    def greedy_of_states(self, states: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the same, given the encoder's states (B, T', D) and their counts (B,)."""
        frames = self.from_encoder(states)
        written = [torch.full_like(counts, BLANK)]
        predicted, state = self._predict(written[0], self.prediction.start(len(frames)))
        for t in range(frames.shape[1]):
            active = counts > t
            for _ in range(MOST_LABELS_A_FRAME):
                best = self._join(frames[:, t], predicted).argmax(-1).where(active, BLANK)
                active = best != BLANK
                if not active.any():
                    break
                written.append(best)
                # All rows are computed and the finished ones keep what they had: to pick rows
                # would cost as much, and would mix up the models of an ensemble.
                new, (h, c) = self._predict(best, state)
                kept = active[:, None]
                predicted = new.where(kept, predicted)
                state = h.where(kept, state[0]), c.where(kept, state[1])
        return [[u for u in row if u != BLANK] for row in torch.stack(written, 1).tolist()]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first."""
        return self.beam_of_states(*self.encoder(features, counts), width)

    @torch.no_grad()
    def beam_of_states(self, states: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return the same, given the encoder's states (B, T', D) and their counts (B,)."""
        frames = self.from_encoder(states)
        start = self.prediction.start(len(frames))
        return beam_search(frames, counts, width, self._join, self._predict, start)

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        states, _ = self.encoder(features, counts)
        return self.nll_of_each_of_states(states, labels)

    @torch.no_grad()
    def nll_of_each_of_states(self, states: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the same, given the encoder's states (1, T', D) of the utterance."""
        frames = self.from_encoder(states)[0]  # (T', J)
        trie = Trie.of(labels, frames.device)
        # Log-probability (T, n) of having written a node's prefix when frame t begins to be read.
        first = torch.full((1,), BLANK, device=frames.device)
        predicted, state = self._predict(first, self.prediction.start(1))
        stay, emit = self._emissions(frames, predicted, trie, 0)
        alpha = torch.cat([stay.new_zeros(1, 1), stay[:-1].cumsum(0)])
        finals = [alpha[-1] + stay[-1]]
        for depth, level in enumerate(trie.levels):
            predicted, state = self._predict(
                level.labels, (state[0][level.parents], state[1][level.parents])
            )
            arrive = alpha[:, level.parents] + emit
            stay, emit = self._emissions(frames, predicted, trie, depth + 1)
            # alpha[t] = logaddexp(arrive[t], alpha[t-1] + stay[t-1]), all frames in one scan.
            travelled = torch.cat([stay.new_zeros(1, stay.shape[1]), stay[:-1].cumsum(0)])
            alpha = travelled + torch.logcumsumexp(arrive - travelled, 0)
            finals.append(alpha[-1] + stay[-1])
        return -trie.collect(finals)

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReadsText`."""
        return self.encoder(features, counts)

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """See `ReadsText`; no blank is written before a text ends."""
        trie = Trie.of(labels, state.device)
        frame = self.from_encoder(state)
        first = torch.full((1,), BLANK, device=state.device)
        predicted, memory = self._predict(first, self.prediction.start(1))
        written = torch.zeros(1, dtype=torch.float64, device=state.device)
        finals = [written]
        for level in trie.levels:
            logits = self.output((frame + predicted).tanh()).double()
            logits[:, BLANK] = NEVER
            log_probs = logits.log_softmax(-1)
            written = written[level.parents] + log_probs[level.parents, level.labels]
            predicted, memory = self._predict(
                level.labels, (memory[0][level.parents], memory[1][level.parents])
            )
            finals.append(written)
        return -trie.collect(finals)

    def _emissions(
        self, frames: Tensor, predicted: Tensor, trie: Trie, depth: int
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of blank (T, n) and of each child's label (T, children)."""
        children = trie.levels[depth] if depth < len(trie.levels) else None
        nodes, width = len(predicted), 0 if children is None else len(children.labels)
        stay = frames.new_empty(len(frames), nodes, dtype=torch.float64)
        emit = frames.new_empty(len(frames), width, dtype=torch.float64)
        step = max(1, AT_ONCE // nodes)
        for t in range(0, len(frames), step):  # a few frames at a time, to keep (t, n, V) small
            log_probs = self._join(frames[t : t + step, None], predicted)
            stay[t : t + step] = log_probs[..., BLANK]
            if children is not None:
                emit[t : t + step] = log_probs[:, children.parents, children.labels]
        return stay, emit


def nll_alone(logits: Tensor, counts: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Return the losses (B,) of logits (B, T', U + 1, V), without what a gradient would need.

    torchaudio computes the gradient with every loss, which takes half of the time.
    """
    whole = logits.logsumexp(-1)
    stay = (logits[..., BLANK] - whole).double()
    wanted = targets[:, None, :, None].expand(-1, logits.shape[1], -1, -1)
    emit = (logits[:, :, :-1].gather(-1, wanted)[..., 0] - whole[:, :, :-1]).double()
    # Log-probability of having written u labels when frame t begins to be read, u by u: all frames
    # in one scan, as in `Transducer.score`.
    travelled = nn.functional.pad(stay[:, :-1], (0, 0, 1, 0)).cumsum(1)
    alphas = [travelled[:, :, 0]]
    for u in range(emit.shape[2]):
        way = travelled[:, :, u + 1]
        alphas.append(way + torch.logcumsumexp(alphas[-1] + emit[:, :, u] - way, 1))
    ends = torch.stack(alphas, 2) + stay
    rows = torch.arange(len(logits), device=logits.device)
    return -ends[rows, counts - 1, lengths].float()
