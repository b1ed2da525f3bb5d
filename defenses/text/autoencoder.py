"""An auto-encoder of transcripts that learns from public text, through the noise of its latents.

Words go through a recurrent network to a latent; another network writes words from the latent with
noise. Both learn from public transcripts alone, so that nothing private is in them but what one
latent says. They learn with the noise that private latents will have: what noise would hide is not
encoded, and where it hides everything the decoder writes what is usual in public text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from defenses.text.mechanism import NoisyLatents, cut
from targets.core.progress import report
from targets.core.randomness import Randomness

END, UNKNOWN = 0, 1  # labels that are no words; the second is read, and never written
NOT_COUNTED = -100  # a label behind the end of a shorter text
BATCH = 64
LEARNING_RATE = 3e-3
MOST_GRADIENT = 5.0  # norm at which a step's gradient is cut


class Vocabulary:
    """The words of public texts as labels, and how many words the longest of the texts has."""

    def __init__(self, texts: Sequence[str]) -> None:
        words = sorted({word for text in texts for word in text.split()})
        self._words = ["", "", *words]
        self._labels = {word: label for label, word in enumerate(words, 2)}
        self.longest = max(len(text.split()) for text in texts)

    def __len__(self) -> int:
        return len(self._words)

    def labels(self, text: str) -> list[int]:
        """Return the labels of a text, cut to the longest public one, and its end."""
        words = text.split()[: self.longest]
        return [*(self._labels.get(word, UNKNOWN) for word in words), END]

    def text(self, labels: Sequence[int]) -> str:
        """Return the words of labels up to their end."""
        said = labels[: labels.index(END)] if END in labels else labels
        return " ".join(self._words[label] for label in said)


class AutoEncoder(nn.Module):
    """A codec whose latents have `entries` entries, for noise of one kind and loudness."""

    def __init__(
        self, vocabulary: Vocabulary, mechanism: NoisyLatents, entries: int, hidden: int
    ) -> None:
        super().__init__()
        self.vocabulary, self.mechanism = vocabulary, mechanism
        self.words = nn.Embedding(len(vocabulary), hidden)
        self.reader = nn.GRU(hidden, hidden, batch_first=True)
        self.latent = nn.Linear(hidden, entries)
        self.begin = nn.Linear(entries, hidden)
        self.writer = nn.GRU(hidden + entries, hidden, batch_first=True)
        self.output = nn.Linear(hidden, len(vocabulary))
        # About what an entry of a noisy latent is: the networks see numbers near one at any noise.
        self.size = math.hypot(mechanism.deviation, 1 / math.sqrt(entries))

    def encoded(self, texts: Sequence[str]) -> Tensor:
        """See `Codec`."""
        if not texts:
            return torch.zeros(0, self.latent.out_features)
        with torch.no_grad():
            return self._latents([torch.tensor(self.vocabulary.labels(text)) for text in texts])

    @torch.no_grad()
    def decoded(self, latents: Tensor, rng: Randomness) -> list[str]:
        """Return texts as `Codec` says, drawn word by word from what the decoder believes.

        Drawn, not the likeliest: under much noise that would be the same text for every latent.
        """
        generator = rng.torch()
        seen = self._seen(latents)
        state = torch.tanh(self.begin(seen))[None]
        labels = torch.full((len(seen), 1), END)
        for _ in range(self.vocabulary.longest):
            scores, state = self._written(labels[:, -1:], seen, state)
            chances = scores[:, 0].softmax(-1)
            labels = torch.cat([labels, torch.multinomial(chances, 1, generator=generator)], 1)
        return [self.vocabulary.text(row) for row in labels[:, 1:].tolist()]

    def loss(self, batch: Sequence[Tensor], generator: torch.Generator) -> Tensor:
        """Return the mean nats a label (scalar) of writing texts from their latents with noise."""
        noisy = self.mechanism.noisy(self._latents(batch), generator)
        seen = self._seen(noisy)
        wanted = pad_sequence(list(batch), batch_first=True, padding_value=NOT_COUNTED)
        before = nn.functional.pad(wanted[:, :-1].clamp_min(END), (1, 0), value=END)
        scores, _ = self._written(before, seen, torch.tanh(self.begin(seen))[None])
        return cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=NOT_COUNTED)

    def _latents(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the latents (N, n) of labelled texts, within the ball."""
        counts = torch.tensor([len(labels) for labels in batch])
        states, _ = self.reader(self.words(pad_sequence(list(batch), batch_first=True)))
        last = states[torch.arange(len(batch)), counts - 1]
        return cut(self.latent(last), self.mechanism.noise)

    def _seen(self, noisy: Tensor) -> Tensor:
        return (noisy / self.size).float()

    def _written(self, before: Tensor, seen: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (N, T, V) of the words after those `before` (N, T), and the next state."""
        beside = seen[:, None].expand(-1, before.shape[1], -1)
        states, state = self.writer(torch.cat([self.words(before), beside], -1), state)
        scores: Tensor = self.output(states)
        never = torch.zeros(scores.shape[-1])
        never[UNKNOWN] = -math.inf
        return scores + never, state


def taught_autoencoder(
    texts: Sequence[str],
    mechanism: NoisyLatents,
    *,
    entries: int,
    hidden: int,
    epochs: int,
    rng: Randomness,
) -> AutoEncoder:
    """Return an auto-encoder of public texts, at least one, for this noise; on the CPU."""
    vocabulary = Vocabulary(texts)
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(rng.child("weights").integer())
        codec = AutoEncoder(vocabulary, mechanism, entries, hidden)
    examples = [torch.tensor(vocabulary.labels(text)) for text in texts]
    optimizer = torch.optim.Adam(codec.parameters(), lr=LEARNING_RATE)
    order, noise = rng.child("order").torch(), rng.child("noise").torch()
    for epoch in range(epochs):
        for rows in torch.randperm(len(examples), generator=order).split(BATCH):
            loss = codec.loss([examples[row] for row in rows.tolist()], noise)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(codec.parameters(), MOST_GRADIENT)
            optimizer.step()
        report((epoch + 1) / epochs)
    return codec.requires_grad_(False)
