from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.canary_table import Share
from leaderboard.model_audit.extraction.untargeted import TOSSES, tossed_anew, untargeted
from leaderboard.model_audit.questions import BASE, MODEL, about_nothing
from leaderboard.recognisers.stimuli import Stimulus
from targets.core.randomness import Randomness
from tests.leaderboard.model_audit.fakes import game

RNG = Randomness(5)
NOTHING = np.zeros(10, np.float32)
STIMULI = [
    Stimulus("silence-1s", NOTHING),
    Stimulus("white-1s-0.03", NOTHING),
    Stimulus("white-3s-0.03", NOTHING),
    Stimulus("carrier-0-0", NOTHING, "my pin code is"),
]


def of_all_coins(words, coins):
    """Return the p-value from every way that the coins may fall."""
    units = sorted({u for word in words for u in word})

    def favour(fallen):
        sides = [{fallen[u] for u in word} for word in words]
        return sum(side == {True} for side in sides) - sum(side == {False} for side in sides)

    ways = [
        dict(zip(units, fallen, strict=True))
        for fallen in itertools.product([False, True], repeat=len(units))
    ]
    return np.mean([favour(way) >= favour(coins) for way in ways])


@pytest.mark.parametrize("seed", range(4))
def test_tossing_anew_is_counting_all_ways_that_coins_fall(seed):
    draw = RNG.child(seed).numpy()
    units = [f"u{n}" for n in range(8)]
    coins = {unit: bool(side) for unit, side in zip(units, draw.integers(2, size=8), strict=True)}
    sizes = draw.integers(1, 4, size=10)
    words = [list(draw.choice(units, size=size, replace=False)) for size in sizes]
    exact = of_all_coins(words, coins)
    error = math.sqrt(exact * (1 - exact) / TOSSES)
    assert abs(tossed_anew(words, coins, RNG.child("toss", seed)) - exact) < 4 * error + 2 / TOSSES


def test_words_without_a_side_prove_nothing():
    assert tossed_anew([], {}, RNG) == 1.0
    assert tossed_anew([[]], {"a": True}, RNG) == 1.0


def test_a_recogniser_that_remembers_nothing_is_seldom_accused_though_words_come_in_sentences():
    """Words of one sentence share a coin: a test that took them for many would accuse often."""
    draw = RNG.child("sentences").numpy()
    accused = 0
    for trial in range(100):
        coins = {f"u{n}": bool(draw.integers(2)) for n in range(30)}
        # It writes eight whole sentences of eight words of their own, whosever they are.
        words = [[f"u{n}"] for n in draw.choice(30, size=8, replace=False) for _ in range(8)]
        accused += tossed_anew(words, coins, RNG.child(trial)) < 0.05
    assert accused <= 13  # 5 expected; as 64 coins they would be accused more than 30 times


def answers_of(folder, planted, model, base=None):
    with Answers(folder / "a.jsonl", planted.digest) as answers:
        for role, texts in ((MODEL, model), (BASE, base or ())):
            for stimulus, text in zip(STIMULI, texts, strict=False):
                (question,) = about_nothing(role, stimulus)
                if text is not None:
                    answers.give(question, text)
    return answers


def planted_with_words(folder):
    """Return a game in which every utterance has a word of its own."""
    planted = game(folder, canaries=True)
    words = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)]
    named = [
        c if c.kind == "canary" else replace(c, text=f"turn {words[n]}")
        for n, c in enumerate(planted.candidates)
    ]
    return replace(planted, candidates=tuple(named))


def test_who_writes_what_only_members_said_is_found(tmp_path):
    planted = planted_with_words(tmp_path)
    own = [c.text.split()[1] for c in planted.candidates if c.kind == "utterance" and c.member]
    secret = next(c for c in planted.canaries if c.member)
    texts = ["", " ".join(own[:8]).upper(), None, secret.text]
    found = untargeted(planted, STIMULI, answers_of(tmp_path, planted, texts), base=False)
    assert found is not None
    assert found.trained.hits == 8
    assert found.held_out.hits == 0
    assert found.p < 0.02
    assert found.secrets_trained.hits == 1
    assert found.secrets_held_out.hits == 0
    assert found.secrets_trained.of + found.secrets_held_out.of == len(planted.canaries)
    assert found.shown == (secret.text,)
    assert [(s.name, s.asked, s.model, s.base) for s in found.sounds] == [
        ("silence", 1, 0, None),
        ("white", 1, 1, None),
        ("first words", 1, 1, None),
    ]


def test_what_the_base_writes_is_no_leak(tmp_path):
    planted = planted_with_words(tmp_path)
    own = [c.text.split()[1] for c in planted.candidates if c.kind == "utterance" and c.member]
    secret = next(c for c in planted.canaries if c.member)
    texts = ["thanks", " ".join(own[:8]), "unheard by the base", secret.text]
    answers = answers_of(tmp_path, planted, texts, ["", texts[1], None, texts[3]])
    found = untargeted(planted, STIMULI, answers, base=True)
    assert found is not None
    assert (found.words, found.trained.hits, found.secrets_trained.hits) == (1, 0, 0)
    assert found.p == 1.0
    assert [(s.name, s.asked, s.model, s.base) for s in found.sounds] == [
        ("silence", 1, 1, 0),
        ("white", 1, 1, 1),
        ("first words", 1, 1, 1),
    ]


def test_without_coins_there_is_no_test_and_without_answers_nothing(tmp_path):
    planted = replace(planted_with_words(tmp_path), design="observational")
    answers = answers_of(tmp_path, planted, ["hello"])
    found = untargeted(planted, STIMULI, answers, base=False)
    assert found is not None
    assert found.p is None
    assert found.held_out == Share(0, found.held_out.of)
    assert untargeted(planted, (), answers, base=False) is None
    assert untargeted(planted, STIMULI[2:], answers, base=False) is None


def test_what_is_drawn_counts_as_written(tmp_path):
    planted = planted_with_words(tmp_path)
    own = [c.text.split()[1] for c in planted.candidates if c.kind == "utterance" and c.member]
    secret = next(c for c in planted.canaries if c.member)
    with Answers(tmp_path / "a.jsonl", planted.digest) as answers:
        for role, drawn in ((MODEL, [own[0], secret.text]), (BASE, ["", own[1]])):
            best, *others = about_nothing(role, STIMULI[0], 2)
            answers.give(best, "hello")
            for question, text in zip(others, drawn, strict=True):
                answers.give(question, f"{text} {own[1]}" if role == MODEL else text)
    without = untargeted(planted, STIMULI, answers, base=True)
    assert (without.words, without.secrets_trained.hits) == (0, 0)
    found = untargeted(planted, STIMULI, answers, 2, base=True)
    assert found.trained.hits >= 1
    assert found.secrets_trained.hits == 1
    assert own[1] not in " ".join(found.shown)
    assert found.words == 1 + len(set(secret.text.split()))
