"""A student of public speech: taught by a public model, and by votes where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

Evidence = NDArray[np.float64] | None  # nats for each of the hypotheses (K,); None: none at all


@dataclass(frozen=True, eq=False)
class Shortlist:
    """What the public model takes an utterance to be: K distinct texts, log-probabilities (K,)."""

    texts: Sequence[str]
    log_probs: NDArray[np.float64]


def shortlists(recipe: Recipe, speech: Sequence[Utterance], size: int) -> list[Shortlist]:
    """Return up to `size` hypotheses of the recipe's start for each utterance, best first."""
    lists = []
    for hypotheses in recipe.build().hypotheses(speech, size):
        best: dict[str, float] = {}
        for text, log_prob in hypotheses:  # units that spell the same are one text
            best.setdefault(text, log_prob)
        lists.append(Shortlist(list(best), np.array(list(best.values()))))
    return lists


def labelled(
    speech: Sequence[Utterance],
    lists: Sequence[Shortlist],
    evidence: Sequence[Evidence],
    keep: float,
) -> list[Utterance]:
    """Return the share `keep` of the utterances whose texts are most credible, so labelled.

    A text's credit is its log-probability under the public model plus the evidence of the votes:
    the start is what is believed before anyone has voted. The order of the speech is kept.
    """
    labels, credits = [], []
    for shortlist, votes in zip(lists, evidence, strict=True):
        credit = shortlist.log_probs if votes is None else shortlist.log_probs + votes
        winner = int(np.argmax(credit))
        labels.append(shortlist.texts[winner])
        credits.append(credit[winner])
    kept = sorted(np.argsort(credits)[::-1][: round(keep * len(credits))])
    return [replace(speech[i], text=labels[i]) for i in kept if labels[i]]


def taught(
    recipe: Recipe,
    public: Sequence[Utterance],
    labels: Sequence[Utterance],
    epochs: int,
    learning_rate: float,
    rng: Randomness,
) -> Recognizer:
    """Return the recipe's target, from its start, taught transcribed public speech and labels."""
    student = recipe.build()
    lessons = [*(u for u in public if u.text), *labels]
    schedule = Schedule(epochs, recipe.schedule.batch_size, learning_rate)
    fit(student, lessons, schedule, rng, augment=True)
    return student
