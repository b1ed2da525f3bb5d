"""Clipped sums: what one utterance can change is at most the clipping norm."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.dpsgd import clipping
from defenses.dpsgd.clipping import (
    ClippedExamples,
    clipped_sum_one_by_one,
    normalised_sum,
    trained_parameters,
    zeros,
)
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
SUMS = [clipped_sum_one_by_one, normalised_sum]


@pytest.fixture(scope="module", params=EACH_TARGET)
def recognizer(request):
    return recipe_for(request.param, PUBLIC).build()


@pytest.fixture(scope="module")
def batch(recognizer):
    return recognizer.examples(speech(5, "members", words=3))


@pytest.fixture(scope="module")
def gradients(recognizer, batch):
    return [gradient(recognizer, example) for example in batch]


def flat(gradients):
    return torch.cat([g.flatten() for g in gradients.values()])


def gradient(recognizer, example):
    loss = recognizer.example_nll([example])[0]
    found = torch.autograd.grad(loss, trained_parameters(recognizer))
    return torch.cat([g.flatten() for g in found])


@pytest.mark.parametrize("clip", [0.01, 1.0, 30.0, 1e6])
def test_one_by_one_is_the_definition(recognizer, batch, gradients, clip):
    expected = sum(g * min(1.0, clip / g.norm().item()) for g in gradients)
    total = flat(clipped_sum_one_by_one(recognizer, batch, clip))
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-5 * min(clip, 10))


@pytest.mark.parametrize("clip", [0.01, 1.0, 30.0])
def test_normalised_is_its_definition(recognizer, batch, gradients, clip):
    expected = sum(g * clip / (g.norm() + 0.01) for g in gradients)
    total = flat(normalised_sum(recognizer, batch, clip))
    torch.testing.assert_close(total, expected, rtol=1e-3, atol=1e-4 * clip)


@pytest.mark.parametrize("clipped_sum", SUMS)
@given(seed=st.integers(0, 99), loudness=st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=8)
def test_no_example_weighs_more_than_the_clip(recognizer, clipped_sum, seed, loudness):
    rng = Randomness(seed).numpy()
    frames = torch.from_numpy(loudness * rng.normal(size=(40, 64))).float()
    total = clipped_sum(recognizer, [Example(frames, [1, 2, 3])], 0.5)
    assert flat(total).norm() <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize("clipped_sum", SUMS)
@pytest.mark.parametrize("clip", [0.1, 2.0])
def test_neighbours_differ_by_at_most_the_sensitivity(
    recognizer, batch, gradients, clipped_sum, clip
):
    whole = flat(clipped_sum(recognizer, batch, clip))
    for removed in range(len(batch)):
        rest = batch[:removed] + batch[removed + 1 :]
        distance = (whole - flat(clipped_sum(recognizer, rest, clip))).norm().item()
        assert distance <= clip * (1 + 1e-4)
        # And not much less: a real gradient is cut, not lost.
        assert distance >= 0.9 * min(clip, gradients[removed].norm().item())


def test_physical_batches_give_the_same_sum(recognizer, batch, monkeypatch):
    whole = flat(normalised_sum(recognizer, batch, 1.0))
    for size in (1, 2, 3):
        monkeypatch.setattr(clipping, "PHYSICAL_BATCH", size)
        parts = flat(normalised_sum(recognizer, batch, 1.0))
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clipped_sum", SUMS)
def test_the_order_does_not_matter(recognizer, batch, clipped_sum):
    forward = flat(clipped_sum(recognizer, batch, 1.0))
    torch.testing.assert_close(
        flat(clipped_sum(recognizer, batch[::-1], 1.0)), forward, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("clipped_sum", SUMS)
def test_an_empty_batch_sums_to_zero(recognizer, clipped_sum):
    total = clipped_sum(recognizer, [], 1.0)
    assert list(total) == trained_parameters(recognizer)
    assert not flat(total).any()


@pytest.mark.parametrize("clipped_sum", SUMS)
def test_a_diverged_example_spoils_nothing(recognizer, batch, clipped_sum):
    few = batch[:2]
    sound = flat(clipped_sum(recognizer, few, 1.0))
    for poison in (math.nan, math.inf, 1e38):
        bad = Example(torch.full((40, few[0].features.shape[1]), poison), [1, 2])
        spoilt = flat(clipped_sum(recognizer, [bad, *few], 1.0))
        assert torch.isfinite(spoilt).all(), poison
        assert (spoilt - sound).norm() <= 1 + 1e-4, poison
        assert not flat(clipped_sum(recognizer, [bad], 1.0)).isnan().any(), poison


def test_zeros_are_one_for_every_parameter(recognizer):
    assert not flat(zeros(recognizer)).any()
    assert len(flat(zeros(recognizer))) == sum(p.numel() for p in trained_parameters(recognizer))


@pytest.mark.parametrize("clipped_sum", SUMS)
def test_the_sensitivity_of_a_sum_is_its_clip(recognizer, batch, clipped_sum):
    bounded_sum = ClippedExamples(clipped_sum, 0.3)
    assert bounded_sum.sensitivity == 0.3
    assert torch.equal(
        flat(bounded_sum(recognizer, batch)), flat(clipped_sum(recognizer, batch, 0.3))
    )


@pytest.mark.parametrize("clip", [0.0, -1.0, math.inf, math.nan])
def test_a_clip_that_lets_nothing_or_all_through_is_refused(clip):
    with pytest.raises(OverheardError, match=r"clip is .*; give a number above 0"):
        ClippedExamples(normalised_sum, clip)


class Stranger(torch.nn.Module):
    """A network with a layer of torch's own, which writes nothing on a tape."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.gain = torch.nn.Linear(1, 1, bias=False)

    def nll(self, features, counts, labels):
        return self.network.nll(features, counts, labels) * self.gain.weight.sum()


def test_a_layer_that_is_not_on_the_tape_is_refused(recognizer, batch):
    strange = copy.deepcopy(recognizer)
    strange.network = Stranger(strange.network)
    with pytest.raises(OverheardError, match=r"gain\.weight: of a layer that writes nothing"):
        normalised_sum(strange, batch, 1.0)
    assert clipped_sum_one_by_one(strange, batch, 1.0)
