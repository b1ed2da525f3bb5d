"""What whoever knows public speech alone would guess: the mean speaker, and how frames go on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance

WINDOW = 4  # frames whose joint statistics are learnt: 40 ms
BLOCK = 16  # frames that the generative prior speaks at once: 160 ms
SHRINKAGE = 0.05  # of the mean variance, added to every one: public speech is little
MOST = 200  # public utterances that are learnt from


@dataclass(frozen=True, eq=False)
class SpeechPrior:
    """A Gaussian over windows of standardised log-mel frames, learnt on public speech.

    Its covariance knows how frames follow each other and how bands belong together: what is
    smooth, and what is loud together, in speech. `whiten` is (W M, W M), `centre` (W M,);
    `parts` (K, L M) are the principal components of longer blocks, each as long as it varies, and
    `block` (L M,) is their mean. `heard` are the spectrograms (T, M) that it was learnt from.
    """

    heard: Sequence[Tensor]
    whiten: Tensor
    centre: Tensor
    parts: Tensor
    block: Tensor

    @classmethod
    def learn(cls, spectrograms: Sequence[Tensor], components: int = 0) -> SpeechPrior:
        """Learn from spectrograms (T, M), with so many components of blocks."""
        windows = torch.cat([_cut(s, WINDOW, 1) for s in spectrograms])
        centre, covariance = windows.mean(0), windows.T.cov()
        identity = torch.eye(len(covariance), device=covariance.device)
        covariance += SHRINKAGE * covariance.diagonal().mean() * identity
        sizes, axes = torch.linalg.eigh(covariance)
        blocks = torch.cat([_cut(s, BLOCK, BLOCK // 2) for s in spectrograms])
        block = blocks.mean(0)
        parts = blocks[:0]
        if components:
            _, spread, directions = torch.linalg.svd(blocks - block, full_matrices=False)
            scale = spread[:components, None] / max(len(blocks) - 1, 1) ** 0.5
            parts = scale * directions[:components]
        return cls(spectrograms, axes * sizes.rsqrt(), centre, parts, block)

    def mean(self, counts: Tensor) -> Tensor:
        """Return the mean speaker, stretched to each of `counts` frames: (B, T, M)."""
        longest = int(counts.max())
        return fitted(torch.stack([stretched(s, longest) for s in self.heard]).mean(0), counts)

    def strangeness(self, frames: Tensor) -> Tensor:
        """Return how unlike speech (B,) the frames (B, T, M) are: 1 is usual, for every window."""
        missing = max(0, WINDOW - frames.shape[1])
        windows = F.pad(frames, (0, 0, 0, missing)).unfold(1, WINDOW, 1)
        windows = windows.transpose(2, 3).flatten(2)
        return ((windows - self.centre) @ self.whiten).square().mean((1, 2))

    def speak(self, latent: Tensor, frames: int) -> Tensor:
        """Return the frames (B, T, M) that latent numbers (B, blocks, K) stand for."""
        spoken = self.block + latent @ self.parts
        return spoken.view(len(latent), latent.shape[1] * BLOCK, -1)[:, :frames]

    def latent(self, frames: Tensor) -> Tensor:
        """Return the latent numbers (B, blocks, K) nearest to frames (B, T, M)."""
        missing = -frames.shape[1] % BLOCK
        blocks = F.pad(frames, (0, 0, 0, missing)).unflatten(1, (-1, BLOCK)).flatten(2)
        lengths = self.parts.square().sum(1).clamp_min(1e-12)
        return (blocks - self.block) @ self.parts.T / lengths


def _cut(spectrogram: Tensor, length: int, step: int) -> Tensor:
    """Return windows (N, length * M) of frames (T, M), at least one."""
    missing = max(0, length - len(spectrogram))
    return F.pad(spectrogram, (0, 0, 0, missing)).unfold(0, length, step).transpose(1, 2).flatten(1)


def spectrograms(recognizer: Recognizer, public: Sequence[Utterance]) -> list[Tensor]:
    """Return the standardised log-mel frames (T, M) of public speech, of as much as is needed."""
    return [recognizer.logmel([u])[0][0] for u in public[:MOST]]


def fitted(spectrogram: Tensor, counts: Tensor) -> Tensor:
    """Return one spectrogram stretched to each of `counts` frames: (B, T, M)."""
    longest = int(counts.max())
    return torch.stack(
        [F.pad(stretched(spectrogram, n), (0, 0, 0, longest - n)) for n in counts.tolist()]
    )


def stretched(spectrogram: Tensor, frames: int) -> Tensor:
    """Return (frames, M), by linear interpolation in time."""
    return F.interpolate(spectrogram.T[None], size=frames, mode="linear", align_corners=False)[0].T


def scrambled(model: Recognizer, rng: Randomness) -> Recognizer:
    """Return a model of the same build that knows nothing: the entries of each weight shuffled."""
    other = copy.deepcopy(model)
    generator = rng.torch()
    with torch.no_grad():
        for parameter in nn.Module.parameters(other):
            order = torch.randperm(
                parameter.numel(), generator=generator, device=generator.device
            ).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return other
