"""The attention decoder that LAS and the hybrid share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.layers import LSTM, Embedding, Linear, padded_labels, sequence_mask
from targets.nn.search import END, NEVER
from targets.nn.trie import Trie
from targets.speech.tokens import BLANK

WIDE = -3.5  # of the window at the start: softplus of it is 1 / 2σ² for σ of about four labels

State = tuple[Tensor, Tensor]


class Memory(NamedTuple):
    """What a decoder listens to: B utterances of T states, prepared once for all its questions.

    `keys` is (B, T, K), `clock` (B, T) how many labels the encoder believes to have been spoken by
    each state, `values` (B, T, D); `padding` (B, 1, T) is true where there is no state.
    """

    keys: Tensor
    clock: Tensor
    values: Tensor
    padding: Tensor


class AttentionDecoder(nn.Module):
    """An LSTM over the labels so far, which asks the encoder's states what comes next.

    The context that attention finds is used for the output only and never fed back ("late"
    attention): all steps of all transcripts are one batched pass, every parameter is used once,
    and transcripts with a common beginning share its work.

    Attention has to find the place in the audio from the labels so far. Content alone does not
    tell the second "three" of "three three" from the first, and learns to align only from much
    speech; so the encoder keeps a clock, which runs while labels are spoken, and attention to label
    u is a Gaussian window around the clock's u, as wide as the decoder likes, times the content.
    """

    def __init__(self, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary, hidden)
        self.lstm = LSTM(hidden, hidden, bidirectional=False)
        self.query = Linear(hidden, hidden + 2)  # content, shift and sharpness of the window
        self.key = Linear(width, hidden + 1)  # content, pace of the clock
        self.joint = Linear(hidden + width, hidden)
        self.output = Linear(hidden, vocabulary)
        with torch.no_grad():
            self.query.bias[-2] = 0.0
            self.query.bias[-1] = WIDE
            self.key.bias[-1] = 0.0

    def memory(self, states: Tensor, counts: Tensor) -> Memory:
        """Prepare the encoder's states (B, T, D), the first `counts[b]` of them real."""
        keys = self.key(states)
        mask = sequence_mask(counts, states.shape[1])
        clock = (F.softplus(keys[..., -1]) * mask[..., 0]).cumsum(1)
        return Memory(keys[..., :-1], clock, states, mask.transpose(1, 2) == 0)

    def write(self, memory: Memory, questions: Tensor, places: Tensor) -> Tensor:
        """Return log-probabilities (B, U, V) of what comes next.

        `questions` (B, U, H) are states of the LSTM, any number for each utterance, `places` (U,)
        how many labels have been written before each.
        """
        asked = self.query(questions)
        shift, sharpness = asked[..., -2:-1], F.softplus(asked[..., -1:])
        content = asked[..., :-2] @ memory.keys.transpose(1, 2) / math.sqrt(memory.keys.shape[2])
        away = memory.clock[:, None] - (places[:, None] + shift)
        logits = content - sharpness * away.square()
        weights = logits.masked_fill(memory.padding, NEVER).softmax(-1)
        context = weights @ memory.values
        return self.output(self.joint(torch.cat([questions, context], -1)).tanh()).log_softmax(-1)

    def write_at(self, memory: Memory, questions: Tensor, place: int) -> Tensor:
        """Return the same where all questions have as many labels before them."""
        places = torch.full((1,), place, device=questions.device)
        return self.write(memory, questions, places)

    def nll(self, memory: Memory, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript and its end, in nats."""
        targets, lengths = padded_labels(labels, memory.keys.device)
        mask = sequence_mask(lengths + 1, targets.shape[1] + 1)
        questions = self.lstm(self.embedding(F.pad(targets, (1, 0), value=BLANK)), mask)
        places = torch.arange(mask.shape[1], device=mask.device)
        log_probs = self.write(memory, questions, places)
        written = log_probs.gather(2, F.pad(targets, (0, 1), value=END)[..., None])
        return -(written * mask).sum((1, 2))

    def start(self, n: int) -> State:
        """Return the LSTM's state (n, H each) after the start of a sentence."""
        state = self.lstm.start(n)
        return self.step(torch.full((n,), BLANK, device=state[0].device), state)

    def step(self, labels: Tensor, state: State) -> State:
        """Return the LSTM's state after one more label (N,) each."""
        return self.lstm.step(self.embedding(labels), state)[1]

    def nll_of_each(self, memory: Memory, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the losses (N,) of N transcripts of the one utterance in `memory`."""
        device = memory.keys.device
        trie = Trie.of(labels, device)
        state = self.start(1)
        # Log-probability of every node's prefix.
        written = torch.zeros(1, dtype=torch.float64, device=device)
        log_probs = self.write_at(memory, state[0][None], 0)[0].double()
        finals = [written + log_probs[:, END]]
        for depth, level in enumerate(trie.levels, start=1):
            written = written[level.parents] + log_probs[level.parents, level.labels]
            state = self.step(level.labels, (state[0][level.parents], state[1][level.parents]))
            log_probs = self.write_at(memory, state[0][None], depth)[0].double()
            finals.append(written + log_probs[:, END])
        return -trie.collect(finals)

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the losses (N,) of N texts that listen to one state (D,) and to nothing else."""
        one = torch.ones(1, dtype=torch.long, device=state.device)
        return self.nll_of_each(self.memory(state[None, None], one), labels)


class AttentionWriter:
    """A decoder's own texts."""

    def __init__(self, decoder: AttentionDecoder, memory: Memory) -> None:
        B = len(memory.keys)
        self.decoder, self.memory = decoder, memory
        self.written = 0
        self.scores = torch.zeros(B, 1, dtype=torch.float64, device=memory.keys.device)
        h, c = decoder.start(B)
        self.state = h[:, None], c[:, None]  # (B, W, H) each

    def totals(self) -> Tensor:
        """See `Writer`."""
        log_probs = self.decoder.write_at(self.memory, self.state[0], self.written)
        self.latest = self.scores[..., None] + log_probs
        return self.latest

    def advance(self, parents: Tensor, labels: Tensor) -> None:
        """See `Writer`."""
        rows = torch.arange(len(parents), device=parents.device)[:, None]
        self.scores = self.latest[rows, parents, labels]
        h, c = (s[rows, parents].flatten(0, 1) for s in self.state)
        h, c = self.decoder.step(labels.flatten(), (h, c))
        self.state = h.view(*labels.shape, -1), c.view(*labels.shape, -1)
        self.written += 1
