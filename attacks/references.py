"""Reference models: what the target might be, had the hidden coins fallen otherwise.

The attacker knows the recipe, the public start and the candidates, and so can train recognisers
like the target, each on the candidates that fell heads in a toss of the attacker's own. The hidden
coins enter nowhere. Source of the threat model: Carlini et al. 2022, arXiv 2112.03570.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from attacks.base import Attack, References, Scores, Transcripts
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

FEWEST = 2  # references: what is learnt on one as the target needs another to compare it with


@runtime_checkable
class Comparative(Attack, Protocol):
    """An attack that compares signals of the target with those of reference models.

    `references` is how many it needs, `signals` the attacks whose scores it compares. Those draw
    nothing, and score each candidate by itself.
    """

    @property
    def references(self) -> int:
        """How many reference models it needs."""
        ...

    @property
    def signals(self) -> tuple[Attack, ...]:
        """The attacks whose scores it compares."""
        ...


def signal_of(
    view: Transcripts, attack: Attack, candidates: Sequence[Utterance], rng: Randomness
) -> Scores:
    """Return an attack's scores (N,) on the target, from memory where it has been tried already."""
    known = view.known.get(repr(attack), {})
    if all(c.id in known for c in candidates):
        return np.array([known[c.id] for c in candidates], dtype=float)
    return attack.score(view, candidates, rng).scores


def each_as_the_target(references: References) -> Iterator[tuple[Transcripts, frozenset[str]]]:
    """Yield a view of each reference as the target of the others, and what it was trained on."""
    for k, (view, trained_on) in enumerate(
        zip(references.views, references.trained_on, strict=True)
    ):
        rest = [n for n in range(len(references)) if n != k]
        others = References(
            [references.views[n] for n in rest],
            [references.trained_on[n] for n in rest],
            references.rng,
            {
                attack: {i: row[rest] for i, row in rows.items()}
                for attack, rows in references.memory.items()
            },
        )
        known = {
            attack: {i: float(row[k]) for i, row in rows.items()}
            for attack, rows in references.memory.items()
        }
        yield replace(view, references=others, known=known), trained_on


def references_of(view: Transcripts, count: int) -> References:
    """Return the first `count` references of a view.

    Raises:
        OverheardError: the view has fewer, or fewer than `FEWEST` are asked for.
    """
    if count < FEWEST:
        raise OverheardError(f"references: {count} are too few to compare with; give {FEWEST}")
    found = view.references
    if found is None or len(found) < count:
        raise OverheardError(
            f"the attack compares with {count} reference models, the view has "
            f"{0 if found is None else len(found)}"
        )
    if len(found) == count:
        return found
    first = {
        attack: {i: row[:count] for i, row in rows.items()} for attack, rows in found.memory.items()
    }
    return References(found.views[:count], found.trained_on[:count], found.rng, first)
