"""eDP-SGD as published: its true sensitivity is reached, and priced; the claimed ε is smaller."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from defenses.accounting.price import price
from defenses.dpsgd import mechanism
from defenses.dpsgd.clipping import trained_parameters
from defenses.dpsgd.microbatch import (
    STAGES,
    ClippedMeans,
    MicrobatchDPSGD,
    clip_norms,
    clipped_means,
    dealt,
    layers_of,
    sensitivity,
)
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
MEMBERS = speech(6, "private")
# One for all: calibration takes a second and is remembered.
SCHEME = MicrobatchDPSGD(epsilon=1, epochs=5, batch_size=2, micro_batch_size=1, noise_decay=0.8)


@pytest.fixture(scope="module", params=EACH_TARGET)
def recognizer(request):
    return recipe_for(request.param, PUBLIC).build()


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def flat(gradients):
    return torch.cat([g.flatten() for g in gradients.values()])


def settings_of(recognizer, clip):
    return clip_norms(layers_of(recognizer), clip)


def test_layers_hold_every_parameter_once_and_share_the_clip(recognizer):
    layers = layers_of(recognizer)
    parameters = [p for layer in layers for p in layer]
    trained = trained_parameters(recognizer)
    assert {id(p) for p in parameters} == {id(p) for p in trained}
    assert len(parameters) == len(trained)
    norms = settings_of(recognizer, 0.7)
    assert math.hypot(*(norms[layer[0]] for layer in layers)) == pytest.approx(0.7)
    assert all(norms[p] == norms[layer[0]] for layer in layers for p in layer)


@pytest.mark.parametrize("clip", [1e-3, 1e6])
def test_each_layer_of_each_mean_is_clipped(recognizer, clip):
    norms = settings_of(recognizer, clip)
    batch = recognizer.examples(MEMBERS)
    found = clipped_means(recognizer, [batch[:4], [], batch[4:]], norms)
    expected = {p: torch.zeros_like(p) for p in found}
    for part in (batch[:4], batch[4:]):
        recognizer.zero_grad()
        recognizer.example_nll(part).mean().backward()
        for layer in layers_of(recognizer):
            norm = torch.cat([p.grad.flatten() for p in layer]).norm().clamp_min(1e-30).item()
            for p in layer:
                expected[p] += p.grad * min(1.0, norms[p] / norm) / norms[p]
    torch.testing.assert_close(flat(found), flat(expected), rtol=1e-4, atol=1e-6)


def test_a_neighbour_moves_the_sum_by_at_most_the_sensitivity(recognizer):
    norms = settings_of(recognizer, 1e-3)
    batch = recognizer.examples(MEMBERS)
    most = sensitivity(layers_of(recognizer))
    dealing = [0, 1, 0, 1, 0, 0]

    def total(left_out=None):
        parts = [
            [e for n, e in enumerate(batch) if dealing[n] == j and n != left_out] for j in (0, 1)
        ]
        return flat(clipped_means(recognizer, parts, norms))

    shifts = [(total() - total(n)).norm().item() for n in range(len(batch))]
    assert 0.05 * most < max(shifts) <= most * (1 + 1e-5)


def test_the_sensitivity_is_reached(recipe, monkeypatch):
    """One utterance whose gradient outweighs the others' and opposes it: 2C, not C / B."""
    recognizer = recipe.build()
    norms = settings_of(recognizer, 1e-3)
    weights = {40: 1.0, 41: -1e3}

    def losses(batch):
        size = sum(p.sum() for p in recognizer.network.parameters())
        return torch.stack([weights[len(e.features)] * size for e in batch])

    monkeypatch.setattr(recognizer, "example_nll", losses)
    usual = [Example(torch.zeros(40, 64), [1])] * 7
    odd = Example(torch.zeros(41, 64), [1])
    shift = flat(clipped_means(recognizer, [[*usual, odd]], norms)) - flat(
        clipped_means(recognizer, [usual], norms)
    )
    assert shift.norm().item() == pytest.approx(sensitivity(layers_of(recognizer)), rel=1e-5)


