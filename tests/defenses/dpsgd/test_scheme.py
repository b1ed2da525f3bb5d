"""DP-SGD: noise as the event says, empty batches that count, means over the expected batch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

from defenses.accounting.price import price
from defenses.dpsgd import mechanism
from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum
from defenses.dpsgd.scheme import DPSGD, EDPSGD, noisy_descent
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import EACH_TARGET, recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = speech(4, "private")
SCHEMES = [DPSGD, EDPSGD]


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


@pytest.mark.one_version
@pytest.mark.parametrize("clip", [1.0, 0.2])
def test_training_adds_the_noise_of_its_event(recipe, clip, monkeypatch):
    """Without members the updates are noise alone; its size must be what is priced."""
    deviations, gradients = [], []
    plain = mechanism.set_noisy_mean

    def watched(total, deviation, expected_batch, generator):
        plain(total, deviation, expected_batch, generator)
        deviations.append((deviation, expected_batch))
        gradients.append(torch.cat([p.grad.flatten() for p in total]))

    monkeypatch.setattr(mechanism, "set_noisy_mean", watched)
    trained = DPSGD(epsilon=4, epochs=5, batch_size=2, clip=clip).train(
        recipe, [], PUBLIC, Randomness(0)
    )
    event = trained.event
    assert trained.unit == "utterance"
    assert isinstance(event, SelfComposedDpEvent)
    assert isinstance(event.event, PoissonSampledDpEvent)
    assert event.event.sampling_probability == 2 / 8
    noise = event.event.event
    assert isinstance(noise, GaussianDpEvent)
    assert event.count == len(gradients) == 20  # every empty batch is a step
    measured = torch.stack(gradients).std().item()
    assert measured == pytest.approx(noise.noise_multiplier * clip / 2, rel=0.02)
    assert price(event, recipe.delta).epsilon <= 4


@pytest.mark.one_version
@pytest.mark.parametrize("target", EACH_TARGET)
@pytest.mark.parametrize("clipped_sum", [clipped_sum_one_by_one, normalised_sum])
def test_a_neighbour_moves_one_step_by_at_most_the_sensitivity(target, clipped_sum, monkeypatch):
    """The same coins and noise with one member more: each noisy sum shifts by the clip at most."""
    recipe = recipe_for(target, PUBLIC, expected_members=8)
    sums = []
    plain = mechanism.set_noisy_mean

    def watched(total, deviation, expected_batch, generator):
        sums.append(torch.cat([g.flatten() for g in total.values()]))
        plain(total, deviation, expected_batch, generator)

    monkeypatch.setattr(mechanism, "set_noisy_mean", watched)

    def first_sum(members):
        sums.clear()
        noisy_descent(
            recipe, members, Randomness(3), clipped_sum,
            epsilon=10, epochs=1, batch_size=8, learning_rate=1e-3, clip=0.5,
        )  # fmt: skip
        return sums[0]

    whole = first_sum(MEMBERS)
    for n in range(len(MEMBERS)):
        shift = whole - first_sum(MEMBERS[:n] + MEMBERS[n + 1 :])
        assert 0.4 < shift.norm().item() <= 0.5 * (1 + 1e-4)


@pytest.mark.one_version
@pytest.mark.parametrize("scheme", SCHEMES)
def test_less_epsilon_means_more_noise(recipe, scheme):
    notes = [
        scheme(epsilon=e, epochs=1, batch_size=4).train(recipe, MEMBERS, [], Randomness(0)).notes
        for e in (1, 4)
    ]
    noises = [n["noise_multiplier"] for n in notes]
    assert noises[0] > 2 * noises[1]


@pytest.mark.one_version
def test_both_schemes_agree_where_nothing_is_cut(recipe):
    """The oracle and the batched one follow the same path when every gradient is normalised."""
    members = MEMBERS[:3]
    settings = {"epsilon": 1e5, "epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "clip": 1.0}
    one, other = (
        noisy_descent(recipe, members, Randomness(0), clipped_sum, **settings).weights
        for clipped_sum in (clipped_sum_one_by_one, normalised_sum)
    )
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan])
def test_a_clip_that_is_none_is_refused(recipe, clip):
    with pytest.raises(OverheardError, match=r"clip is .*; give a number above 0"):
        DPSGD(epsilon=1, batch_size=4, clip=clip).train(recipe, MEMBERS, [], Randomness(0))


def test_an_unreachable_epsilon_says_what_is_reachable(recipe):
    hard = replace(recipe, delta=1e-12)
    with pytest.raises(OverheardError, match=r"out of reach.*still"):
        DPSGD(epsilon=1e-9, batch_size=8, epochs=1e6).train(hard, MEMBERS, [], Randomness(0))
