"""What is drawn follows from names and the seed: never from the order of the lines."""

import random
from collections import Counter

import numpy as np
import pytest

from leaderboard.game.draw import of_speakers, stratified
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

SILENCE = np.zeros(1, np.float32)
WORDS = ("yes", "no", "on", "off", "up", "down", "left", "right", "stop", "go")


def said(speakers=8, each=20):
    """A corpus in the order of files that are named after their word."""
    return [
        Utterance(f"{word}/{s}-{n}", f"s{s}", SILENCE, word)
        for word in WORDS
        for s in range(speakers)
        for n in range(each // len(WORDS))
    ]


def ids(utterances):
    return [u.id for u in utterances]


@pytest.mark.parametrize("count", [1, 7, 8, 40, 159, 160, 500])
def test_every_speaker_has_the_share_that_is_theirs(count):
    drawn = stratified(said(), count, Randomness(0))
    assert len(drawn) == min(count, 160)
    counts = Counter(u.speaker for u in drawn)
    assert max(counts.values()) - min(counts.get(f"s{s}", 0) for s in range(8)) <= 1


def test_shares_follow_the_speakers_own_numbers():
    uneven = [Utterance(f"{s}-{n}", s, SILENCE, "yes") for s, m in (("a", 300), ("b", 100))
              for n in range(m)]  # fmt: skip
    counts = Counter(u.speaker for u in stratified(uneven, 40, Randomness(1)))
    assert abs(counts["a"] - 30) <= 1


def test_all_words_of_a_sorted_corpus_are_heard():
    assert {u.text for u in stratified(said(), 60, Randomness(0))} == set(WORDS)
    assert {u.text for u in said()[:60]} != set(WORDS)  # what the first lines are


def test_the_order_of_the_lines_decides_nothing():
    shuffled = said()
    random.Random(0).shuffle(shuffled)
    for draw in (stratified, of_speakers):
        assert set(ids(draw(shuffled, 5, Randomness(3)))) == set(
            ids(draw(said(), 5, Randomness(3)))
        )


def test_what_is_drawn_keeps_its_order_and_follows_the_seed():
    draws = [ids(stratified(said(), 40, Randomness(seed))) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] == [i for i in ids(said()) if i in draws[0]]


def test_more_of_them_hold_the_fewer():
    few = set(ids(stratified(said(), 20, Randomness(0))))
    assert few < set(ids(stratified(said(), 50, Randomness(0))))


def test_every_utterance_has_the_same_chance():
    corpus = said(4, 10)
    times = Counter(i for seed in range(400) for i in ids(stratified(corpus, 10, Randomness(seed))))
    expected = 400 * 10 / len(corpus)
    assert all(abs(times[u.id] - expected) < 5 * expected**0.5 for u in corpus)


def test_whole_speakers_are_drawn():
    drawn = of_speakers(said(), 3, Randomness(0))
    assert len(drawn) == 60
    assert len({u.speaker for u in drawn}) == 3
    others = {frozenset(u.speaker for u in of_speakers(said(), 3, Randomness(s))) for s in range(9)}
    assert len(others) > 3
    assert len(of_speakers(said(), 99, Randomness(0))) == 160