def test_a_diverged_example_spoils_nothing(recognizer):
    bad = Example(torch.full((40, 64), math.nan), [1, 2])
    total = clipped_means(recognizer, [[bad], []], settings_of(recognizer, 1.0))
    assert torch.isfinite(flat(total)).all()
    assert flat(total).norm() <= sensitivity(layers_of(recognizer)) / 2 * (1 + 1e-5)


def test_the_bounded_sum_is_that_of_micro_batches_and_knows_its_sensitivity(
    recognizer,
):
    layers, norms = layers_of(recognizer), settings_of(recognizer, 1.0)
    batch = recognizer.examples(MEMBERS)
    bounded_sum = ClippedMeans(layers, norms, 2, np.random.default_rng(3))
    assert bounded_sum.sensitivity == 2 * math.sqrt(len(layers))
    parts = dealt(batch, 2, np.random.default_rng(3))
    assert all(parts)
    assert torch.equal(
        flat(bounded_sum(recognizer, batch)), flat(clipped_means(recognizer, parts, norms))
    )


def test_every_example_is_dealt_by_a_draw_of_its_own():
    batch = list(range(4000))
    parts = dealt(batch, 8, np.random.default_rng(0))
    assert sorted(e for part in parts for e in part) == batch
    assert all(abs(len(part) - 500) < 5 * math.sqrt(500) for part in parts)
    assert dealt([], 3, np.random.default_rng(0)) == [[], [], []]
    # Who leaves at the end moves nobody: the micro-batches are not cut in order.
    fewer = dealt(batch[:-1], 8, np.random.default_rng(0))
    assert sum(a != b for a, b in zip(parts, fewer, strict=True)) == 1


@pytest.mark.slow
def test_training_adds_the_noise_of_its_event(recipe, monkeypatch):
    """Without members the updates are noise alone: in clip norms, 2 √L times what is priced."""
    draws = []
    plain = mechanism.set_noisy_mean

    def watched(total, deviation, expected_batch, generator):
        plain(total, deviation, expected_batch, generator)
        draws.append(torch.cat([p.grad.flatten() for p in total]) * expected_batch)

    monkeypatch.setattr(mechanism, "set_noisy_mean", watched)
    trained = SCHEME.train(recipe, [], PUBLIC, Randomness(0))
    assert len(draws) == 20
    layers = len(layers_of(recipe.build()))
    for part, first in zip(trained.event.events, range(0, 20, 20 // STAGES), strict=True):
        measured = torch.stack(draws[first : first + part.count]).std().item()
        noise = part.event.event.noise_multiplier
        assert measured == pytest.approx(2 * math.sqrt(layers) * noise, rel=0.03)
        assert part.event.sampling_probability == 2 / 8


@pytest.mark.slow
def test_the_claimed_epsilon_is_far_below_the_true_one(recipe):
    trained = SCHEME.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    true = price(trained.event, recipe.delta).epsilon
    assert 0.95 < true <= 1
    assert 0 <= trained.notes["claimed_epsilon"] < true / 10


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"noise_decay": 0.0}, "noise_decay is 0; give it above 0"),
        ({"noise_decay": 1.1}, "noise_decay is 1.1"),
        ({"micro_batch_size": 0}, "micro_batch_size is 0; give 1 up to the batch_size 4"),
        ({"micro_batch_size": 5}, "micro_batch_size is 5"),
        ({"clip": 0.0}, "clip is 0; give a number above 0"),
    ],
)
def test_options_out_of_range_are_refused_in_words(recipe, options, complaint):
    with pytest.raises(OverheardError, match=complaint):
        MicrobatchDPSGD(**{"epsilon": 1, "batch_size": 4, **options}).train(
            recipe, MEMBERS, [], Randomness(0)
        )
