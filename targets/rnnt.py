"""The recurrent neural network transducer (Graves 2012)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torchaudio.functional import rnnt_loss

from targets.ctc import Hypothesis, logaddexp
from targets.encoder import Encoder
from targets.layers import LSTM, Embedding, Linear, sequence_mask
from targets.tokens import BLANK
from targets.trie import Trie

# Decoding moves on to the next frame after so many: the encoder hears both directions, so that a
# transducer may write a whole word at one frame, and a forced blank there loses the right words.
MOST_UNITS_A_FRAME = 20


class Transducer(nn.Module):
    """An encoder, a prediction network over the units so far, and a joiner of the two."""

    def __init__(self, units: int, channels: int, hidden: int) -> None:
        super().__init__()
        # A transducer may write several units a state, and half the states halve its cost.
        self.encoder = Encoder(channels, hidden, slowing=8)
        self.embedding = Embedding(units, hidden)
        self.prediction = LSTM(hidden, hidden, bidirectional=False)
        self.from_encoder = Linear(self.encoder.width, hidden)
        self.from_prediction = Linear(hidden, hidden, bias=False)
        self.output = Linear(hidden, units)

    def losses(self, features: Tensor, counts: Tensor, units: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript, in nats."""
        states, counts = self.encoder(features, counts)
        targets = pad_sequence([torch.tensor(u, dtype=torch.long) for u in units], batch_first=True)
        lengths = torch.tensor([len(u) for u in units])
        started = nn.functional.pad(targets, (1, 0), value=BLANK)
        mask = sequence_mask(lengths + 1, started.shape[1])
        predicted = self.from_prediction(self.prediction(self.embedding(started), mask))
        joint = self.from_encoder(states)[:, :, None] + predicted[:, None]  # (B, T', U + 1, J)
        logits = self.output(joint.tanh())
        return rnnt_loss(
            logits, targets.int(), counts.int(), lengths.int(), blank=BLANK, reduction="none"
        )

    def _predict(
        self, units: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Advance the prediction network by one unit (N,) each."""
        h, state = self.prediction.step(self.embedding(units), state)
        return self.from_prediction(h), state

    def _join(self, frames: Tensor, predicted: Tensor) -> Tensor:
        return self.output((frames + predicted).tanh()).log_softmax(-1)

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the units of each utterance, the best one at every step."""
        states, counts = self.encoder(features, counts)
        frames = self.from_encoder(states)
        written = [torch.full_like(counts, BLANK)]
        predicted, state = self._predict(written[0], self.prediction.start(len(frames)))
        for t in range(frames.shape[1]):
            active = counts > t
            for _ in range(MOST_UNITS_A_FRAME):
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
        """Return up to `width` hypotheses of each utterance, best first.

        Time-synchronous search (Graves 2012) that sums over the alignments it meets.
        """
        states, counts = self.encoder(features, counts)
        frames = self.from_encoder(states)
        return [self._beam_one(f[:n], width) for f, n in zip(frames, counts.tolist(), strict=True)]

    def _beam_one(self, frames: Tensor, width: int) -> list[Hypothesis]:
        prefixes: list[tuple[int, ...]] = [()]
        scores = torch.zeros(1)
        predicted, state = self._predict(torch.tensor([BLANK]), self.prediction.start(1))
        for frame in frames:
            # Pools of what has moved on to the next frame, with where its network state lies.
            done: dict[tuple[int, ...], tuple[float, Tensor, Tensor, Tensor]] = {}
            for step in range(MOST_UNITS_A_FRAME + 1):
                log_probs = self._join(frame, predicted)
                moved = scores + log_probs[:, BLANK]
                for n, (prefix, score) in enumerate(zip(prefixes, moved.tolist(), strict=True)):
                    if prefix in done:
                        score = logaddexp(score, done[prefix][0])
                    done[prefix] = (score, predicted[n], state[0][n], state[1][n])
                if step == MOST_UNITS_A_FRAME:
                    break
                grown = scores[:, None] + log_probs
                grown[:, BLANK] = -math.inf
                top, where = grown.flatten().topk(min(width, grown.numel() - len(grown)))
                # An extension worse than the width-th finished hypothesis cannot come back.
                if len(done) >= width:
                    bar = sorted((entry[0] for entry in done.values()), reverse=True)[width - 1]
                    kept = top > bar
                    top, where = top[kept], where[kept]
                if not len(top):
                    break
                parents, units = where // grown.shape[1], where % grown.shape[1]
                prefixes = [
                    (*prefixes[p], u) for p, u in zip(parents.tolist(), units.tolist(), strict=True)
                ]
                scores = top
                predicted, state = self._predict(units, (state[0][parents], state[1][parents]))
            best = sorted(done.items(), key=lambda item: -item[1][0])[:width]
            prefixes = [prefix for prefix, _ in best]
            scores = torch.tensor([entry[0] for _, entry in best])
            predicted = torch.stack([entry[1] for _, entry in best])
            state = (
                torch.stack([entry[2] for _, entry in best]),
                torch.stack([entry[3] for _, entry in best]),
            )
        return list(zip(prefixes, scores.tolist(), strict=True))

    @torch.no_grad()
    def score(self, features: Tensor, counts: Tensor, units: Sequence[Sequence[int]]) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        states, _ = self.encoder(features, counts)
        frames = self.from_encoder(states)[0]  # (T, J)
        trie = Trie.of(units)
        # Log-probability (T, n) of having written a node's prefix when frame t begins to be read.
        predicted, state = self._predict(torch.tensor([BLANK]), self.prediction.start(1))
        stay, emit = self._emissions(frames, predicted, torch.zeros(1, dtype=torch.long), trie, 0)
        alpha = torch.cat([stay.new_zeros(1, 1), stay[:-1].cumsum(0)])
        finals = [alpha[-1] + stay[-1]]
        for depth, level in enumerate(trie.levels):
            predicted, state = self._predict(
                level.units, (state[0][level.parents], state[1][level.parents])
            )
            arrive = alpha[:, level.parents] + emit
            stay, emit = self._emissions(frames, predicted, level.units, trie, depth + 1)
            # alpha[t] = logaddexp(arrive[t], alpha[t-1] + stay[t-1]), all frames in one scan.
            travelled = torch.cat([stay.new_zeros(1, stay.shape[1]), stay[:-1].cumsum(0)])
            alpha = travelled + torch.logcumsumexp(arrive - travelled, 0)
            finals.append(alpha[-1] + stay[-1])
        return -trie.collect(finals)

    def _emissions(
        self, frames: Tensor, predicted: Tensor, units: Tensor, trie: Trie, depth: int
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of blank (T, n) and of each child's unit (T, children)."""
        children = trie.levels[depth] if depth < len(trie.levels) else None
        stay = torch.empty(len(frames), len(units), dtype=torch.float64)
        width = 0 if children is None else len(children.units)
        emit = torch.empty(len(frames), width, dtype=torch.float64)
        for t, frame in enumerate(frames):  # frame by frame, to keep (n, V) small
            log_probs = self._join(frame, predicted).double()
            stay[t] = log_probs[:, BLANK]
            if children is not None:
                emit[t] = log_probs[children.parents, children.units]
        return stay, emit
