"""What public speech says of gradients: norms, mean, directions, and cuts in their units."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from defenses.dpsgd import public_gradients
from defenses.dpsgd.clipping import clipped_sum_one_by_one, trained_parameters
from defenses.dpsgd.public_gradients import (
    PublicGradients,
    clipped_in_units,
    drawn,
    principal_directions,
)
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from tests.defenses.dpsgd.test_clipping import Stranger, flat, gradient
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
BAD = Example(torch.full((40, 64), math.nan), [1, 2])


@pytest.fixture(scope="module")
def recognizer():
    return recipe_for("ctc", PUBLIC).build()


@pytest.fixture(scope="module")
def batch(recognizer):
    return recognizer.examples(speech(7, "members", words=3))


@pytest.mark.parametrize("clip", [0.01, 1.0, 30.0, 1e6])
def test_the_sum_is_that_of_the_definition(recognizer, batch, clip):
    expected = flat(clipped_sum_one_by_one(recognizer, batch, clip)) / clip
    found = flat(clipped_in_units(recognizer, batch, clip))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("clip", [0.1, 30.0])
def test_neighbours_differ_by_at_most_one(recognizer, batch, clip):
    whole = flat(clipped_in_units(recognizer, batch, clip))
    for removed in range(len(batch)):
        rest = batch[:removed] + batch[removed + 1 :]
        distance = (whole - flat(clipped_in_units(recognizer, rest, clip))).norm().item()
        assert distance <= 1 + 1e-4
        assert distance >= 0.9 * min(1, gradient(recognizer, batch[removed]).norm().item() / clip)


def test_a_diverged_example_spoils_nothing(recognizer, batch):
    sound = flat(clipped_in_units(recognizer, batch, 1.0))
    torch.testing.assert_close(flat(clipped_in_units(recognizer, [BAD, *batch], 1.0)), sound)
    assert not flat(clipped_in_units(recognizer, [BAD], 1.0)).any()
    assert len(PublicGradients.of(recognizer, [BAD, *batch], 0.9, 2).rows) == len(batch)


def test_physical_batches_give_the_same_sum(recognizer, batch, monkeypatch):
    whole = flat(clipped_in_units(recognizer, batch, 1.0))
    monkeypatch.setattr(public_gradients, "PHYSICAL_BATCH", 2)
    parts = flat(clipped_in_units(recognizer, batch, 1.0))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


def test_public_gradients_are_those_of_each_utterance(recognizer, batch):
    found = PublicGradients.of(recognizer, batch, 0.5, 0)
    by_length = sorted(batch, key=lambda e: len(e.features))
    expected = torch.stack([gradient(recognizer, example) for example in by_length])
    torch.testing.assert_close(found.rows, expected, rtol=1e-3, atol=1e-4)
    assert found.threshold == pytest.approx(expected.norm(dim=1).median().item(), rel=1e-3)
    assert found.basis is None


def test_a_basis_is_orthonormal_and_holds_most(recognizer, batch):
    found = PublicGradients.of(recognizer, batch, 0.9, 3)
    torch.testing.assert_close(found.basis @ found.basis.T, torch.eye(3), rtol=0, atol=1e-3)
    # The oracle: the singular vectors.
    _, _, right = torch.linalg.svd(found.rows.double(), full_matrices=False)
    overlap = (found.basis.double() @ right[:3].T).square().sum().item()
    assert overlap == pytest.approx(3.0, abs=1e-3)


def test_there_are_no_more_directions_than_gradients():
    rows = torch.randn(3, 50, generator=Randomness(0).torch())
    assert principal_directions(rows, 10).shape == (3, 50)
    assert principal_directions(rows[[0, 0, 1]], 10).shape == (2, 50)
    assert principal_directions(rows * 0, 10).shape == (0, 50)
    assert principal_directions(rows[:0], 10).shape == (0, 50)


def test_the_mix_keeps_what_public_directions_hold():
    rows = torch.tensor([[4.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    basis = principal_directions(rows, 1)
    private = torch.tensor([1.0, 1.0, 1.0])
    alone = PublicGradients(rows, 3.0, basis).mixed_with(private, 0.0)
    torch.testing.assert_close(alone, torch.tensor([3.0, 0.0, 0.0]))
    whole = PublicGradients(rows, 3.0, None).mixed_with(private, 0.25)
    torch.testing.assert_close(whole, 0.25 * torch.tensor([2.0, 1.0, 0.0]) + 0.75 * 3.0)


def test_without_any_gradient_nothing_breaks(recognizer):
    found = PublicGradients.of(recognizer, [BAD], 0.9, 4)
    size = sum(p.numel() for p in trained_parameters(recognizer))
    assert found.threshold > 0
    assert not found.mixed_with(torch.ones(size), 0.5).any()


def test_a_draw_takes_each_at_most_once():
    chosen = drawn(list("abcdef"), 4, Randomness(0).numpy())
    assert len(set(chosen)) == len(chosen) == 4
    assert sorted(drawn(list("abc"), 9, Randomness(0).numpy())) == list("abc")


def test_a_layer_that_is_not_on_the_tape_is_refused(recognizer, batch):
    strange = copy.deepcopy(recognizer)
    strange.network = Stranger(strange.network)
    with pytest.raises(OverheardError, match="a layer that writes nothing"):
        clipped_in_units(strange, batch, 1.0)
