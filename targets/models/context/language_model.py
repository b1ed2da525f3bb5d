"""An external language model with a class for words it has never read, where a list belongs.

Words of public text have their bigrams. All others share the class: a listed word has its part of
the class's probability, whoever it is, and a word that nobody knows pays for every letter. So a
listed word costs what a rare word costs, and not what an unknown one would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from targets.nn.prefix_search import Prefix
from targets.speech.tokens import Tokens

UNKNOWN = "<unknown>"  # the class; no transcript has such a word
START = "<start>"
PER_LETTER = math.log(27)  # nats of an unlisted word in the class, a letter each
_UNLISTED = "'"  # no word is spelled with this alone
LISTED = 0.5  # of the class's probability is the list's, where there is one


@dataclass(frozen=True)
class ClassBigrams:
    """Bigrams of words, smoothed by single words (Witten and Bell 1991), with an unknown class.

    `listed` are the words of a private list; the model itself is public.
    """

    pairs: Counter[tuple[str, str]]
    after: Counter[str]
    kinds_after: Counter[str]
    words: Counter[str]
    listed: Collection[str] = field(default=frozenset(), repr=False)

    @classmethod
    def learn(cls, texts: Sequence[str]) -> ClassBigrams:
        """Return the model of public texts; a word that occurs once is of the unknown class."""
        seen = Counter(word for text in texts for word in text.split())
        pairs: Counter[tuple[str, str]] = Counter()
        words: Counter[str] = Counter()
        for text in texts:
            row = [START, *(w if seen[w] > 1 else UNKNOWN for w in text.split())]
            pairs.update(pairwise(row))
            words.update(row[1:])
        after: Counter[str] = Counter()
        for (before, _), count in pairs.items():
            after[before] += count
        kinds_after = Counter(before for before, _ in pairs)
        words[UNKNOWN] += 1  # it is never impossible
        return cls(pairs, after, kinds_after, words)

    def with_list(self, listed: Collection[str]) -> ClassBigrams:
        """Return the model that knows a list."""
        return replace(self, listed=frozenset(listed))

    def log_probability(self, word: str, before: str = START) -> float:
        """Return ln P(word | the word before), in nats."""
        known = word in self.words
        total = self._class(word if known else UNKNOWN, self.known(before))
        if known:
            return math.log(total)
        if word in self.listed:
            return math.log(total * LISTED / len(self.listed))
        rest = 1 - LISTED if self.listed else 1.0
        return math.log(total * rest) - PER_LETTER * (len(word) + 1)

    def likeliest(self, beginning: str, before: str = START) -> float:
        """Return ln P(word | the word before) of the likeliest word that begins so, in nats."""
        words = [word for word in self.words if word.startswith(beginning)]
        unlisted = _UNLISTED * len(beginning)
        words += [unlisted, self._listed_by_beginning.get(beginning, unlisted)]
        return max(self.log_probability(word, before) for word in words)

    @cached_property
    def _listed_by_beginning(self) -> dict[str, str]:
        """A listed word for each beginning of one: they are as likely as each other."""
        listed = [word for word in self.listed if word not in self.words]
        return {word[:n]: word for word in listed for n in range(1, len(word) + 1)}

    def known(self, word: str) -> str:
        """Return what a word is to the model: itself, or of the unknown class."""
        return word if word in self.words or word == START else UNKNOWN

    @cached_property
    def _total(self) -> int:
        return self.words.total()

    def _class(self, word: str, before: str) -> float:
        single = self.words[word] / self._total
        kinds = self.kinds_after[before]
        if not kinds:
            return single
        return (self.pairs[before, word] + kinds * single) / (self.after[before] + kinds)


@dataclass(frozen=True)
class WordScores:
    """What a language model says of a text. See `Bonus`.

    `weight` scales its log-probabilities, and `a_word` nats are added for every word, without
    which long texts would never be written. A word that is still being written counts as the
    likeliest that it can become: if it cost nothing before it ends, a search would not end words.
    """

    model: ClassBigrams
    tokens: Tokens
    weight: float = 0.5
    a_word: float = 1.0

    def of(self, prefix: Prefix) -> float:
        """See `Bonus`."""
        text = self.tokens.decode(prefix)  # without the space at its end
        if prefix[-1:] == self._space:
            return self._of_text(text)
        finished, _, last = text.rpartition(" ")
        before = self.model.known((finished.split() or [START])[-1])
        return self._of_text(finished) + self._ahead(last, before)

    def at_end(self, prefix: Prefix) -> float:
        """See `Bonus`."""
        return self._of_text(self.tokens.decode(prefix))

    @cached_property
    def _space(self) -> Prefix:
        return tuple(self.tokens.encode(" "))

    # A search asks for the same words again with each label that it adds to them.
    @cached_property
    def _of_text(self) -> Callable[[str], float]:
        @lru_cache(maxsize=65_536)
        def of_text(text: str) -> float:
            words = text.split()
            return sum(
                self.weight * self.model.log_probability(word, earlier) + self.a_word
                for earlier, word in zip([START, *words], words, strict=False)
            )

        return of_text

    @cached_property
    def _ahead(self) -> Callable[[str, str], float]:
        @lru_cache(maxsize=65_536)
        def ahead(beginning: str, before: str) -> float:
            if not beginning:
                return 0.0
            return self.weight * self.model.likeliest(beginning, before) + self.a_word

        return ahead
