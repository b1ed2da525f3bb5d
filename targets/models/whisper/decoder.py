"""Whisper's decoder with low-rank adapters: what is trained of it, and what it makes of states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.models.pretrained import Pretrained
from targets.models.whisper.checkpoint import Weights, load_checkpoint
from targets.models.whisper.layers import feed_forward, joined, linear, norm, split
from targets.models.whisper.output import label_losses, log_totals
from targets.models.whisper.states import EncoderStates
from targets.models.whisper.tokens import exchanged
from targets.nn.layers import Linear, padded_labels, sequence_mask
from targets.nn.search import END, NEVER, Hypothesis, search
from targets.nn.trie import Trie

ADAPTED = ("q_proj", "v_proj")  # of every attention of the decoder
STATES_A_LABEL = 10  # of decoding: five labels a second, and every letter that is spelled is one


class Adapter(nn.Module):
    """A product of two thin maps (LoRA, Hu et al. 2022), added to a frozen one; at first nothing.

    Its maps are layers of `targets.nn`, so that they write themselves on the tape of per-example
    gradients, and are stacked in ensembles.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = Linear(width, rank, bias=False)
        self.up = Linear(rank, width, bias=False)
        nn.init.normal_(self.down.weight, std=1 / math.sqrt(width))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, D) of x (B, T, D)."""
        return self.up(self.down(x))


@dataclass(frozen=True)
class Heard:
    """Keys and values (B, heads, T, d) of each layer for B utterances, and what is padding.

    `padding` (B, 1, 1, T) is true where there is a state; None where there is one everywhere.
    """

    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    real: Tensor | None


class Whisper(nn.Module):
    """A network for `Recognizer`: the adapters are its weights, the checkpoint is frozen beside.

    Its "frames" are states of the encoder, from `front_end`.
    """

    def __init__(self, pretrained: Pretrained) -> None:
        super().__init__()
        self.checkpoint = load_checkpoint(pretrained.folder)
        layers, width = self.checkpoint.decoder_layers, self.checkpoint.width
        self.adapters = nn.ModuleDict(
            {
                f"{number}_{attention}_{name}": Adapter(width, pretrained.rank)
                for number in range(layers)
                for attention in ("self_attn", "encoder_attn")
                for name in ADAPTED
            }
        )

    def front_end(self) -> EncoderStates:
        """See `HearsItself`."""
        return EncoderStates(self.checkpoint)

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript and its end, in nats."""
        rows = [[exchanged(u, self.checkpoint.end) for u in row] for row in labels]
        prompt = self.checkpoint.prompt
        inputs, _ = padded_labels([[*prompt, *row] for row in rows], features.device)
        wanted, lengths = padded_labels(
            [[*row, self.checkpoint.end] for row in rows], features.device
        )
        states = self._read(inputs, self._hear(features, counts))[:, len(prompt) - 1 :]
        real = sequence_mask(lengths, wanted.shape[1])[..., 0] > 0
        # Padding never meets the output map, which is most of the work.
        losses = label_losses(states[real], self._table(features.device), wanted[real])
        owners = real.nonzero()[:, 0]
        return losses.new_zeros(len(rows)).index_add(0, owners, losses)

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of each utterance, the best one at every step."""
        return [list(best[0][0]) for best in self.beam(features, counts, 1)]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first."""
        room = self.checkpoint.longest_text - len(self.checkpoint.prompt) - 1
        longest = (counts // STATES_A_LABEL).clamp(1, room)
        return search(Writer(self, self._hear(features, counts)), longest, width)

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, D)."""
        device, end = features.device, self.checkpoint.end
        trie = Trie.of([[exchanged(u, end) for u in row] for row in labels], device)
        table = self._table(device)
        writing = Writing(self, self._hear(features, counts))
        # Log-probability of every node's prefix.
        written = torch.zeros(1, dtype=torch.float64, device=device)
        states = writing.begin()[0]
        finals = []
        for depth in range(len(trie.levels) + 1):
            totals = log_totals(states, table).double()
            finals.append(written + (states @ table[end]).double() - totals)
            if depth == len(trie.levels):
                break
            level = trie.levels[depth]
            logits = (states[level.parents] * table[level.labels]).sum(1).double()
            written = written[level.parents] + logits - totals[level.parents]
            states = writing.go_on(level.parents[None], level.labels[None])[0]
        return -trie.collect(finals)

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReadsText`: the frames are the encoder's states already."""
        return features, counts

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """See `ReadsText`: the decoder attends to one state alone."""
        counts = torch.ones(1, dtype=torch.long, device=state.device)
        return self.nll_of_each(state[None, None], counts, labels)

    def _table(self, device: torch.device) -> Tensor:
        return self.checkpoint.on(device)["decoder.embed_tokens.weight"]

    def _adapted(
        self, weights: Weights, layer: int, attention: str, name: str, x: Tensor
    ) -> Tensor:
        """Return a projection of an attention, with its adapter where it has one."""
        y = linear(weights, f"decoder.layers.{layer}.{attention}.{name}", x)
        key = f"{layer}_{attention}_{name}"
        return y + self.adapters[key](x) if key in self.adapters else y

    def _hear(self, features: Tensor, counts: Tensor) -> Heard:
        """Prepare states (B, T, D) for all questions of the decoder."""
        weights, heads = self.checkpoint.on(features.device), self.checkpoint.heads
        keys, values = (
            [
                split(self._adapted(weights, layer, "encoder_attn", name, features), heads)
                for layer in range(self.checkpoint.decoder_layers)
            ]
            for name in ("k_proj", "v_proj")
        )
        longest = features.shape[1]
        real = None
        if bool((counts < longest).any()):
            real = (sequence_mask(counts, longest) > 0).transpose(1, 2)[:, None]
        return Heard(keys, values, real)

    def _read(self, labels: Tensor, heard: Heard) -> Tensor:
        """Return the decoder's states (B, U, D) after each of the labels (B, U)."""
        weights, heads = self.checkpoint.on(labels.device), self.checkpoint.heads
        x = weights["decoder.embed_tokens.weight"][labels] * self.checkpoint.scale
        x = x + weights["decoder.embed_positions.weight"][: labels.shape[1]]
        for layer in range(self.checkpoint.decoder_layers):
            q, k, v = (split(y, heads) for y in self._questions(weights, layer, x))
            own = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = self._attended(weights, layer, x, joined(own), heard)
        return norm(weights, "decoder.layer_norm", x)

    def _questions(self, weights: Weights, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values (B, U, D) of a layer's attention to the text."""
        read = norm(weights, f"decoder.layers.{layer}.self_attn_layer_norm", x)
        q, k, v = (
            self._adapted(weights, layer, "self_attn", f"{name}_proj", read) for name in "qkv"
        )
        return q, k, v

    def _attended(
        self, weights: Weights, layer: int, x: Tensor, own: Tensor, heard: Heard
    ) -> Tensor:
        """Return what a layer makes of x (B, U, D), whose attention to the text found `own`."""
        name, heads = f"decoder.layers.{layer}", self.checkpoint.heads
        x = x + linear(weights, f"{name}.self_attn.out_proj", own)
        asked = norm(weights, f"{name}.encoder_attn_layer_norm", x)
        q = split(self._adapted(weights, layer, "encoder_attn", "q_proj", asked), heads)
        k, v = (y[layer].expand(len(q), -1, -1, -1) for y in (heard.keys, heard.values))
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=heard.real)
        x = x + linear(weights, f"{name}.encoder_attn.out_proj", joined(found))
        return feed_forward(weights, name, x)


