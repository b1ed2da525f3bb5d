"""The membership game: who is public, who is private, and on whom the hidden coins fell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, Utterance, unit_key

REPETITIONS = "repetitions"  # the attribute of a canary that says how often a member is trained on

Coins = NDArray[np.bool_]


class GameError(OverheardError):
    """Speech from which no fair game can be made."""


def repetitions(candidate: Utterance) -> int:
    """Return how often a candidate is trained on when its coin shows heads."""
    return int(candidate.attributes.get(REPETITIONS, "1"))


def flip(candidates: Iterable[Utterance], rng: Randomness, unit: Unit = "utterance") -> Coins:
    """Return the coin (N,) of each candidate; True makes it a member.

    Every unit has a fair coin of its own, from its own name, that all its candidates share.
    Adding, removing or reordering candidates leaves the coins of the others alone.
    """
    return np.array([rng.child(unit_key(c, unit)).integer() & 1 for c in candidates], dtype=bool)


def is_single(candidate: Utterance, unit: Unit) -> bool:
    """Return whether a candidate's coin changes the training data by exactly one unit."""
    return is_one_unit(repetitions(candidate), unit)


def is_one_unit(said: int, unit: Unit) -> bool:
    """Return whether the coin of what is said so often changes the data by exactly one unit.

    Only such candidates may audit ε. A canary said sixteen times is a group of sixteen utterances,
    protected by a far weaker guarantee, but part of one speaker, however often it is said.
    """
    return unit != "utterance" or said == 1


@dataclass(frozen=True, eq=False)
class Game:
    """What is known to everyone, what is private, and the coins that only the referee sees.

    `coins` (N,) belong to `candidates` (N); True means trained on. Each `unit` has one coin.

    Raises:
        GameError: groups share a speaker, an id appears twice, coins and candidates differ in
            number, or the coins of one unit differ.
    """

    public: tuple[Utterance, ...]
    candidates: tuple[Utterance, ...]
    coins: Coins
    test: tuple[Utterance, ...]
    unit: Unit = "utterance"

    def __post_init__(self) -> None:
        if self.coins.shape != (len(self.candidates),):
            raise GameError(
                f"{len(self.candidates)} candidates, but coins of shape {self.coins.shape}"
            )
        self.coins.setflags(write=False)
        tossed = zip((unit_key(c, self.unit) for c in self.candidates), self.coins, strict=True)
        if len(set(tossed)) > len({unit_key(c, self.unit) for c in self.candidates}):
            raise GameError(f"the coins of one {self.unit} differ")
        groups = {"public": self.public, "private": self.candidates, "test": self.test}
        _refuse_repeated_ids(groups)
        _refuse_shared_speakers(groups)

    @classmethod
    def set_up(
        cls,
        public: Sequence[Utterance],
        candidates: Sequence[Utterance],
        test: Sequence[Utterance],
        rng: Randomness,
        unit: Unit = "utterance",
    ) -> Game:
        """Flip the coins and set up a game."""
        coins = flip(candidates, rng.child("coins"), unit)
        return cls(tuple(public), tuple(candidates), coins, tuple(test), unit)

    def with_other_coins(self, rng: Randomness) -> Game:
        """Return the same game with other coins, as an attacker tosses them to train a model."""
        return replace(self, coins=flip(self.candidates, rng, self.unit))

    @property
    def members(self) -> tuple[Utterance, ...]:
        """What is trained on: heads, each listed as often as its `repetitions` say."""
        return tuple(
            c
            for c, heads in zip(self.candidates, self.coins, strict=True)
            if heads
            for _ in range(repetitions(c))
        )

    @property
    def held_out(self) -> tuple[Utterance, ...]:
        """The candidates that showed tails, once each: the null of every attack."""
        return tuple(c for c, heads in zip(self.candidates, self.coins, strict=True) if not heads)

    @property
    def single(self) -> NDArray[np.bool_]:
        """Which candidates (N,) change the training data by exactly one unit; see `is_single`."""
        return np.array([is_single(c, self.unit) for c in self.candidates], dtype=bool)


def _refuse_repeated_ids(groups: dict[str, tuple[Utterance, ...]]) -> None:
    home: dict[str, str] = {}
    for name, utterances in groups.items():
        for utterance in utterances:
            if utterance.id in home:
                raise GameError(
                    f"utterance {utterance.id} appears twice: in {home[utterance.id]} and {name}"
                )
            home[utterance.id] = name


def _refuse_shared_speakers(groups: dict[str, tuple[Utterance, ...]]) -> None:
    home: dict[str, str] = {}
    for name, utterances in groups.items():
        for utterance in utterances:
            if home.setdefault(utterance.speaker, name) != name:
                raise GameError(
                    f"speaker {utterance.speaker} is in {home[utterance.speaker]} and in {name}: "
                    "the splits must share no speaker"
                )
