"""Probabilistic extraction: how likely a planted secret is within many draws, not the best alone.

Who may ask a model again and again, at temperature 1, gets the right transcript with probability p
each time, and at least once in n draws with 1 - (1 - p)^n ("(n, p)-discoverable extraction", Hayes
et al. 2024). A likelihood is that p, so that nothing has to be drawn. It is of one spelling of the
whole text. The same secret in other letters or in another sentence is not counted, so this is a
lower bound. Of a model without likelihoods transcripts are drawn, and of m draws with h hits the
probability of at least one among n is 1 - C(m - h, n) / C(m, n), which is right on average; a hit
has the secret in it, in whatever sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.canary_table import holds
from leaderboard.model_audit.questions import MODEL, Question, draws_of, ranked_on
from leaderboard.planting.planted import FORMS, Candidate

DRAWS = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Chance:
    """How likely the right text is among draws, for the canaries on one side of the coin.

    Of the `of` canaries of which that is known, by the number of draws: `median` is the median
    probability that the text is among them, `likely` counts canaries of which it is at least 1/2.
    `even` is how many draws the median canary takes for even odds; None where no likelihood says.
    """

    of: int
    median: Mapping[str, float]
    likely: Mapping[str, int]
    even: float | None


@dataclass(frozen=True)
class Drawn:
    """Canaries of one form and number of repetitions."""

    form: str
    repetitions: int
    members: Chance
    held_out: Chance


def drawn(canaries: Sequence[Candidate], answers: Answers, draws: int = 0) -> tuple[Drawn, ...]:
    """Return a row for each kind of canary of which any has a likelihood, or else drawn answers.

    `draws` is how many were asked for.
    """
    if not _likelihoods(canaries, answers):
        of = partial(_counted, answers=answers, draws=draws)
    else:
        of = partial(_known, answers=answers)
    kinds = sorted({(FORMS.index(c.form), c.repetitions) for c in canaries})
    rows = []
    for form, repetitions in kinds:
        kind = [c for c in canaries if (c.form, c.repetitions) == (FORMS[form], repetitions)]
        members, held_out = (of([c for c in kind if c.member == side]) for side in (True, False))
        if members.of or held_out.of:
            rows.append(Drawn(FORMS[form], repetitions, members, held_out))
    return tuple(rows)


def chance(likelihoods: Sequence[float]) -> Chance:
    """Return what log-likelihoods (nats, one a canary) say of draws."""
    if not likelihoods:
        return Chance(0, {}, {}, None)
    within = {n: np.array([within_draws(v, n) for v in likelihoods]) for n in DRAWS}
    even = float(np.median([draws_for_even_odds(v) for v in likelihoods]))
    return _chance(within, len(likelihoods), even)


def counted(hits: Sequence[tuple[int, int]]) -> Chance:
    """Return what hits say, each of so many draws of a canary."""
    if not hits:
        return Chance(0, {}, {}, None)
    most = min(m for _, m in hits)
    within = {
        n: np.array([1 - math.comb(m - h, n) / math.comb(m, n) for h, m in hits])
        for n in DRAWS
        if n <= most
    }
    return _chance(within, len(hits), None)


def _chance(within: Mapping[int, NDArray[np.float64]], of: int, even: float | None) -> Chance:
    return Chance(
        of=of,
        median={str(n): float(np.median(p)) for n, p in within.items()},
        likely={str(n): int(np.sum(p >= 0.5)) for n, p in within.items()},
        even=even,
    )


def within_draws(log_likelihood: float, draws: int) -> float:
    """Return the probability that a text is drawn at least once."""
    missed = _log_missed(log_likelihood)
    return 1.0 if missed == -math.inf else -math.expm1(draws * missed)


def draws_for_even_odds(log_likelihood: float) -> float:
    """Return how many draws a text takes to be there with probability 1/2, or infinity."""
    missed = _log_missed(log_likelihood)
    return math.inf if missed == 0.0 else max(1.0, math.ceil(-math.log(2) / missed))


def _log_missed(log_likelihood: float) -> float:
    """Return the logarithm of the probability that one draw is another text."""
    p = math.exp(min(log_likelihood, 0.0))
    return -math.inf if p == 1.0 else math.log1p(-p)


def _known(canaries: Sequence[Candidate], answers: Answers) -> Chance:
    return chance(_likelihoods(canaries, answers))


def _counted(canaries: Sequence[Candidate], answers: Answers, draws: int) -> Chance:
    hits = []
    for c in canaries:
        texts = [answers.text(question) for question in draws_of(c, draws)]
        answered = [text for text in texts if text is not None]
        if answered:
            hits.append((sum(holds(text, c.secret) for text in answered), len(answered)))
    return counted(hits)


def _likelihoods(canaries: Sequence[Candidate], answers: Answers) -> list[float]:
    """Return the log-likelihood of each right text where the secret is not heard."""
    keys = [Question(MODEL, c.id, "likelihood", ranked_on(c), c.text).key for c in canaries]
    found = [answers.values.get(key) for key in keys]
    return [value for value in found if isinstance(value, float)]
