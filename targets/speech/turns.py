"""Transcripts of talkers who speak at once: who said what, and where each turn begins and ends.

Such a text has a mark where a turn begins, one where it ends, and one between talkers, the first to
start first: `<turn on the fan>|<call peter>`. A text without marks is one turn of one talker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from targets.speech.tokens import Tokens

START, END, NEXT = "<", ">", "|"  # of a turn, and from one talker to the next

Turns = tuple[tuple[str, ...], ...]
"""By talker, the first to start first: the text of each turn."""


def turns_of(text: str) -> Turns:
    """Return the turns of a text: what stands between marks, whether each has both of them."""
    return tuple(
        tuple(turn for turn in re.split(f"[{START}{END}]", talker) if turn)
        for talker in text.split(NEXT)
    )


def with_turns(turns: Sequence[Sequence[str]]) -> str:
    """Return the text of turns; it has no marks where the first talker alone speaks, and once."""
    spoken = [[turn for turn in talker if turn] for talker in turns]
    while len(spoken) > 1 and not spoken[-1]:
        spoken.pop()
    if len(spoken) == 1 and len(spoken[0]) <= 1:
        return "".join(spoken[0])
    return NEXT.join("".join(f"{START}{turn}{END}" for turn in talker) for talker in spoken)


def words_of_talkers(text: str) -> list[str]:
    """Return what each talker says, without marks; of a text that has none, the text."""
    return [" ".join(talker) for talker in turns_of(text)]


@dataclass(frozen=True)
class TurnTokens:
    """The labels of `words`, and one for each mark: see `Tokens`.

    Every turn is written with both of its marks, also that of a text without any.
    """

    words: Tokens

    @property
    def size(self) -> int:
        """Number of labels, label 0 included."""
        return self.words.size + 3

    def encode(self, text: str) -> list[int]:
        """Return the label numbers of a text with or without marks."""
        start, end, following = range(self.words.size, self.size)
        labels: list[int] = []
        for number, talker in enumerate(turns_of(text)):
            labels += [following] * (number > 0)
            for turn in talker:
                labels += [start, *self.words.encode(turn), end]
        return labels

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of labels, with the marks that it needs: see `with_turns`."""
        first = self.words.size
        talkers: list[list[str]] = [[]]
        for mark, run in groupby(labels, lambda label: label if label >= first else None):
            if mark is None:
                talkers[-1].append(self.words.decode(run))
            elif mark == first + 2:
                talkers += [[] for _ in run]
        return with_turns(talkers)
