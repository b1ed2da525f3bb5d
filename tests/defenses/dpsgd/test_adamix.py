"""AdaMix: the mechanism of DP-SGD, in units that public speech gives, and public speech beside."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd import mechanism
from defenses.dpsgd.adamix import AdaMix, public_share
from defenses.dpsgd.scheme import EDPSGD
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech, without_text

PUBLIC = speech(4, "public")
MEMBERS = speech(4, "private")
SETTINGS = {"epochs": 2, "batch_size": 4}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


@pytest.mark.one_version
def test_its_event_is_that_of_dp_sgd(recipe):
    mixed, plain = (
        scheme(4, **SETTINGS).train(recipe, MEMBERS, PUBLIC, Randomness(0))
        for scheme in (AdaMix, EDPSGD)
    )
    assert mixed.event == plain.event
    assert mixed.unit == "utterance"
    assert mixed.notes["public_share"] == 4 / 12 == public_share(4, 8)


@pytest.mark.one_version
def test_a_neighbour_moves_the_first_sum_by_at_most_one(recipe, monkeypatch):
    """The same coins and noise with one member more: what is priced has the sensitivity 1."""
    sums, deviations = [], []
    plain = mechanism.set_noisy_mean

    def watched(total, deviation, expected_batch, generator):
        sums.append(torch.cat([g.flatten() for g in total.values()]))
        deviations.append(deviation)
        plain(total, deviation, expected_batch, generator)

    monkeypatch.setattr(mechanism, "set_noisy_mean", watched)

    def first_sum(members):
        sums.clear()
        trained = AdaMix(10, epochs=1, batch_size=8).train(recipe, members, PUBLIC, Randomness(3))
        assert set(deviations) == {trained.notes["noise_multiplier"]}
        return sums[0]

    whole = first_sum(MEMBERS)
    for n in range(len(MEMBERS)):
        shift = (whole - first_sum(MEMBERS[:n] + MEMBERS[n + 1 :])).norm().item()
        assert 0.1 < shift <= 1 + 1e-4


def steps_of(recipe, scheme, members, monkeypatch):
    """Return the gradients (steps, weights) that the optimiser is given."""
    seen = []
    step = torch.optim.Adam.step

    def look(self, *args, **kwargs):
        parameters = [p for group in self.param_groups for p in group["params"]]
        seen.append(torch.cat([p.grad.flatten() for p in parameters]).clone())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", look)
    scheme.train(recipe, members, PUBLIC, Randomness(0))
    return torch.stack(seen)


@pytest.mark.one_version
def test_noise_beyond_the_public_directions_is_gone(recipe, monkeypatch):
    noisy = AdaMix(1e-1, components=2, **SETTINGS)
    gradients = steps_of(recipe, noisy, [], monkeypatch)
    assert torch.linalg.matrix_rank(gradients[:1].double()) == 1
    whole = steps_of(recipe, AdaMix(1e-1, components=0, **SETTINGS), [], monkeypatch)
    # White noise in 2 of many directions, and in all of them.
    ratio = (whole[0].norm() / gradients[0].norm()).item()
    assert ratio > 0.3 * (len(whole[0]) / 2) ** 0.5 / 3


@pytest.mark.one_version
def test_the_public_mean_is_there_without_noise(recipe, monkeypatch):
    """With nobody private and almost no noise, what is left is the share of the public mean."""
    scheme = AdaMix(1e6, components=0, **SETTINGS)
    (first, *_) = steps_of(recipe, scheme, [], monkeypatch)
    recognizer = recipe.build()
    loss = recognizer.example_nll(recognizer.examples(PUBLIC)).mean()
    found = torch.autograd.grad(loss, list(recognizer.network.parameters()))
    expected = torch.cat([g.flatten() for g in found]) / 3
    assert torch.nn.functional.cosine_similarity(first, expected, dim=0) > 0.98
    assert first.norm() == pytest.approx(expected.norm().item(), rel=0.1)


def test_without_transcribed_public_speech_it_is_refused(recipe):
    with pytest.raises(OverheardError, match="adamix needs transcribed public speech"):
        AdaMix(4, **SETTINGS).train(recipe, MEMBERS, without_text(PUBLIC), Randomness(0))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"public_batch": 0}, "public_batch is 0; give at least 1"),
        ({"quantile": 1.5}, "quantile is 1.5; give a share"),
        ({"components": -1}, "components is -1; give 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, complaint):
    with pytest.raises(OverheardError, match=complaint):
        AdaMix(4, **options)
