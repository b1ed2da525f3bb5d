"""What Whisper's frozen encoder hears: its states take the place of the log-mel spectrogram."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.core.errors import OverheardError
from targets.core.files import default_cache
from targets.models.whisper.cache import StateCache, name_of
from targets.models.whisper.checkpoint import Checkpoint, Weights
from targets.models.whisper.layers import feed_forward, joined, linear, norm, split
from targets.speech.utterance import SAMPLE_RATE, Utterance

A_SECOND = 50  # states
SAMPLES = SAMPLE_RATE // A_SECOND  # of a state
TAIL = 0.5  # seconds of silence after the audio, at least
AT_ONCE = 8  # utterances of one length
VERSION = 1  # of how states are computed: another, another cache


class EncoderStates(nn.Module):
    """Waveforms to states of the encoder (T, D), 50 a second. It has no weights of its own.

    Whisper is made for 30 s. Here each utterance is followed by silence up to a whole second, and
    only as many positions are used, which costs a tenth for a short one. The states are rounded to
    half precision, in which they are kept on disk: see `StateCache`.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint
        # Where the recogniser is; no part of its state.
        self.place: Tensor
        self.register_buffer("place", torch.zeros(0), persistent=False)

    def calibrate(self, public: Sequence[Utterance]) -> None:
        """Do nothing: a frozen encoder has its statistics."""

    def prepare(self, utterances: Sequence[Utterance]) -> None:
        """Compute the states of many utterances, which is cheaper than one by one."""
        self.of(utterances)

    def forward(self, utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
        """Return states (B, T, D), padded with zeros, and their counts (B,).

        Raises:
            OverheardError: an utterance is longer than the encoder can hear.
        """
        device = self.place.device
        states = [s.to(device, torch.float32) for s in self.of(utterances)]
        counts = torch.tensor([len(s) for s in states], device=device)
        return nn.utils.rnn.pad_sequence(states, batch_first=True), counts

    def of(self, utterances: Sequence[Utterance]) -> list[Tensor]:
        """Return the states (T, D) of each utterance, of half precision, on the CPU."""
        cache = _cache(default_cache(), self.checkpoint.digest)
        names = [name_of(u.samples) for u in utterances]
        found, missing = self._kept(cache, names, utterances)
        if missing:
            with cache.alone():
                # Another process may have been at it.
                more, missing = self._kept(cache, list(missing), list(missing.values()))
                found |= more | self._computed(cache, missing)
        return [found[name] for name in names]

    def _kept(
        self, cache: StateCache, names: Sequence[str], utterances: Sequence[Utterance]
    ) -> tuple[dict[str, Tensor], dict[str, Utterance]]:
        """Return the states that are known, and the utterances whose states are not, by name."""
        found: dict[str, Tensor] = {}
        missing: dict[str, Utterance] = {}
        for name, utterance in zip(names, utterances, strict=True):
            states = cache.get(name)
            if states is None:
                missing[name] = utterance
            else:
                found[name] = states
        return found, missing

    def _computed(self, cache: StateCache, missing: Mapping[str, Utterance]) -> dict[str, Tensor]:
        """Compute states, those of one length together, and keep them."""
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for name, utterance in missing.items():
            by_length[self.states_of(utterance)].append(name)
        found: dict[str, Tensor] = {}
        for length, names in by_length.items():
            for first in range(0, len(names), AT_ONCE):
                some = names[first : first + AT_ONCE]
                states = self.encode([missing[name] for name in some], length).half().cpu()
                for name, one in zip(some, states, strict=True):
                    found[name] = one.clone()
                    cache.put(name, found[name])
        return found

    def states_of(self, utterance: Utterance) -> int:
        """Return how many states an utterance gets, from its length alone.

        Raises:
            OverheardError: it is longer than the encoder can hear.
        """
        longest = self.checkpoint.longest_audio
        if len(utterance.samples) > longest * SAMPLES:
            raise OverheardError(
                f"utterance {utterance.id}: lasts {utterance.duration:.1f} s, the checkpoint hears "
                f"{longest / A_SECOND:g} s: set max_seconds of its speech"
            )
        return min(longest, A_SECOND * math.ceil(utterance.duration + TAIL))

    @torch.no_grad()
    def encode(self, utterances: Sequence[Utterance], length: int) -> Tensor:
        """Return `length` states (B, length, D) of each utterance, which nothing is kept of."""
        device = self.place.device
        padded = np.zeros((len(utterances), length * SAMPLES), dtype=np.float32)
        for row, utterance in zip(padded, utterances, strict=True):
            row[: len(utterance.samples)] = utterance.samples
        mels = torch.stack([self.checkpoint.log_mel(row) for row in padded]).to(device)
        return encoded(self.checkpoint, self.checkpoint.on(device), mels)


def encoded(checkpoint: Checkpoint, weights: Weights, mels: Tensor) -> Tensor:
    """Return the encoder's states (B, T / 2, D) of log-mel frames (B, M, T)."""

    def convolved(name: str, x: Tensor, stride: int) -> Tensor:
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return F.gelu(F.conv1d(x, kernel, bias, stride, padding=1))

    x = convolved("encoder.conv2", convolved("encoder.conv1", mels, 1), 2).transpose(1, 2)
    x = x + weights["encoder.embed_positions.weight"][: x.shape[1]]
    for number in range(checkpoint.encoder_layers):
        layer = f"encoder.layers.{number}"
        heard = norm(weights, f"{layer}.self_attn_layer_norm", x)
        q, k, v = (
            split(linear(weights, f"{layer}.self_attn.{name}_proj", heard), checkpoint.heads)
            for name in "qkv"
        )
        attended = joined(F.scaled_dot_product_attention(q, k, v))
        x = x + linear(weights, f"{layer}.self_attn.out_proj", attended)
        x = feed_forward(weights, layer, x)
    return norm(weights, "encoder.layer_norm", x)


@lru_cache(maxsize=2)
def _cache(folder: Path, digest: str) -> StateCache:
    return StateCache(folder / "whisper-states" / f"{digest[:16]}-{VERSION}")
