"""Each check holds on the CPU, and fails where what it checks is broken."""

from __future__ import annotations

import math

import pytest
import torch

from leaderboard.scale import checks
from leaderboard.scale.checks import PRECISIONS, losses, noise, norms, precision, sensitivity
from leaderboard.scale.device_check import SMALL
from targets.core.randomness import Randomness
from targets.nn.precision import BF16, SINGLE
from tests.devices import pretended

RNG = Randomness(0)


@pytest.mark.parametrize("target", checks.TARGETS)
def test_losses_and_norms_hold(target):
    assert losses(target, "cpu", SMALL, RNG).passed
    row = norms(target, "cpu", SMALL, RNG)
    assert row.passed
    assert row.figure < 1e-4


@pytest.mark.parametrize("target", checks.TARGETS)
def test_short_products_are_compared_with_exact_ones(target):
    for row in (losses(target, "cpu", SMALL, RNG, BF16), norms(target, "cpu", SMALL, RNG, BF16)):
        assert row.passed
        assert row.name.endswith(", bf16")
        assert row.figure > 1e-5  # they were cut


@pytest.mark.parametrize("used", PRECISIONS)
@pytest.mark.parametrize("target", checks.TARGETS)
def test_an_utterance_weighs_the_clip_norm_at_most(target, used):
    weight, others = sensitivity(target, "cpu", SMALL, RNG, used)
    assert weight.passed
    assert others.passed
    assert 0.9 < weight.figure <= 1


def test_what_weighs_more_or_moves_the_others_is_seen(monkeypatch):
    true = checks.normalised_sum

    def heavier(recognizer, batch, clip):
        return {p: 1.01 * sum_ for p, sum_ in true(recognizer, batch, clip).items()}

    monkeypatch.setattr(checks, "normalised_sum", heavier)
    assert [row.passed for row in sensitivity("ctc", "cpu", SMALL, RNG)] == [False, True]

    def by_company(recognizer, batch, clip):
        share = 1 - 0.005 * len(batch)
        return {p: share * sum_ for p, sum_ in true(recognizer, batch, clip).items()}

    monkeypatch.setattr(checks, "normalised_sum", by_company)
    for used in PRECISIONS:
        found = [row.passed for row in sensitivity("ctc", "cpu", SMALL, RNG, used)]
        assert found == [True, False]


def test_losses_elsewhere_are_compared_with_the_cpu():
    with pretended() as device:
        assert losses("conformer", device, SMALL, RNG).passed


def test_a_device_that_rounds_too_much_is_seen(monkeypatch):
    true = checks.recognizer_of

    def coarse(target, size, rng, device, used=SINGLE):
        recognizer = true(target, size, rng, "cpu", used)
        return recognizer.bfloat16().float() if device == "coarse" else recognizer

    monkeypatch.setattr(checks, "recognizer_of", coarse)
    monkeypatch.setattr(checks, "moved", lambda batch, _: batch)
    assert losses("conformer", "coarse", SMALL, RNG).passed is False
    monkeypatch.setattr(checks, "square_norms", lambda _: torch.full((3,), math.nan))
    assert norms("conformer", "cpu", SMALL, RNG).passed is False


def test_the_noise_has_the_right_scale_or_is_seen(monkeypatch):
    assert [row.passed for row in noise("cpu", SMALL, RNG)] == [True] * 3
    true = checks.set_noisy_mean

    def less(total, deviation, expected_batch, generator):
        true(total, 0.95 * deviation, expected_batch, generator)

    monkeypatch.setattr(checks, "set_noisy_mean", less)
    found = {row.name: row.passed for row in noise("cpu", SMALL, RNG)}
    assert found["variance of the noise"] is False

    def two_values(total, deviation, expected_batch, generator):
        for p in total:
            p.grad = torch.randn(p.shape, generator=generator).sign() * deviation / expected_batch

    monkeypatch.setattr(checks, "set_noisy_mean", two_values)
    found = {row.name: row.passed for row in noise("cpu", SMALL, RNG)}
    assert found["variance of the noise"] is True
    assert found["fourth moment of the noise"] is False


def test_products_of_less_than_single_precision_are_seen():
    assert precision().passed
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        assert precision().passed is False
    finally:
        torch.set_float32_matmul_precision(before)
