"""What an encoder's states say of who speaks: was this voice trained on, and what is it like?

A linear rule reads the mean state of an utterance, learnt from other speakers. Much can be read off
the states of any good encoder, and it is no leak of the fine-tuning. What counts is the gain over
the states of the base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question
from leaderboard.model_audit.rules.speakers import (
    Array,
    Labels,
    Names,
    areas,
    over_speakers,
    read_off,
)
from leaderboard.planting.planted import Candidate
from leaderboard.recognisers.states import from_text
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

PENALTY = 100.0  # there are about as many states as utterances
FEWEST = 5  # speakers on each side
ATTRIBUTES = ("gender", "accent")
MEMBERSHIP = "trained on"


@dataclass(frozen=True)
class Probe:
    """How well one thing is read off the states: AUC with the model, with the base, the gain.

    `same` says that the states are those of the base, bit for bit: the encoder was not trained.
    Without a base, `base` and `gain` are unscored.
    """

    what: str
    utterances: int
    model: Estimate
    base: Estimate
    gain: Estimate
    same: bool


def probes(
    candidates: Sequence[Candidate], answers: Answers, rng: Randomness, *, base: bool
) -> tuple[Probe, ...]:
    """Return what is read off the states of the corpus's own speech; `base` says if there is one.

    A question that too few speakers can answer is left out.
    """
    roles = (MODEL, BASE) if base else (MODEL,)
    said = [c for c in candidates if c.kind == "utterance"]
    texts = {c.id: [answers.text(Question(role, c.id, "states")) for role in roles] for c in said}
    known = [c for c in said if None not in texts[c.id]]
    if not known:
        return ()
    states = [
        np.array([from_text(str(texts[c.id][n])) for c in known], dtype=np.float64)
        for n in range(len(roles))
    ]
    found = []
    for what, labels, kept in _questions(known):
        index = np.flatnonzero(kept)
        speakers = np.array([known[i].speaker for i in index])
        one = _probe(what, [s[index] for s in states], labels[index], speakers, rng.child(what))
        found += [] if one is None else [one]
    return tuple(found)


def _questions(known: Sequence[Candidate]) -> list[tuple[str, Labels, Labels]]:
    """Return what is asked: its name, the answers (N,), and of whom these are known (N,)."""
    everyone = np.ones(len(known), dtype=bool)
    asked = [(MEMBERSHIP, np.array([c.member for c in known]), everyone)]
    for name in ATTRIBUTES:
        values = [c.attributes.get(name, "") for c in known]
        if len(set(values) - {""}) > 1:
            common = Counter(v for v in values if v).most_common(1)[0][0]
            kept = np.array([v != "" for v in values])
            asked.append((f"{name}: {common}", np.array([v == common for v in values]), kept))
    return asked


def _probe(
    what: str, states: Sequence[Array], labels: Labels, speakers: Names, rng: Randomness
) -> Probe | None:
    if min(len(set(speakers[labels == side].tolist())) for side in (True, False)) < FEWEST:
        return None
    scores = [read_off(one, labels, speakers, PENALTY, rng.child("folds")) for one in states]
    if any(one is None for one in scores):
        return None
    pair = np.stack([one for one in scores if one is not None], axis=1)
    none = Estimate.unscored("no base whose states are shown")
    draw = rng.child("replicates")
    model = over_speakers(lambda p, y: areas(p, y)[0], pair, labels, speakers, draw)
    if len(states) == 1:
        return Probe(what, len(labels), model, none, none, same=False)
    return Probe(
        *(what, len(labels), model),
        base=over_speakers(lambda p, y: areas(p, y)[1], pair, labels, speakers, draw),
        gain=over_speakers(_gain, pair, labels, speakers, draw),
        same=np.array_equal(states[0], states[1]),
    )


def _gain(pair: Array, labels: Labels) -> float:
    """Return the AUC of the model less that of the base, each at least chance."""
    first, second = np.maximum(areas(pair, labels), 0.5)
    return float(first - second)
