"""Alignment: who was trained on is found where the truth is known, and nobody where nobody was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.inversion.gradient_leakage import gradient_of
from attacks.updates.alignment import Round, aligned, gradients_of
from attacks.updates.whitening import basis, coordinates
from tests.fakes import recipe_for, speech, utterance

WIDE, MANY = 60, 20
COMMON = np.zeros(WIDE)
COMMON[0] = 20.0


def gradients(rng, count=MANY):
    """Return gradients that have one large direction in common, of a size that varies."""
    own = rng.standard_normal((count, WIDE))
    return own + COMMON * rng.uniform(0, 1, (count, 1))


def found(scores):
    return float((scores[: MANY // 2, None] > scores[MANY // 2 :]).mean())


@pytest.mark.parametrize("rounds", [1, 5])
def test_members_of_a_sum_are_found_and_rounds_help(rounds):
    rng, how = np.random.default_rng(0), Round(MANY // 2, 0.1, sigma=0.5)
    scores = 0.0
    for _ in range(rounds):
        candidates, public = gradients(rng), gradients(rng, 200)
        total = -0.1 * candidates[: MANY // 2].sum(0, keepdims=True)
        total += 0.5 * rng.standard_normal(total.shape)
        scores = scores + aligned(candidates, public, total, how, 0.1)[0]
    assert found(scores) > (0.95 if rounds == 5 else 0.6)


def test_what_all_speech_has_in_common_is_taken_out():
    rng = np.random.default_rng(1)
    candidates, public = gradients(rng), gradients(rng, 200)
    total = -candidates[: MANY // 2].sum(0, keepdims=True)
    assert found(aligned(candidates, public, total, Round(MANY // 2, 1.0), 0.1)[0]) > 0.9
    lengths = np.linalg.norm(candidates, axis=1)
    assert found(-(total @ candidates.T)[0] / lengths) < 0.8


def test_nobody_is_found_where_others_were_trained_on():
    rng = np.random.default_rng(2)
    scores = [
        found(
            aligned(
                gradients(rng),
                gradients(rng, 100),
                -gradients(rng).sum(0, keepdims=True),
                Round(MANY, 1.0),
                0.1,
            )[0]
        )
        for _ in range(40)
    ]
    assert abs(np.mean(scores) - 0.5) < 0.08


def test_gradients_are_those_of_single_utterances_and_show_who_was_trained_on():
    model = recipe_for("ctc", speech(4, "public"), size=16).build()
    pair = [utterance("a", "red"), utterance("b", "milk")]
    rows = gradients_of(model, pair)
    first = gradient_of(model, pair[1]).weight
    place = 0
    for name, weight in model.network.named_parameters():
        if name == "encoder.convolutions.0.linear.weight":
            break
        place += weight.numel()
    mine = rows[1, place : place + first.numel()].view_as(first)
    torch.testing.assert_close(mine, first, atol=1e-5, rtol=1e-4)

    local = torch.autograd.grad(
        model.example_nll(model.examples(pair[:1])).mean(), list(model.network.parameters())
    )
    update = -0.1 * torch.cat([part.flatten() for part in local])[None]
    columns = basis(rows)
    known, seen = coordinates(rows, columns), coordinates(update, columns)
    scores = aligned(known, known, seen, Round(1, 0.1), 1.0)[0]
    assert scores[0] > scores[1]
