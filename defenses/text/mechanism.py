"""The mechanism of privatised text: vectors of transcripts, cut and released with noise.

Every utterance is a vector, its latent, that a public encoder makes of its transcript. It is cut to
a ball of radius 1 and released once. Two latents in that ball are at most 2 apart, whatever the two
transcripts were, in the norm in which they were cut. Noise has to cover that distance in the norm
that it goes by: Laplace noise on each entry in the sum of the entries, Gaussian noise in Euclidean
norm. A latent of n entries that is cut in Euclidean norm is up to √n in the sum of its entries, so
that Laplace noise on it would have to be √n times as loud (Habernal 2021, arXiv 2109.03175).

What goes out is noisy on its own, so that a device can add the noise itself (local DP): the promise
holds for one transcript in the place of another. It also holds for one more or less, because the
number of latents that are released is fixed, and nobody knows which is whose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from dp_accounting import DpEvent, GaussianDpEvent, LaplaceDpEvent
from torch import Tensor

from defenses.accounting.price import calibrated
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, Utterance

Noise = Literal["laplace", "gaussian"]

RADIUS = 1.0  # of the ball; any other would only scale the latents, which are learnt
SENSITIVITY = 2 * RADIUS  # from one end of it to the other
NORMS = {"laplace": 1, "gaussian": 2}  # the norm that a noise goes by


def norms(latents: Tensor, noise: Noise) -> Tensor:
    """Return the norm of each latent (..., n) that the noise goes by (..., 1)."""
    return torch.linalg.vector_norm(latents, ord=NORMS[noise], dim=-1, keepdim=True)


def cut(latents: Tensor, noise: Noise) -> Tensor:
    """Return latents (..., n) scaled down to norm `RADIUS`, where they were above."""
    return latents * (RADIUS / norms(latents, noise).clamp_min(RADIUS))


def seated(members: Sequence[Utterance], seats: int) -> list[Utterance]:
    """Return the members who have a seat, at most so many.

    Where they are too many, those stay who come first in an order that their ids alone decide. So
    one member more takes the seat of at most one other.
    """
    order = Randomness(0).child("seats")
    return sorted(members, key=lambda u: order.child(u.id).integer())[:seats]


def taken(latents: Tensor, seats: int) -> Tensor:
    """Return the latents (N, n) on so many seats (seats, n): zeros where nobody sits."""
    empty = latents.new_zeros(seats - len(latents), latents.shape[1])
    return torch.cat([latents, empty])


@dataclass(frozen=True)
class NoisyLatents:
    """So many `seats`, each a latent with noise on every entry; `scale` is in sensitivities."""

    noise: Noise
    seats: int
    scale: float = 1.0

    @property
    def event(self) -> DpEvent:
        """See `Mechanism`. One utterance changes one seat, and each is released once."""
        return self._event_of(self.scale)

    def event_of_distance(self, distance: float) -> DpEvent:
        """Return the event for two utterances whose latents are known to be that near."""
        return self._event_of(self.scale * SENSITIVITY / distance)

    @property
    def unit(self) -> Unit:
        """See `Mechanism`."""
        return "utterance"

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on every entry."""
        wide = 2**0.5 if self.noise == "laplace" else 1.0
        return wide * self.scale * SENSITIVITY

    def calibrated(self, epsilon: float, delta: float) -> NoisyLatents:
        """Return the mechanism with the least noise at which it costs no more than ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        return replace(self, scale=calibrated(self._event_of, epsilon, delta))

    def noisy(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Return latents (..., n), each cut and with noise: what a device sends."""
        latents = cut(latents.double(), self.noise)
        noise = torch.empty_like(latents)
        if self.noise == "gaussian":
            noise.normal_(generator=generator)
        else:  # the difference of two exponentials
            noise.exponential_(generator=generator)
            noise -= torch.empty_like(latents).exponential_(generator=generator)
        return latents + self.scale * SENSITIVITY * noise

    def released(self, latents: Tensor, rng: Randomness) -> Tensor:
        """Return (seats, n) noisy latents in an order of chance, of those (N, n) who have a seat.

        Their order would tell who is there: one member more moves all behind.
        """
        everybody = taken(latents, self.seats)
        order = torch.randperm(len(everybody), generator=rng.child("order").torch())
        return self.noisy(everybody[order], rng.child("noise").torch())

    @property
    def _event_of(self) -> Callable[..., DpEvent]:
        return LaplaceDpEvent if self.noise == "laplace" else GaussianDpEvent
