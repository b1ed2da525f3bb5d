"""The game: fair coins, disjoint speakers, repeated canaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.game.game import Game, GameError, flip
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


def utterance(name: str, speaker: str = "s", **attributes: str) -> Utterance:
    return Utterance(name, speaker, np.zeros(8, np.float32), "a", attributes=attributes)


def crowd(speakers: int, each: int = 2) -> list[Utterance]:
    return [utterance(f"{s}-{i}", f"s{s}") for s in range(speakers) for i in range(each)]


def test_coins_are_fair():
    coins = flip([utterance(str(i)) for i in range(10_000)], Randomness(0))
    # Five standard deviations of a fair coin.
    assert abs(coins.mean() - 0.5) < 5 * 0.5 / 100


def test_seeds_give_other_coins():
    candidates = [utterance(str(i)) for i in range(200)]
    one, other = flip(candidates, Randomness(0)), flip(candidates, Randomness(1))
    assert 0.3 < (one == other).mean() < 0.7


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 11))
def test_a_coin_depends_on_its_own_candidate_only(order, kept):
    everyone = [utterance(str(i)) for i in range(12)]
    coins = dict(zip(range(12), flip(everyone, Randomness(3)), strict=True))
    chosen = order[: kept + 1]
    again = flip([everyone[i] for i in chosen], Randomness(3))
    assert list(again) == [coins[i] for i in chosen]


def test_a_speaker_has_one_coin_where_the_unit_is_the_speaker():
    candidates = crowd(400)
    coins = flip(candidates, Randomness(0), "speaker")
    assert (coins[::2] == coins[1::2]).all()
    assert abs(coins[::2].mean() - 0.5) < 5 * 0.5 / 20
    game = Game.set_up([], candidates, [], Randomness(0), "speaker")
    assert game.single.all()
    again = game.with_other_coins(Randomness(1))
    assert (again.coins[::2] == again.coins[1::2]).all()
    assert (again.coins != game.coins).any()
    torn = game.coins.copy()
    torn[0] = not torn[0]
    with pytest.raises(GameError, match="coins of one speaker differ"):
        Game((), game.candidates, torn, (), "speaker")


def test_no_candidates_no_coins():
    assert flip([], Randomness(0)).shape == (0,)


def test_a_canary_is_trained_on_as_often_as_it_says():
    candidates = (
        utterance("a"),
        utterance("b", repetitions="3"),
        utterance("c", repetitions="4"),
        utterance("d"),
    )
    game = Game((), candidates, np.array([True, True, False, False]), ())
    assert [u.id for u in game.members] == ["a", "b", "b", "b"]
    assert [u.id for u in game.held_out] == ["c", "d"]
    assert list(game.single) == [True, False, False, True]


def test_a_game_refuses_what_is_not_fair():
    a, b = utterance("a", "x"), utterance("b", "y")
    with pytest.raises(GameError, match="speaker x is in public and in test"):
        Game((a,), (b,), np.array([True]), (utterance("c", "x"),))
    with pytest.raises(GameError, match="speaker y is in public and in private"):
        Game((utterance("c", "y"),), (b,), np.array([True]), ())
    with pytest.raises(GameError, match="utterance a appears twice: in public and private"):
        Game((a,), (utterance("a", "z"),), np.array([True]), ())
    with pytest.raises(GameError, match="1 candidates, but coins of shape"):
        Game((a,), (b,), np.array([True, False]), ())


def test_dealing_flips_a_coin_a_candidate_and_hides_nothing_else():
    game = Game.set_up([utterance("p", "p")], crowd(20), [utterance("t", "t")], Randomness(0))
    assert 0 < game.coins.sum() < 40
    assert len(game.members) + len(game.held_out) == 40
    assert not game.coins.flags.writeable
