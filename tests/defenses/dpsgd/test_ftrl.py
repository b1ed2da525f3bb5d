"""DP-FTRL: an order that nobody else moves, noise that is white once C is applied, one query."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from dp_accounting import GaussianDpEvent

from defenses.accounting.price import price
from defenses.dpsgd import ftrl
from defenses.dpsgd.clipping import zeros
from defenses.dpsgd.factorisation import BandedRoot
from defenses.dpsgd.ftrl import DPFTRL, CorrelatedGaussian
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.defenses.dpsgd.test_mechanism import Counting
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = speech(6, "private")
MECHANISM = CorrelatedGaussian(Counting(3.0), BandedRoot(12, 3), epoch=4, expected_batch=5.0)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def released(recipe, mechanism, names, seed=0):
    """Return all gradients, (steps, weights)."""
    recognizer, steps = recipe.build(), []
    found = mechanism.gradients(recognizer, list(names), names, Randomness(seed))
    for number, step in enumerate(found):
        assert step == number
        steps.append(torch.cat([p.grad.flatten() for p in recognizer.network.parameters()]))
    return torch.stack(steps).double().numpy()


def test_everybody_is_in_one_batch_of_every_epoch(recipe):
    names = [f"u{n}" for n in range(40)]
    sizes = released(recipe, replace(MECHANISM, noise_multiplier=0.0), names)[:, 0] * 5.0
    expected = np.bincount([MECHANISM.place(name) for name in names], minlength=4)
    np.testing.assert_allclose(sizes, np.tile(expected, 3), rtol=1e-5)
    assert expected.sum() == 40
    assert expected.min() > 2


def test_one_utterance_more_moves_no_other(recipe):
    silent = replace(MECHANISM, noise_multiplier=0.0)
    names = [f"u{n}" for n in range(10)]
    for new in ("v0", "v1", "v2"):
        moved = released(recipe, silent, [new, *names]) - released(recipe, silent, names)
        expected = MECHANISM.root.participation(MECHANISM.place(new), 4) / 5.0
        np.testing.assert_allclose(moved[:, 0], expected, atol=1e-6)


def test_the_noise_solves_the_matrix(recipe, monkeypatch):
    """The oracle: C times the noise is the white noise that was drawn, step by step."""
    drawn, real = [], ftrl.white_noise

    def watched(like, deviation, generator):
        white = real(like, deviation, generator)
        drawn.append(torch.cat([z.flatten() for z in white.values()]).clone())
        return white

    monkeypatch.setattr(ftrl, "white_noise", watched)
    noise = released(recipe, MECHANISM, []) * 5.0
    white = torch.stack(drawn).double().numpy()
    np.testing.assert_allclose(MECHANISM.root.times(noise), white, atol=1e-4)
    dense = np.linalg.solve(MECHANISM.root.times(np.eye(12)), white)
    np.testing.assert_allclose(noise, dense, atol=1e-4)


def test_the_whitened_noise_is_that_of_the_event(recipe):
    mechanism = replace(MECHANISM, noise_multiplier=0.7)
    white = mechanism.root.times(released(recipe, mechanism, []) * 5.0)
    one_unit = 3.0 * mechanism.root.sensitivity(4)
    assert mechanism.event == GaussianDpEvent(0.7)
    for step in white:
        assert step.std() / one_unit == pytest.approx(0.7, rel=0.1)
    assert abs(np.corrcoef(white)[np.triu_indices(12, 1)]).max() < 5 / np.sqrt(white.shape[1])


def test_calibrated_it_costs_no_more_than_is_asked_for(recipe):
    mechanism = MECHANISM.calibrated(2.0, recipe.delta)
    assert 1.99 < price(mechanism.event, recipe.delta).epsilon <= 2.0
    assert mechanism.unit == "utterance"


def test_a_band_of_one_is_white_noise(recipe):
    white = replace(MECHANISM, root=BandedRoot(12, 1))
    assert white.root.sensitivity(4) == pytest.approx(np.sqrt(3))
    noise = released(recipe, white, []) * 5.0 / (3.0 * np.sqrt(3))
    assert noise.std() == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize(
    ("members", "batch", "epochs", "band", "expected"),
    [
        (100, 10, 3, 4, (30, 4, 10, 10.0)),
        (100, 10, 3, 64, (30, 10, 10, 10.0)),  # the band ends with the epoch
        (100, 30, 2, 64, (6, 3, 3, 100 / 3)),  # an epoch has a whole number of steps
        (100, 100, 5, 64, (5, 1, 1, 100.0)),
        (100, 10, 0.2, 64, (2, 2, 10, 10.0)),
    ],
)
def test_the_steps_follow_from_public_numbers(members, batch, epochs, band, expected):
    found = DPFTRL(1.0, epochs=epochs, batch_size=batch, band=band).mechanism(members)
    assert (found.root.steps, found.root.band, found.epoch, found.expected_batch) == expected


def test_training_reports_what_it_did(recipe):
    trained = DPFTRL(4, epochs=3, batch_size=2, band=2).train(recipe, MEMBERS, [], Randomness(0))
    notes = trained.notes
    assert (notes["steps"], notes["steps_an_epoch"], notes["band"]) == (12, 4, 2)
    assert notes["sensitivity"] == pytest.approx(np.sqrt(3 * 1.25))
    assert trained.event == GaussianDpEvent(notes["noise_multiplier"])


def test_with_little_noise_it_learns(recipe):
    settings = {"epochs": 20, "batch_size": 4, "learning_rate": 1e-2}
    trained = DPFTRL(1e5, **settings).train(recipe, MEMBERS, [], Randomness(0))
    before, after = recipe.build(), recipe.build()
    after.load_state_dict(trained.weights)
    assert after.nll(MEMBERS).sum() < 0.9 * before.nll(MEMBERS).sum()


def test_only_the_band_is_kept(recipe, monkeypatch):
    lengths = []

    class Watched(ftrl.deque):
        def appendleft(self, entry):
            super().appendleft(entry)
            lengths.append(len(self))

    monkeypatch.setattr(ftrl, "deque", Watched)
    released(recipe, MECHANISM, [])
    assert max(lengths) == MECHANISM.root.band - 1


def test_a_band_of_nothing_is_refused(recipe):
    with pytest.raises(OverheardError, match="band is 0; give at least 1"):
        DPFTRL(4, batch_size=4, band=0).train(recipe, MEMBERS, [], Randomness(0))


def test_zeros_get_noise_in_every_tensor(recipe):
    recognizer = recipe.build()
    noise = ftrl.white_noise(zeros(recognizer), 2.0, Randomness(0).torch())
    assert torch.cat([z.flatten() for z in noise.values()]).std() == pytest.approx(2.0, rel=0.05)
