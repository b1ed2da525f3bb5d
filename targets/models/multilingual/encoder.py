"""A conformer encoder whose attention has parameters of each language's own.

After B. Houston and K. Kirchhoff, "Exploration of language-specific self-attention parameters for
multilingual end-to-end speech recognition", SLT 2022: what maps states to queries, keys and values,
and what maps the result back, exists once a language; all else is shared. The language of an
utterance is told, not found.
"""

from __future__ import annotations

import torch
from torch import Tensor

from targets.nn.conformer import ConformerEncoder, SelfAttention
from targets.nn.layers import Linear
from targets.speech.language import LANGUAGES
from targets.speech.language_frames import told_apart


class LanguageAttention(SelfAttention):
    """Self-attention with maps of each language's own. See `SelfAttention`.

    Those of all languages are computed, and one is taken. So every weight is used once in a pass,
    as per-example gradients need, and an example's gradient is 0 at other languages' weights.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, causal=False)
        self.maps = Linear(width, len(LANGUAGES) * 3 * width)
        self.output = Linear(width, len(LANGUAGES) * width)

    def forward(self, x: Tensor, mask: Tensor, language: Tensor | None = None) -> Tensor:
        """Return the same shape as x (B, T, D), of utterances in the languages (B,)."""
        assert language is not None
        maps = of_each(self.maps(self.norm(x)), language)
        return of_each(self.output(self.attended(maps, mask)), language)


def of_each(x: Tensor, language: Tensor) -> Tensor:
    """Return the part (B, T, D) of x (B, T, L * D) that is of each row's language (B,)."""
    parts = x.unflatten(-1, (len(LANGUAGES), -1))
    return parts[torch.arange(len(x), device=x.device), :, language]


class MultilingualEncoder(ConformerEncoder):
    """The conformer with `LanguageAttention`, of frames that say their language.

    Frames that say none are taken for the first of `LANGUAGES`. See `ConformerEncoder`.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, hidden, slowing)
        for block in self.blocks:
            block.attention = LanguageAttention(channels)

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        heard, language = told_apart(features)
        x, mask, counts = self.slower(heard, counts)
        for block in self.blocks:
            x = block(x, mask, language)
        return x * mask, counts
