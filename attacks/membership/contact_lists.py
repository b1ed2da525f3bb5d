"""Who is on somebody's private list? Membership of a name, and extraction of the list, by probing.

A recogniser that is biased towards a user's list answers otherwise than one without. The attacker
can speak to the user's recogniser, reads what it writes (and, of scores, how sure it is), and has
the same recogniser without a list, which everybody has. Weights are not needed. The members are the
names of the list, and not what the recogniser was trained on.

Of each name the attacker plays a probe: audio of the name itself, or of a word near it. What is
compared are the answers with and without the list.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from attacks.statistics.clopper_pearson import upper_limit
from attacks.statistics.evidence import Labels, Trials
from attacks.statistics.means import mean
from attacks.statistics.ranking import auc
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

Scores = npt.NDArray[np.float64]
Answer = tuple[str, float]  # a transcript, and its log-probability in nats


def scores_of_transcripts(
    names: Sequence[str], listed: Sequence[Answer], bare: Sequence[Answer]
) -> Scores:
    """Return for each name (N,) how much nearer to it the list moved the transcript of its probe.

    From -1 to 1, in shares of the letters of the nearest word.
    """
    rows = zip(names, listed, bare, strict=True)
    return np.array(
        [_nearness(name, ours[0]) - _nearness(name, theirs[0]) for name, ours, theirs in rows]
    )


def scores_of_scores(listed: Sequence[Answer], bare: Sequence[Answer]) -> Scores:
    """Return for each probe (N,) how much surer the list made the recogniser, in nats."""
    rows = zip(listed, bare, strict=True)
    return np.array([ours[1] - theirs[1] for ours, theirs in rows])


def _nearness(name: str, text: str) -> float:
    """Return how much of a name the nearest word of a text has: 1 if it is there."""
    return max((Levenshtein.normalized_similarity(name, word) for word in text.split()), default=0)


def membership(scores: Scores, on_list: Sequence[bool], users: Labels, rng: Randomness) -> Estimate:
    """Return the AUC of scores (N,) of names that are on the list of a user, and of others.

    `users` (N,) says whose list was probed: the interval is over users, and with fewer than two of
    them it says nothing.
    """
    coins = np.asarray(on_list, dtype=bool)
    users = np.asarray(users)
    trials = Trials(
        scores[coins], scores[~coins], "utterance", "observational", users[coins], users[~coins]
    )
    return auc(trials, rng=rng.numpy())


@dataclass(frozen=True)
class Extraction:
    """What probing read of one list: shares of the list found, and of what was found that is on it.

    `precision` is None where nothing was found.
    """

    recall: float
    precision: float | None


def extracted(listed: Sequence[Answer], bare: Sequence[Answer]) -> frozenset[str]:
    """Return the words that the recogniser writes with the list and not without it."""
    rows = zip(listed, bare, strict=True)
    return frozenset(
        word for ours, theirs in rows for word in set(ours[0].split()) - set(theirs[0].split())
    )


def judged(found: Collection[str], words: Collection[str]) -> Extraction:
    """Return how much of a list of words was found.

    Raises:
        ValueError: the list is empty.
    """
    if not words:
        raise ValueError("an empty list has nothing to find")
    right = len(set(found) & set(words))
    return Extraction(right / len(set(words)), right / len(found) if found else None)


def over_users(shares: Sequence[float], level: float = 0.95) -> Estimate:
    """Return the mean of shares, one a user, with an interval over users.

    Where all users have none, or all have the whole, Student's t would claim certainty: the limit
    is then the exact one for as many trials as there are users. Where they otherwise agree, there
    is none.
    """
    if len(shares) < 2 or len(set(shares)) > 1:
        found = mean(shares, level)
        return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
    (value,) = set(shares)
    reach = upper_limit(0, len(shares), (1 - level) / 2)
    method = f"no spread over {len(shares)} users: exact limit"
    if value not in (0, 1):
        return Estimate(value, 0.0, 1.0, level, f"no spread over {len(shares)} users: no limit")
    low, high = (0.0, reach) if value == 0 else (1 - reach, 1.0)
    return Estimate(value, low, high, level, method)
