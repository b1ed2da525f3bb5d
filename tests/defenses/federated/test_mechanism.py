"""The mechanism of DP-FedAvg: it draws, clips and adds noise as its event says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent

from defenses.accounting.price import price
from defenses.federated.clients import Client
from defenses.federated.mechanism import FederatedGaussian, clipped_update
from defenses.federated.selection import Selection
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")


@dataclass(frozen=True)
class Pushing:
    """Local training that moves every weight by the same, `length` in all."""

    length: float = 100.0

    def update(self, recognizer, examples, rng):  # noqa: ARG002
        parameters = list(recognizer.network.parameters())
        size = sum(p.numel() for p in parameters)
        return {p: torch.full_like(p, self.length / size**0.5) for p in parameters}


SELECTION = Selection("uniform", 0.25, 10.0, 4.0)
MECHANISM = FederatedGaussian(Pushing(), SELECTION, rounds=60, per_round=5.0, clip=3.0)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def clients(count, examples=10):
    return [Client(f"c{n}", [None] * examples) for n in range(count)]


def released(recipe, mechanism, held, seed=0):
    """Return all means, (rounds, weights)."""
    recognizer, found = recipe.build(), []
    for number, step in enumerate(mechanism.updates(recognizer, held, Randomness(seed))):
        assert step == number
        found.append(torch.cat([p.grad.flatten() for p in recognizer.network.parameters()]))
    return torch.stack(found).double().numpy()


@pytest.mark.parametrize(("length", "expected"), [(100.0, 3.0), (3.1, 3.0), (1.0, 1.0), (0.0, 0.0)])
def test_an_update_is_cut_to_the_norm_and_never_stretched(recipe, length, expected):
    update = clipped_update(recipe.build(), clients(1)[0], Pushing(length), 3.0, Randomness(0))
    norm = torch.cat([part.flatten() for part in update.values()]).norm()
    assert float(norm) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("examples", [1, 10, 1_000])
def test_a_client_moves_the_sum_by_one_norm_however_much_they_said(recipe, examples):
    everyone = replace(SELECTION, average=1.0)
    silent = replace(MECHANISM, noise_multiplier=0.0, selection=everyone, rounds=1)
    one, other = clients(2, examples)
    moved = released(recipe, silent, [one, other]) - released(recipe, silent, [other])
    assert np.linalg.norm(moved) * 5.0 == pytest.approx(3.0, rel=1e-5)


def test_the_noise_has_the_deviation_of_the_event(recipe):
    mechanism = replace(MECHANISM, noise_multiplier=0.7)
    noise = released(recipe, mechanism, []) * 5.0 / 3.0
    assert mechanism.event == SelfComposedDpEvent(
        PoissonSampledDpEvent(0.25, GaussianDpEvent(0.7)), 60
    )
    assert noise.std() == pytest.approx(0.7, rel=0.01)
    # Independent from round to round.
    assert abs(np.corrcoef(noise)[np.triu_indices(60, 1)]).max() < 6 / np.sqrt(noise.shape[1])


def test_clients_are_drawn_at_the_rate_of_the_event(recipe):
    silent = replace(MECHANISM, noise_multiplier=0.0)
    weights = released(recipe, silent, clients(40))[:, 0]
    came = weights * 5.0 / (3.0 / np.sqrt(sum(p.numel() for p in weights_of(recipe))))
    np.testing.assert_allclose(came, came.round(), atol=1e-3)
    assert came.mean() == pytest.approx(10.0, abs=4 * np.sqrt(40 * 0.25 * 0.75 / 60))
    assert len(set(came.round())) > 3


def weights_of(recipe):
    return list(recipe.build().network.parameters())


def test_by_activity_the_heaviest_is_what_is_priced(recipe):
    heavy = replace(MECHANISM, selection=Selection("activity", 0.25, 10.0, 3.0))
    assert heavy.event.event.sampling_probability == 0.75
    assert heavy.naive_event == MECHANISM.event == MECHANISM.naive_event
    ready = heavy.calibrated(2.0, recipe.delta)
    assert 1.98 < price(ready.event, recipe.delta).epsilon <= 2.0
    assert price(ready.naive_event, recipe.delta).epsilon < 1.0
    assert ready.unit == "speaker"


def test_a_norm_that_lets_nothing_through_is_refused():
    with pytest.raises(OverheardError, match="clip is 0; give a number above 0"):
        replace(MECHANISM, clip=0.0)
