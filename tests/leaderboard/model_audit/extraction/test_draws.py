from __future__ import annotations

import itertools
import math

import pytest
import torch

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.extraction.draws import (
    chance,
    drawn,
    draws_for_even_odds,
    within_draws,
)
from leaderboard.model_audit.questions import MODEL, Question, draws_of, ranked_on
from leaderboard.recognisers.base import Opening
from tests.leaderboard.model_audit.fakes import game
from tests.leaderboard.recognisers.making.tiny import audio, folder_of


@pytest.mark.parametrize("p", [1e-12, 0.003, 0.3, 1.0])
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_at_least_once_is_not_never(p, n):
    missed = math.prod([1.0 - p] * n)  # one draw after another
    assert within_draws(math.log(p), n) == pytest.approx(1 - missed, rel=1e-3)


def test_even_odds():
    for p in (0.5, 0.1, 1e-4):
        n = draws_for_even_odds(math.log(p))
        assert within_draws(math.log(p), int(n)) >= 0.5
        assert n == 1 or within_draws(math.log(p), int(n) - 1) < 0.5
    assert draws_for_even_odds(0.0) == 1
    assert draws_for_even_odds(-math.inf) == math.inf
    assert within_draws(-math.inf, 1000) == 0.0


def test_half_of_the_canaries_and_the_median_of_all():
    found = chance([math.log(p) for p in (0.9, 0.1, 1e-9)])
    assert found.of == 3
    assert found.likely == {"1": 1, "10": 2, "100": 2, "1000": 2}
    assert found.median["1"] == pytest.approx(0.1)
    assert found.even == 7
    nobody = chance([])
    assert nobody.of == 0
    assert nobody.even is None


def test_the_right_text_where_the_secret_is_not_heard(tmp_path):
    planted = game(tmp_path)
    with Answers(tmp_path / "a.jsonl", planted.digest) as answers:
        for n, c in enumerate(planted.canaries):
            question = Question(MODEL, c.id, "likelihood", ranked_on(c), c.text)
            answers.give(question, math.log(0.2) if c.member else -math.inf)
            if not n:
                answers.values.pop(question.key)
    rows = drawn(planted.canaries, answers)
    assert sum(r.members.of + r.held_out.of for r in rows) == len(planted.canaries) - 1
    for row in rows:
        if row.members.of:
            assert row.members.median["10"] == pytest.approx(1 - 0.8**10)
            assert row.members.even == 4
        if row.held_out.of:
            assert row.held_out.likely["1000"] == 0


@pytest.mark.parametrize(
    ("kind", "draws"),
    [
        ("whisper", 40),
        ("wav2vec2", 250),
        ("parakeet-ctc", 250),
        ("parakeet-rnnt", 120),
        pytest.param("parakeet-tdt", 120, marks=pytest.mark.slow),
        *(pytest.param(kind, 400, marks=pytest.mark.slow) for kind in ("whisper", "parakeet-rnnt")),
    ],
)
def test_a_text_is_drawn_as_often_as_its_likelihood_says(kind, draws, tmp_path_factory):
    from leaderboard.recognisers.hf.recogniser import open_hf

    recogniser = open_hf(str(folder_of(kind, tmp_path_factory)), Opening())
    sound, text = audio(0.3), "hi"
    weights = [w for n, w in recogniser.loaded.model.named_parameters() if "encoder.conv" not in n]
    optimiser = torch.optim.Adam(weights, lr=1e-2)
    for _ in range(200):  # until it remembers a little: a random model would hardly write it
        recogniser._last.clear()
        with torch.enable_grad():
            likelihood = recogniser._log_likelihood(sound, 16_000, text)
        if likelihood > math.log(0.3):
            break
        optimiser.zero_grad()
        (-likelihood).backward()
        optimiser.step()
    p = math.exp(recogniser.log_likelihood(sound, 16_000, text))
    assert 0.1 < p < 0.9
    drawn_texts = [recogniser.draw(sound, 16_000, n) for n in range(draws)]
    assert recogniser.draw(sound, 16_000, 3) == drawn_texts[3]
    rate = sum(one == text for one in drawn_texts) / draws
    error = 4 * math.sqrt(p * (1 - p) / draws)
    assert rate > p - error
    # More is right where unknown letters and spaces at the ends vanish, and where blanks have to
    # move on, which the likelihood does not make up for.
    if kind not in ("wav2vec2", "parakeet-tdt"):
        assert rate < p + error


def test_draws_of_a_model_without_likelihoods_are_counted(tmp_path):
    planted = game(tmp_path)
    with Answers(tmp_path / "a.jsonl", planted.digest) as answers:
        for c in planted.canaries:
            for n, question in enumerate(draws_of(c, 12)):
                if n < 10 + c.member:  # some have no answer
                    hit = c.member and n in (2, 5)
                    answers.give(question, f"well, {c.text}, thanks" if hit else "nothing")
    rows = drawn(planted.canaries, answers, 12)
    assert sum(r.members.of + r.held_out.of for r in rows) == len(planted.canaries)
    for row in rows:
        if row.members.of:
            # Of 11 draws two hit: all ways to take 10 of them.
            ways = list(itertools.combinations(range(11), 10))
            wanted = sum(bool({2, 5} & set(way)) for way in ways) / len(ways)
            assert row.members.median == {"1": pytest.approx(2 / 11), "10": pytest.approx(wanted)}
            assert row.members.likely == {"1": 0, "10": row.members.of}
            assert row.members.even is None
        if row.held_out.of:
            assert set(row.held_out.median.values()) == {0.0}
    assert drawn(planted.canaries, answers, 0) == ()
