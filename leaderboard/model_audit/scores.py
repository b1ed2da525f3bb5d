"""From answers to a score for each candidate: higher means "was trained on"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question
from leaderboard.planting.planted import Candidate
from leaderboard.recognisers.words import plain
from targets.speech.wer import word_errors

FEWEST = 20  # candidates, below which all that the base finds is taken off


@dataclass(frozen=True)
class Scored:
    """An attack's scores by candidate; None where an answer was missing, or was minus infinity."""

    name: str
    how: str
    scores: dict[str, float | None]


def audits_with(*, likelihoods: bool, base: bool) -> str:
    """Return the attack that audits ε: fixed by what can be asked, before any answer."""
    if likelihoods:
        return "relative loss" if base else "loss"
    return "transcript"


def scored(
    candidates: Sequence[Candidate],
    answers: Answers,
    *,
    likelihoods: bool,
    base: bool,
    base_likelihoods: bool,
    references: Sequence[str],
) -> tuple[list[Scored], dict[str, str]]:
    """Return the scores of every attack that can run, and why the others cannot.

    `base` says whether there is one; `references` are the roles of those with likelihoods.
    """
    found, absent = [], {}
    losses = {c.id: _per_character(c, MODEL, answers) for c in candidates}
    if likelihoods:
        found.append(Scored("loss", "log-likelihood per character", losses))
    else:
        absent["loss"] = "the model gives no likelihoods, transcripts alone"
    if likelihoods and base_likelihoods:
        of_base = {c.id: _per_character(c, BASE, answers) for c in candidates}
        how = "log-likelihood per character, less what that of the base lets expect"
        found.append(Scored("relative loss", how, _beyond(losses, of_base)))
    else:
        reason = "no --base was given" if not base else "not both give likelihoods"
        absent["relative loss"] = reason
    if likelihoods and references:
        others = [{c.id: _per_character(c, r, answers) for c in candidates} for r in references]
        how = f"log-likelihood per character, less the mean of {len(others)} references"
        means = {c.id: _mean([other[c.id] for other in others]) for c in candidates}
        # With one variance for all, offline LiRA ranks by the same difference.
        found.append(Scored("loss beside references", how, _less(losses, means)))
    else:
        absent["loss beside references"] = "no --references with likelihoods were given"
    errors = {c.id: _accuracy(c, MODEL, answers) for c in candidates}
    found.append(Scored("transcript", "minus the word error rate of its transcript", errors))
    if base and not (likelihoods and base_likelihoods):
        of_base = {c.id: _accuracy(c, BASE, answers) for c in candidates}
        how = "how much fewer of its words are wrong than with the base"
        found.append(Scored("relative transcript", how, _less(errors, of_base)))
    else:
        absent["relative transcript"] = (
            "relative loss says more, so that the base is not asked for transcripts of your speech"
            if base
            else "no --base was given"
        )
    return found, absent


def _per_character(c: Candidate, role: str, answers: Answers) -> float | None:
    value = answers.number(Question(role, c.id, "likelihood", text=c.text))
    return None if value is None else value / max(len(c.text), 1)


def _accuracy(c: Candidate, role: str, answers: Answers) -> float | None:
    text = answers.text(Question(role, c.id, "transcript"))
    if text is None:
        return None
    wrong, words = word_errors(plain(c.text), plain(text))
    return -wrong / max(words, 1)


def _less(
    first: dict[str, float | None], second: dict[str, float | None]
) -> dict[str, float | None]:
    pairs = {name: (value, second[name]) for name, value in first.items()}
    return {name: None if a is None or b is None else a - b for name, (a, b) in pairs.items()}


def _beyond(
    first: dict[str, float | None], second: dict[str, float | None]
) -> dict[str, float | None]:
    """Return `first` less the share of `second` that explains most of it.

    The share is the slope of least squares over all candidates, between 0 and 1: no coin is looked
    at. A base that does as badly on everything would only bring noise, if all of it were taken off.
    """
    pairs = [
        (a, b) for name, a in first.items() if a is not None and (b := second[name]) is not None
    ]
    share = 1.0
    if len(pairs) >= FEWEST:
        (_, covariance), (_, variance) = np.cov(np.array(pairs).T)
        share = float(np.clip(covariance / variance, 0, 1)) if variance else 0.0
    of_second = {name: None if b is None else share * b for name, b in second.items()}
    return _less(first, of_second)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
