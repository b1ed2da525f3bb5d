"""Per-example gradients from the tape, against one example at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.nn.tape import LinearUse, recording, square_norms, weighted_sums
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.fakes import EACH_TARGET

pytestmark = pytest.mark.one_version

CLOSE = 1e-4  # relative to the norm of the example's whole gradient


def network(target, channels=8, hidden=8):
    recipe = Recipe(target, Characters(), channels, hidden, Schedule(1), 1e-2, 8)
    return recipe.untrained(Randomness(5))


def ragged(seed, shapes):
    """Return examples of (states' worth of frames, units) each."""
    rng = Randomness(seed).numpy()
    return [
        Example(torch.from_numpy(rng.normal(size=(frames, 64))).float(), list(units))
        for frames, units in shapes
    ]


def one_by_one(recognizer, batch):
    parameters = list(recognizer.network.parameters())
    return parameters, [
        torch.autograd.grad(recognizer.example_nll([example])[0], parameters) for example in batch
    ]


# A unit needs a state of its own and a repeated one two, so that every transcript fits for CTC.
examples = st.lists(
    st.tuples(st.integers(32, 90), st.lists(st.integers(1, 27), min_size=1, max_size=4)),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("size", [8, 40])  # at 40 short inputs take the ghost norms
@pytest.mark.parametrize("target", EACH_TARGET)
@given(shapes=examples, seed=st.integers(0, 2**20))
@settings(max_examples=6)
def test_gradients_norms_and_sums_are_those_of_one_at_a_time(target, size, shapes, seed):
    recognizer = network(target, size, size)
    batch = ragged(seed, shapes)
    with recording() as tape:
        losses = recognizer.example_nll(batch)
    gradients = tape.gradients(losses)
    parameters, expected = one_by_one(recognizer, batch)
    truth = torch.stack([torch.cat([g.flatten() for g in row]) for row in expected])
    norms = truth.norm(dim=1)

    torch.testing.assert_close(square_norms(gradients).sqrt(), norms, rtol=CLOSE, atol=0.0)

    per_example = {}
    for use, gradient in gradients:
        for parameter, rows in use.per_example(gradient):
            assert parameter not in per_example, "a parameter is used twice"
            per_example[parameter] = rows.flatten(1)
    found = torch.cat([per_example[p] for p in parameters], 1)
    assert ((found - truth).norm(dim=1) <= CLOSE * norms).all()

    weights = torch.rand(len(batch), generator=torch.Generator().manual_seed(seed % 1000))
    sums = dict(weighted_sums(gradients, weights))
    total = torch.cat([sums[p].flatten() for p in parameters])
    assert (total - weights @ truth).norm() <= CLOSE * norms.max() * len(batch)


@pytest.mark.parametrize("target", EACH_TARGET)
def test_both_ways_to_a_norm_are_taken(target, monkeypatch):
    ways = set()
    plain = LinearUse.square_norms

    def spied(self, gradient):
        found = plain(self, gradient)
        ways.add(gradient in self.kept.pairs)
        return found

    monkeypatch.setattr(LinearUse, "square_norms", spied)
    recognizer = network(target, 40, 40)
    batch = ragged(0, [(40, [1]), (96, [2, 3])])
    with recording() as tape:
        losses = recognizer.example_nll(batch)
    square_norms(tape.gradients(losses))
    assert ways == {True, False}


@given(
    B=st.integers(1, 4),
    T=st.integers(1, 12),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    bias=st.booleans(),
)
@settings(max_examples=60)
def test_linear_norms_however_they_are_computed(B, T, inputs, outputs, bias):
    torch.manual_seed(B * 100 + T)
    x, gradient = torch.randn(B, T, inputs), torch.randn(B, T, outputs + 2)
    use = LinearUse(
        torch.randn(outputs, inputs),
        torch.randn(outputs) if bias else None,
        x,
        slice(1, 1 + outputs),
    )
    named = use.per_example(gradient)
    explicit = torch.stack([g.flatten(1).square().sum(1) for _, g in named]).sum(0)
    torch.testing.assert_close(use.square_norms(gradient), explicit, rtol=1e-4, atol=1e-4)
    weights = torch.rand(B)
    for (_, rows), (_, total) in zip(named, use.weighted_sums(gradient, weights), strict=True):
        torch.testing.assert_close(total, torch.einsum("b,b...->...", weights, rows))


@pytest.mark.parametrize("target", EACH_TARGET)
def test_recording_changes_no_loss_and_reaches_every_parameter(target):
    recognizer = network(target)
    batch = ragged(1, [(40, [3, 4]), (70, [5])])
    with recording() as tape:
        recorded = recognizer.example_nll(batch)
    torch.testing.assert_close(recorded, recognizer.example_nll(batch))
    reached = {p for use, g in tape.gradients(recorded) for p, _ in use.per_example(g)}
    assert reached == set(recognizer.network.parameters())


@pytest.mark.parametrize("target", EACH_TARGET)
def test_one_example_does_not_touch_anothers_gradient(target):
    recognizer = network(target)
    first, *rest = ragged(2, [(50, [3, 4]), (90, [5]), (40, [6])])

    def gradient_of_first(batch):
        with recording() as tape:
            losses = recognizer.example_nll(batch)
        return [row[0] for use, g in tape.gradients(losses) for _, row in use.per_example(g)]

    alone, together = gradient_of_first([first]), gradient_of_first([first, *rest])
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
