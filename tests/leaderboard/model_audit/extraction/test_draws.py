from __future__ import annotations

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
from leaderboard.model_audit.questions import MODEL, Question, ranked_on
from leaderboard.recognisers.base import Opening
from tests.leaderboard.model_audit.fakes import game
from tests.leaderboard.recognisers.tiny import audio, folder_of


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


def test_a_model_that_really_draws_writes_a_text_as_often_as_its_likelihood_says(
    tmp_path_factory,
):
    from leaderboard.recognisers.hf.recogniser import open_hf

    recogniser = open_hf(str(folder_of("whisper", tmp_path_factory)), Opening())
    sound, text, draws = audio(0.5), "hi", 2_000
    model, tokenizer = recogniser.loaded.model, recogniser.loaded.tokenizer
    head = recogniser.head
    with torch.no_grad():
        heard, _ = recogniser._heard(sound, 16_000)
    optimiser = torch.optim.Adam(model.model.decoder.parameters(), lr=3e-3)
    for _ in range(100):  # until it remembers a little: a random model would hardly write it
        likelihood = head.log_likelihood(heard, text)
        if likelihood > math.log(0.1):
            break
        optimiser.zero_grad()
        (-likelihood).backward()
        optimiser.step()
    p = math.exp(recogniser.log_likelihood(sound, 16_000, text))
    assert 0.1 < p < 0.9

    prompt, end = head._prompt(heard), head._end
    written = torch.tensor([prompt]).expand(draws, -1)
    torch.manual_seed(0)
    with torch.no_grad():
        states = heard["encoder_outputs"].last_hidden_state
        for _ in range(4):  # two letters, the space that may come first, the end
            seen, which = written.unique(dim=0, return_inverse=True)
            alike = (states.expand(len(seen), -1, -1),)
            logits = model(encoder_outputs=alike, decoder_input_ids=seen).logits[:, -1]
            drawn_labels = torch.multinomial(logits.softmax(-1)[which], 1)
            written = torch.cat([written, drawn_labels], 1)
    hits = 0
    for labels in written[:, len(prompt) :].tolist():
        if end in labels:
            hits += tokenizer.decode(labels[: labels.index(end)]).strip() == text
    assert abs(hits / draws - p) < 4 * math.sqrt(p * (1 - p) / draws)
