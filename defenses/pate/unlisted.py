"""Votes for hypotheses that nobody could list beforehand: an unknown domain, with a threshold.

Teachers write what they hear. Only what at least one of them wrote is counted, gets noise, and is
given away where the noisy count reaches a threshold. That a text is there at all may be owed to one
teacher, whose vote alone stands behind it: that it passes is what δ pays for (propose-test-release,
Dwork and Lei 2009; sparse histograms, Korolova et al. 2009, with Gaussian noise).

Between neighbours one teacher's vote moves. Texts that are written in both worlds are a Gaussian
query, which moves by √2 at most. One text may be there in one world alone, and one in the other
alone, each with one vote. Their noise is independent of all else, and they show with the chance τ
that 1 + N(0, σ²) reaches the threshold: a mechanism that is (0, τ)-private for one query, and
(0, 1 - (1 - τ)^Q) for Q of them. Composed with the Gaussian query the whole is (ε, δ)-private where
that query is at (δ - δ') / (1 - δ').
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import calibrate, gaussian_votes_event, price
from targets.core.errors import OverheardError
from targets.speech.utterance import Unit

NEW_SHARE = 0.5  # of δ, for texts that only one teacher wrote


@dataclass(frozen=True)
class UnlistedVotes:
    """`queries` votes among whatever teachers write: N(0, sigma²) on each count, and a threshold.

    A public list may be voted on beside it. What is on it is in both worlds, so that it needs no
    threshold and costs nothing more.
    """

    queries: int
    sigma: float
    threshold: float
    unit: Unit = "utterance"

    @classmethod
    def calibrated(
        cls, queries: int, epsilon: float, delta: float, unit: Unit = "utterance"
    ) -> UnlistedVotes:
        """Return the least noise, and the least threshold for it, that cost ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        new = NEW_SHARE * delta
        left = (delta - new) / (1 - new)
        sigma = calibrate(lambda noise: gaussian_votes_event(noise, queries), epsilon, left)
        one = math.log(-math.expm1(math.log1p(-new) / queries))
        # Rounding must not put it on the wrong side.
        threshold = (1 - sigma * float(ndtri_exp(one))) * (1 + 1e-12)
        return cls(queries, sigma, threshold, unit)

    @property
    def new_delta(self) -> float:
        """δ': the chance that a text which one teacher alone wrote is given away, in any query."""
        log_withheld = float(log_ndtr((self.threshold - 1) / self.sigma))
        return -math.expm1(self.queries * log_withheld)

    def guarantee(self, delta: float) -> Guarantee:
        """Return what all votes cost together, for any data.

        Raises:
            OverheardError: δ does not pay for what one teacher alone may have written.
        """
        new = self.new_delta
        if not new < delta < 1:
            raise OverheardError(
                f"threshold {self.threshold:g} with noise {self.sigma:g} gives away what one "
                f"teacher alone wrote with chance {new:.2g} in {self.queries} queries, which must "
                f"be below δ = {delta:g}: raise the threshold"
            )
        left = (delta - new) / (1 - new)
        found = price(gaussian_votes_event(self.sigma, self.queries), left, unit=self.unit)
        accountant = f"{found.accountant}, and δ {new:.2g} for new texts"
        return replace(found, delta=delta, accountant=accountant)

    def answer(self, counts: Mapping[str, int], generator: np.random.Generator) -> dict[str, float]:
        """Return the noisy counts, of texts with a vote, that reach the threshold: maybe none.

        They come in the order of their counts: the order in which texts were first written is no
        business of anybody.
        """
        written = sorted(text for text, votes in counts.items() if votes > 0)
        noisy = {text: counts[text] + generator.normal(0.0, self.sigma) for text in written}
        kept = {text: count for text, count in noisy.items() if count >= self.threshold}
        return dict(sorted(kept.items(), key=lambda item: -item[1]))
