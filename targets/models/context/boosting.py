"""Subword boosting: what spells the beginning of a listed word is preferred, label by label.

After the adaptive boosting of Dingliwal et al. 2022, arXiv 2210.09510, whose details are not
public; what is here is this project's own. A text gets a bonus for every label with which its last
word goes on spelling an entry, the more the further the spelling has come: a beginning that many
words share is worth little, and an entry that is all but written much. What breaks off, or ends
early, gives all of it back, so that nothing but whole entries keeps a bonus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from targets.models.context.lists import Entry
from targets.nn.prefix_search import Prefix


@dataclass(frozen=True)
class PrefixBoost:
    """A bonus of `nats` a label for entries that are being spelled. See `Bonus`.

    The bonus of a label grows from nothing to twice `nats` over an entry. `space` is the label
    between words; without one (0), as with subwords, an entry may begin anywhere, and is finished
    wherever it ends.
    """

    entries: Sequence[Entry]
    space: int
    nats: float = 1.0

    @cached_property
    def _partial(self) -> dict[Prefix, float]:
        """The bonus of every beginning of an entry: the most that any of its entries gives."""
        found: dict[Prefix, float] = {}
        for entry in self.entries:
            for n in range(1, len(entry) + 1):
                bonus = self.nats * n * (n + 1) / (len(entry) + 1)
                found[entry[:n]] = max(bonus, found.get(entry[:n], 0.0))
        return found

    @cached_property
    def _whole(self) -> dict[Prefix, float]:
        """The bonus of every entry, finished."""
        return {entry: self.nats * len(entry) for entry in self.entries if entry}

    @cached_property
    def _after(self) -> dict[Prefix, tuple[int, ...]]:
        """The labels with which entries go on after a beginning, or begin."""
        found: dict[Prefix, dict[int, None]] = {}
        for entry in self.entries:
            for n, label in enumerate(entry):
                found.setdefault(entry[:n], {})[label] = None
        return {beginning: tuple(labels) for beginning, labels in found.items()}

    @cached_property
    def _labels(self) -> tuple[int, ...]:
        return tuple(sorted({label for entry in self.entries for label in entry}))

    def reached(self, prefix: Prefix) -> tuple[int, ...]:
        """Return the labels that spell an entry on after a text: a search has to try them."""
        if not self.space:
            return self._labels  # where nothing says where an entry begins, any of them
        return self._after.get(prefix[_last_word(prefix, self.space) :], ())

    def of(self, prefix: Prefix) -> float:
        """See `Bonus`."""
        if not self.space:
            return self._anywhere(prefix, unfinished=True)
        begin = _last_word(prefix, self.space)
        return self._of_all(prefix[:begin]) + self._partial.get(prefix[begin:], 0.0)

    def at_end(self, prefix: Prefix) -> float:
        """See `Bonus`."""
        if not self.space:
            return self._anywhere(prefix, unfinished=False)
        return self._of_all(prefix)

    @cached_property
    def _of_all(self) -> Callable[[Prefix], float]:
        # A search asks for the same finished words with each label that it adds to them.
        @lru_cache(maxsize=65_536)
        def of_all(prefix: Prefix) -> float:
            return sum(self._whole.get(word, 0.0) for word in self._words(prefix))

        return of_all

    def _words(self, prefix: Prefix) -> list[Prefix]:
        words: list[list[int]] = [[]]
        for label in prefix:
            if label == self.space:
                words.append([])
            else:
                words[-1].append(label)
        return [tuple(word) for word in words]

    def _anywhere(self, prefix: Prefix, *, unfinished: bool) -> float:
        """Return the bonus where entries have no borders: at each place the longest."""
        total, begin = 0.0, 0
        while begin < len(prefix):
            rest = prefix[begin:]
            if unfinished and rest in self._partial:
                return total + self._partial[rest]
            ends = [n for n in range(len(rest), 0, -1) if rest[:n] in self._whole]
            if ends:
                total += self._whole[rest[: ends[0]]]
            begin += ends[0] if ends else 1
        return total


def _last_word(prefix: Prefix, space: int) -> int:
    """Return where the last word of a text begins."""
    return len(prefix) - prefix[::-1].index(space) if space in prefix else 0