class Writing:
    """Texts that are written a label at a time, W for each of B utterances.

    What the decoder has read of each is kept: keys and values (B, W, heads, U, d) of each layer.
    """

    def __init__(self, network: Whisper, heard: Heard) -> None:
        self.network, self.heard = network, heard
        self.place = 0
        self.read: list[tuple[Tensor, Tensor]] = []

    def begin(self) -> Tensor:
        """Return the decoder's states (B, 1, D) after the prompt."""
        B, device = len(self.heard.keys[0]), self.heard.keys[0].device
        for label in self.network.checkpoint.prompt:
            states = self._step(torch.full((B, 1), label, device=device))
        return states

    def go_on(self, parents: Tensor, labels: Tensor) -> Tensor:
        """Return the states (B, W', D) after one more label for texts of `parents` (B, W')."""
        rows = torch.arange(len(parents), device=parents.device)[:, None]
        self.read = [(k[rows, parents], v[rows, parents]) for k, v in self.read]
        return self._step(labels)

    def _step(self, labels: Tensor) -> Tensor:
        network = self.network
        weights, heads = network.checkpoint.on(labels.device), network.checkpoint.heads
        x = self._embedded(labels)
        for layer in range(network.checkpoint.decoder_layers):
            # As (B, W, D): the W texts of an utterance are questions beside each other.
            q, k, v = (
                y.unflatten(-1, (heads, 1, -1)) for y in network._questions(weights, layer, x)
            )
            if len(self.read) > layer:
                before_k, before_v = self.read[layer]
                k, v = torch.cat([before_k, k], 3), torch.cat([before_v, v], 3)
                self.read[layer] = k, v
            else:
                self.read.append((k, v))
            own = F.scaled_dot_product_attention(q, k, v)[..., 0, :].flatten(2)
            x = network._attended(weights, layer, x, own, self.heard)
        self.place += 1
        return norm(weights, "decoder.layer_norm", x)

    def _embedded(self, labels: Tensor) -> Tensor:
        weights = self.network.checkpoint.on(labels.device)
        place = weights["decoder.embed_positions.weight"][self.place]
        embedded = weights["decoder.embed_tokens.weight"][labels]
        return embedded * self.network.checkpoint.scale + place


class Writer:
    """The network's own texts. See `targets.nn.search.Writer`."""

    def __init__(self, network: Whisper, heard: Heard) -> None:
        self.network = network
        self.writing = Writing(network, heard)
        self.states = self.writing.begin()
        B, device = len(self.states), self.states.device
        self.scores = torch.zeros(B, 1, dtype=torch.float64, device=device)

    def totals(self) -> Tensor:
        """See `Writer`: labels that are no text, such as time stamps, are never written."""
        end = self.network.checkpoint.end
        logits = self.states @ self.network._table(self.states.device).T
        log_probs = logits.log_softmax(-1)
        first, last = log_probs[..., END].clone(), log_probs[..., end].clone()
        log_probs[..., END], log_probs[..., end] = last, first
        log_probs[..., end + 1 :] = NEVER
        self.latest = log_probs
        return self.scores[..., None] + log_probs

    def advance(self, parents: Tensor, labels: Tensor) -> None:
        """See `Writer`."""
        rows = torch.arange(len(parents), device=parents.device)[:, None]
        self.scores = self.scores[rows, parents] + self.latest[rows, parents, labels].double()
        end = self.network.checkpoint.end
        real = torch.where(labels == END, end, torch.where(labels == end, END, labels))
        self.states = self.writing.go_on(parents, real)
