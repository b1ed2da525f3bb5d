"""What an encoder's states say of who speaks: was this voice trained on, and what is it like?

A linear rule reads the mean state of an utterance, learnt from other speakers. Much can be read off
the states of any good encoder, and it is no leak of the fine-tuning. What counts is the gain over
the states of the base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from attacks.membership.logistic import learn
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question
from leaderboard.planting.planted import Candidate
from leaderboard.recognisers.states import from_text
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

FOLDS = 5
PENALTY = 100.0  # there are about as many states as utterances
REPLICATES = 500
LEVEL = 0.95
FEWEST = 5  # speakers on each side
ATTRIBUTES = ("gender", "accent")
MEMBERSHIP = "trained on"

Array = NDArray[np.float64]
Labels = NDArray[np.bool_]


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
    what: str, states: Sequence[Array], labels: Labels, speakers: NDArray[np.str_], rng: Randomness
) -> Probe | None:
    if min(len(set(speakers[labels == side].tolist())) for side in (True, False)) < FEWEST:
        return None
    scores = [read_off(one, labels, speakers, rng.child("folds")) for one in states]
    if any(one is None for one in scores):
        return None
    pair = np.stack([one for one in scores if one is not None], axis=1)
    none = Estimate.unscored("no base whose states are shown")
    draw = rng.child("replicates")
    model = _estimate(lambda p, y: _areas(p, y)[0], pair, labels, speakers, draw)
    if len(states) == 1:
        return Probe(what, len(labels), model, none, none, same=False)
    return Probe(
        *(what, len(labels), model),
        base=_estimate(lambda p, y: _areas(p, y)[1], pair, labels, speakers, draw),
        gain=_estimate(_gain, pair, labels, speakers, draw),
        same=np.array_equal(states[0], states[1]),
    )


def read_off(
    states: Array, labels: Labels, speakers: NDArray[np.str_], rng: Randomness
) -> Array | None:
    """Return a score (N,) for each row of states (N, D), by rules learnt without its speaker.

    None where a rule would have one side alone to learn from.
    """
    names = sorted(set(speakers.tolist()))
    order = rng.numpy().permutation(len(names))
    fold_of = {names[s]: n % FOLDS for n, s in enumerate(order)}
    folds = np.array([fold_of[s] for s in speakers.tolist()])
    found = np.zeros(len(states))
    for fold in sorted(set(folds.tolist())):
        rest = folds != fold
        if len(set(labels[rest].tolist())) < 2:
            return None
        rule = learn(states[rest], labels[rest], PENALTY)
        found[~rest] = rule.logits(states[~rest]) - rule.bias
    return found


def _areas(scores: Array, labels: Labels) -> Array:
    """Return the AUC of each column of scores (N, K)."""
    n_in, n_out = int(labels.sum()), int((~labels).sum())
    ranks = rankdata(scores, axis=0)
    return (ranks[labels].sum(axis=0) - n_in * (n_in + 1) / 2) / (n_in * n_out)


def _gain(pair: Array, labels: Labels) -> float:
    """Return the AUC of the model less that of the base, each at least chance."""
    first, second = np.maximum(_areas(pair, labels), 0.5)
    return float(first - second)


def _estimate(
    figure: Callable[[Array, Labels], float],
    pair: Array,
    labels: Labels,
    speakers: NDArray[np.str_],
    rng: Randomness,
) -> Estimate:
    """Return a figure, with the interval that speakers drawn again and again give."""
    value = float(figure(pair, labels))
    draw, drawn = rng.numpy(), []
    of_speaker = [np.flatnonzero(speakers == s) for s in sorted(set(speakers.tolist()))]
    for _ in range(REPLICATES):
        picked = draw.integers(len(of_speaker), size=len(of_speaker))
        index = np.concatenate([of_speaker[p] for p in picked])
        if len(set(labels[index].tolist())) == 2:
            drawn.append(float(figure(pair[index], labels[index])))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    method = f"percentile bootstrap over {len(of_speaker)} speakers"
    return Estimate(value, float(low), float(high), LEVEL, method)
