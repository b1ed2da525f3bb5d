"""What turns transcripts into latents and noisy latents into texts, learnt from public text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from targets.core.randomness import Randomness


class Codec(Protocol):
    """A public encoder and a public decoder of texts, made for latents with noise."""

    def encoded(self, texts: Sequence[str]) -> Tensor:
        """Return the latents (N, n) of texts, finite whatever they say; a text sees its own alone.

        A text that nothing is known of has a latent like any other.
        """
        ...

    def decoded(self, latents: Tensor, rng: Randomness) -> list[str]:
        """Return a text for each noisy latent (N, n), of public words; "" where it says nothing."""
        ...
