"""Attribute inference: what a difference of weights tells of who trained, without their speech.

The attacker makes updates of public speakers whose attributes are known (Melis et al. 2019, arXiv
1805.04049, infer properties of training data from updates so), or of other recordings of the
speakers who may have taken part. Updates are coordinates here: see `attacks.updates.whitening`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.updates.whitening import Matrix, matched, noisy, scatter


@dataclass(frozen=True, eq=False)
class Classes:
    """The values of an attribute: linear discriminants between the means of their speakers.

    `offsets` (C, D) are the means of classes from `usual` (D,), `clutter` (D, D) is what remains
    within a class: other speakers and other words.
    """

    names: tuple[str, ...]
    offsets: Matrix
    usual: Matrix
    clutter: Matrix

    @classmethod
    def learn(
        cls, updates: Matrix, labels: Sequence[str], speakers: Sequence[str], share: float
    ) -> Classes:
        """Return the classes of simulated updates (N, D), a label and a speaker each.

        A class is the mean of its speakers, however many updates each has. `share` is that of
        `scatter`.
        """
        names = tuple(sorted(set(labels)))
        of, who = np.array(labels), np.array(speakers)
        means = np.stack([_mean_of_speakers(updates[of == n], who[of == n]) for n in names])
        residuals = updates - means[[names.index(n) for n in labels]]
        freedom = len(updates) - len(names)
        usual = means.mean(0)
        return cls(names, means - usual, usual, scatter(residuals, freedom, share))

    def scores(self, seen: Matrix, clients: int = 1, sigma: float = 0.0) -> Matrix:
        """Return (M, C): the log-likelihood ratio of one client of each class in sums (M, D).

        A sum is of `clients` updates, with noise of deviation `sigma` on each of its numbers. The
        ratio is that of Gaussians, to a sum of clients of no class in particular.
        """
        clutter = noisy(self.clutter, clients, sigma)
        own = np.diag(matched(self.offsets, self.offsets, clutter))
        return matched(self.offsets, seen - clients * self.usual, clutter) - own / 2


@dataclass(frozen=True, eq=False)
class Enrolled:
    """Speakers, each with an update (S, D) that was simulated on other recordings of them.

    `usual` (D,) is the mean public update, `clutter` (D, D) what differs between updates of one
    public speaker.
    """

    updates: Matrix
    usual: Matrix
    clutter: Matrix

    @classmethod
    def learn(
        cls, enrolled: Matrix, public: Matrix, speakers: Sequence[str], share: float
    ) -> Enrolled:
        """Return the speakers of `enrolled` (S, D); `public` (N, D) has a speaker each."""
        who = np.array(speakers)
        names = sorted(set(speakers))
        residuals = np.concatenate([public[who == n] - public[who == n].mean(0) for n in names])
        clutter = scatter(residuals, len(public) - len(names), share)
        return cls(enrolled, _mean_of_speakers(public, who), clutter)

    def likeness(self, seen: Matrix, clients: int = 1, sigma: float = 0.0) -> Matrix:
        """Return (M, S): how like sums (M, D) of `clients` updates are to each speaker's.

        The matched filter, of length one in its own metric, so that no speaker has an advantage by
        the size of their update.
        """
        clutter = noisy(self.clutter, clients, sigma)
        offsets = self.updates - self.usual
        lengths = np.sqrt(np.diag(matched(offsets, offsets, clutter)))
        return matched(offsets, seen - clients * self.usual, clutter) / lengths


def _mean_of_speakers(updates: Matrix, speakers: np.ndarray) -> Matrix:
    means: Matrix = np.stack([updates[speakers == s].mean(0) for s in np.unique(speakers)])
    return means.mean(0)
