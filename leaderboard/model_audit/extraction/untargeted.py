"""Extraction without a target: words that a recogniser writes where nobody says them.

What it writes on silence, noise, music and the first words of sentences, less what its base writes
on the same sounds, is held against the transcripts: are words of members' transcripts alone among
it more often than words of held-out ones alone? A recogniser that remembers nothing of either
writes both alike, whatever the coins. So the coins are tossed anew, again and again, which makes
the test exact although words of one sentence come together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.canary_table import Share, holds
from leaderboard.model_audit.questions import BASE, MODEL, about_nothing
from leaderboard.planting.planted import Planted
from leaderboard.recognisers.stimuli import Stimulus, Written, beyond, unsaid, words_of
from targets.core.randomness import Randomness

TOSSES = 9_999
SHOWN = 6  # synthetic secrets
CARRIERS = "first words"


@dataclass(frozen=True)
class Sounds:
    """On how many of the sounds of one kind words were written that are not in them.

    `base` is None where there is none.
    """

    name: str
    asked: int
    model: int
    base: int | None


@dataclass(frozen=True)
class Untargeted:
    """What was written where nobody said it, and the base does not write it.

    `words` counts different words. `trained` of how many that occur in members' transcripts alone
    are among them, `held_out` of how many of held-out ones alone. `p` is the probability that coins
    tossed anew favour members as much; None where nobody tossed coins. `secrets_trained` and
    `secrets_held_out` count canaries whose whole secret was written, of which `shown` are some.
    """

    sounds: tuple[Sounds, ...]
    words: int
    trained: Share
    held_out: Share
    p: float | None
    secrets_trained: Share
    secrets_held_out: Share
    shown: tuple[str, ...]


def untargeted(
    planted: Planted, stimuli: Sequence[Stimulus], answers: Answers, draws: int = 0, *, base: bool
) -> Untargeted | None:
    """Return what was written on stimuli; None where none has an answer of all who were asked.

    `draws` is how many answers to each were drawn besides the best; `base` says whether one was
    asked too. The coins of all candidates count, whether they were asked about or not.
    """
    model = _written(MODEL, stimuli, answers, draws)
    of_base = _written(BASE, stimuli, answers, draws) if base else []
    if base:
        both = {w.stimulus for w in model} & {w.stimulus for w in of_base}
        model = [w for w in model if w.stimulus in both]
        of_base = [w for w in of_base if w.stimulus in both]
    if not model:
        return None
    found = beyond(model, of_base)
    sides = [[c.text for c in planted.candidates if c.member == side] for side in (True, False)]
    mine = unsaid(model, of_base, *sides)
    coins = {c.unit: c.member for c in planted.candidates}
    units: dict[str, set[str]] = {word: set() for word in found}
    for c in planted.candidates:
        for word in words_of(c.text) & found.keys():
            units[word].add(c.unit)
    known = {w.stimulus: w for w in of_base}
    given = [
        c
        for c in planted.canaries
        if any(_holds(w, c.secret) and not _holds(known.get(w.stimulus), c.secret) for w in model)
    ]
    trained, held_out = (
        Share(sum(c.member == side for c in given), sum(c.member == side for c in planted.canaries))
        for side in (True, False)
    )
    return Untargeted(
        sounds=tuple(_by_kind(model, of_base if base else None)),
        words=len(found),
        trained=Share(len(mine.trained), mine.words[0]),
        held_out=Share(len(mine.held_out), mine.words[1]),
        p=tossed_anew(units.values(), coins, planted.rng.child("untargeted"))
        if planted.design == "one_run"
        else None,
        secrets_trained=trained,
        secrets_held_out=held_out,
        shown=tuple(c.text for c in sorted(given, key=lambda c: (not c.member, c.id))[:SHOWN]),
    )


def tossed_anew(
    words: Collection[Collection[str]], coins: Mapping[str, bool], rng: Randomness
) -> float:
    """Return how probable it is that coins tossed anew favour members as much as these do.

    Args:
        words: of each word that was written, the units whose transcripts have it.
        coins: whether each unit was trained on, by fair coins.
        rng: what the tosses are drawn from.

    Returns:
        the p-value of the randomisation test whose statistic is the number of words that only
        members have, less that of words that only held-out units have.
    """
    units = {unit: n for n, unit in enumerate(sorted({u for word in words for u in word}))}
    indices = [[units[u] for u in word] for word in words if word]
    dealt = np.array([[coins[unit] for unit in units]], dtype=bool)
    tosses = rng.numpy().random((TOSSES, len(units))) < 0.5
    observed, others = (_favour(fallen, indices) for fallen in (dealt, tosses))
    return float((1 + np.sum(others >= observed[0])) / (TOSSES + 1))


def _favour(coins: NDArray[np.bool_], words: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return by how many words members are favoured, (N,), by each of N falls of U coins."""
    found = np.zeros(len(coins), dtype=np.int64)
    for units in words:
        found += coins[:, units].all(axis=1)
        found -= ~coins[:, units].any(axis=1)
    return found


def _written(role: str, stimuli: Sequence[Stimulus], answers: Answers, draws: int) -> list[Written]:
    """Return what was written on each stimulus that has its best transcript."""
    found = []
    for one in stimuli:
        best, *drawn = (answers.text(question) for question in about_nothing(role, one, draws))
        if best is not None:
            texts = (best, *(text for text in drawn if text is not None))
            found.append(Written(one.name, one.said, texts))
    return found


def _holds(written: Written | None, secret: str) -> bool:
    return written is not None and any(holds(text, secret) for text in written.transcripts)


def _by_kind(model: Sequence[Written], base: Sequence[Written] | None) -> list[Sounds]:
    kinds = Counter(_kind(w) for w in model)
    by_model = Counter(_kind(w) for w in model if beyond([w], []))
    by_base = Counter(_kind(w) for w in base or () if beyond([w], []))
    return [
        Sounds(kind, count, by_model[kind], None if base is None else by_base[kind])
        for kind, count in kinds.items()
    ]


def _kind(written: Written) -> str:
    return CARRIERS if written.said else written.stimulus.split("-")[0]
