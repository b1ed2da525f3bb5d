"""The subsampled Gaussian mechanism: it draws, bounds and adds noise as its event says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from dp_accounting import ComposedDpEvent, SelfComposedDpEvent
from scipy import stats

from defenses.accounting.price import dp_sgd_event, price
from defenses.dpsgd import mechanism as module
from defenses.dpsgd.clipping import zeros
from defenses.dpsgd.mechanism import (
    SubsampledGaussian,
    set_noisy_mean,
    stage_of,
    subsampled_gaussian_event,
)
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")


@dataclass(frozen=True)
class Counting:
    """A sum that counts the entries of a batch in every weight, with a sensitivity of its own."""

    sensitivity: float = 3.0

    def __call__(self, recognizer, batch):
        return {p: zero + len(batch) for p, zero in zeros(recognizer).items()}


MECHANISM = SubsampledGaussian(Counting(), sampling_rate=0.25, steps=60, expected_batch=5.0)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def released(recipe, mechanism, examples, seed=0):
    """Return all gradients, (steps, weights)."""
    recognizer, steps = recipe.build(), []
    for number, step in enumerate(mechanism.gradients(recognizer, examples, Randomness(seed))):
        assert step == number
        steps.append(torch.cat([p.grad.flatten() for p in recognizer.network.parameters()]))
    return torch.stack(steps)


def test_noise_has_the_deviation_it_is_said_to_have(recipe):
    recognizer = recipe.build()
    deviation, expected = 0.7 * 3.0, 16.0
    generator = Randomness(2).torch()
    draws = []
    for _ in range(40):
        set_noisy_mean(zeros(recognizer), deviation, expected, generator)
        draws.append(torch.cat([p.grad.flatten() for p in recognizer.network.parameters()]))
    noise = torch.stack(draws)
    assert noise.std().item() == pytest.approx(deviation / expected, rel=0.01)
    assert abs(noise.mean().item()) < 5 * deviation / expected / math.sqrt(noise.numel())
    for p, parameter in enumerate(
        recognizer.network.parameters()
    ):  # of every tensor, not on average
        assert parameter.grad.std().item() == pytest.approx(deviation / expected, rel=0.7), p
    # Independent from step to step.
    a, b = noise[:-1].flatten(), noise[1:].flatten()
    assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1].item()) < 5 / math.sqrt(len(a))


def test_the_mean_is_over_the_expected_batch(recipe):
    recognizer = recipe.build()
    total = {p: torch.full_like(p, 6.0) for p in recognizer.network.parameters()}
    set_noisy_mean(total, 0.0, 4.0, Randomness(0).torch())
    assert all((p.grad == 1.5).all() for p in recognizer.network.parameters())


@pytest.mark.parametrize("steps", [1, 3, 4, 10, 41])
def test_the_event_has_the_noise_of_every_step(steps):
    event = subsampled_gaussian_event(2.0, 0.1, steps, 4, 0.5)
    assert isinstance(event, ComposedDpEvent)
    found = []
    for part in event.events:
        assert isinstance(part, SelfComposedDpEvent)
        found += [part.event.event.noise_multiplier] * part.count
    assert found == [2.0 * 0.5 ** stage_of(step, steps, 4) for step in range(steps)]


def test_without_decay_it_costs_what_dp_sgd_costs():
    flat_noise = price(subsampled_gaussian_event(1.5, 0.2, 40, 4, 1.0), 1e-5).epsilon
    assert flat_noise == pytest.approx(price(dp_sgd_event(1.5, 0.2, 40), 1e-5).epsilon, abs=5e-3)
    assert price(subsampled_gaussian_event(1.5, 0.2, 40, 4, 0.8), 1e-5).epsilon > 1.2 * flat_noise


@pytest.mark.parametrize(("stages", "decay"), [(1, 1.0), (4, 0.5)])
def test_the_noise_of_every_step_is_that_of_the_event(recipe, stages, decay):
    """Whatever the settings: noise over sensitivity is the multiplier that is priced."""
    mechanism = replace(MECHANISM, noise_multiplier=1.7, stages=stages, decay=decay)
    noise = released(recipe, mechanism, []) * mechanism.expected_batch / 3.0
    events = mechanism.event.events if stages > 1 else [mechanism.event]
    first = 0
    for event in events:
        assert isinstance(event, SelfComposedDpEvent)
        assert event.event.sampling_probability == mechanism.sampling_rate
        measured = noise[first : first + event.count].std().item()
        assert measured == pytest.approx(event.event.event.noise_multiplier, rel=0.03)
        first += event.count
    assert first == len(noise) == mechanism.steps


def test_batches_are_drawn_at_the_rate_of_the_event(recipe):
    mechanism = replace(MECHANISM, noise_multiplier=0.0, steps=400)
    drawn = released(recipe, mechanism, list(range(20)))[:, 0] * mechanism.expected_batch
    assert drawn.std() > 1
    hits = round(drawn.sum().item())
    assert stats.binomtest(hits, 20 * 400, mechanism.event.event.sampling_probability).pvalue > 1e-3


def test_calibrated_it_costs_no_more_than_is_asked_for(recipe):
    mechanism = MECHANISM.calibrated(2.0, recipe.delta)
    assert mechanism == replace(MECHANISM, noise_multiplier=mechanism.noise_multiplier)
    assert 1.9 < price(mechanism.event, recipe.delta).epsilon <= 2.0


def test_the_sensitivity_scales_the_noise_and_not_the_price(recipe):
    wide = replace(MECHANISM, bounded_sum=Counting(6.0))
    assert wide.event == MECHANISM.event == dp_sgd_event(1.0, 0.25, 60)
    assert wide.deviation(0) == 2 * MECHANISM.deviation(0) == 6.0
    assert torch.allclose(released(recipe, wide, []), 2 * released(recipe, MECHANISM, []))


def test_it_is_about_utterances():
    assert MECHANISM.unit == "utterance"


def test_the_noise_is_made_on_the_device_of_the_gradients(recipe, monkeypatch):
    made = []
    real = torch.randn

    def watched(*shape, generator, device):
        made.append((generator.device, torch.device(device)))
        return real(*shape, generator=generator, device=device)

    monkeypatch.setattr(module.torch, "randn", watched)
    released(recipe, replace(MECHANISM, steps=1), [])
    assert set(made) == {(torch.device("cpu"), torch.device("cpu"))}
