"""Few weights that are trained: gradients of these alone, exact, and a network as it was."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum, trained_parameters
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.dpsgd.trained_weights import trained_weights
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.nn.adapters import Adapted
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
MEMBERS = speech(6, "private")
FEW = ["low-rank", "biases"]


@pytest.mark.parametrize("target", EACH_TARGET)
@pytest.mark.parametrize("choice", FEW)
def test_their_gradients_are_those_of_one_example_at_a_time(target, choice):
    """The oracle is automatic differentiation, example by example, over the trained weights."""
    recognizer = recipe_for(target, PUBLIC).build()
    batch = recognizer.examples(MEMBERS)
    with trained_weights(recognizer.network, choice, 2, Randomness(0)):
        for module in recognizer.network.modules():
            if isinstance(module, Adapted):  # at zero half of the gradients would vanish
                torch.nn.init.normal_(module.up.weight, std=0.1)
        parameters = trained_parameters(recognizer)
        expected = [torch.zeros_like(p) for p in parameters]
        for example in batch:
            loss = recognizer.example_nll([example])[0]
            own = torch.autograd.grad(loss, parameters)
            norm = torch.sqrt(sum(g.square().sum() for g in own))
            for sum_, g in zip(expected, own, strict=True):
                sum_ += g / (norm + 0.01)
        found = normalised_sum(recognizer, batch, 1.0)
        assert list(found) == parameters
        for one, other in zip(expected, found.values(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        whole = torch.cat(
            [g.flatten() for g in clipped_sum_one_by_one(recognizer, [], 1.0).values()]
        )
        assert whole.count_nonzero() == 0


@pytest.mark.parametrize("scheme", [DPSGD, EDPSGD])
def test_adapters_are_added_to_the_weights_and_leave_no_trace(scheme):
    recipe = recipe_for("ctc", PUBLIC, expected_members=8)
    settings = {"epsilon": 8, "epochs": 2, "batch_size": 4}
    trained = scheme(weights="low-rank", rank=1, **settings).train(
        recipe, MEMBERS, [], Randomness(0)
    )
    assert list(trained.weights) == list(recipe.start)
    assert 0 < trained.notes["trained_weights"] < sum(w.numel() for w in recipe.start.values()) / 2
    for name, weight in trained.weights.items():
        change = weight - recipe.start[name]
        if name.endswith("linear.weight"):
            assert torch.linalg.matrix_rank(change, rtol=1e-3) == 1
        if name.endswith("bias"):
            assert not change.any()


def test_biases_alone_move():
    recipe = recipe_for("rnnt", PUBLIC, expected_members=8)
    trained = EDPSGD(epsilon=8, epochs=1, batch_size=4, weights="biases").train(
        recipe, MEMBERS, [], Randomness(0)
    )
    moved = {n for n, w in trained.weights.items() if not torch.equal(w, recipe.start[n])}
    assert moved == {n for n in recipe.start if n.startswith("network") and n.endswith("bias")}


def test_before_the_first_step_an_adapter_changes_nothing():
    recognizer = recipe_for("rnnt", PUBLIC).build()
    before = recognizer.nll(MEMBERS)
    with trained_weights(recognizer.network, "low-rank", 3, Randomness(0)):
        torch.testing.assert_close(recognizer.nll(MEMBERS), before)
        downs = [m.down.weight for m in recognizer.network.modules() if isinstance(m, Adapted)]
        assert len(downs) > 3
    torch.testing.assert_close(recognizer.nll(MEMBERS), before)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"weights": "some"}, "weights is 'some'; use one of all, low-rank, biases"),
        ({"weights": "low-rank", "rank": 0}, "rank is 0; give at least 1"),
    ],
)
def test_a_choice_that_there_is_not_is_refused(options, complaint):
    recipe = recipe_for("ctc", PUBLIC, expected_members=8)
    with pytest.raises(OverheardError, match=complaint):
        EDPSGD(epsilon=8, batch_size=4, **options).train(recipe, MEMBERS, [], Randomness(0))
