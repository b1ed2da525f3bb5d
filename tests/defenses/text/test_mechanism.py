"""Latents: where they may be, what noise is on them, and that one utterance changes one seat."""

from __future__ import annotations

import math

import pytest
import torch
from dp_accounting import GaussianDpEvent, LaplaceDpEvent

from defenses.accounting.price import price
from defenses.text.mechanism import SENSITIVITY, NoisyLatents, cut, norms, seated, taken
from targets.core.randomness import Randomness
from tests.fakes import speech

KINDS = ("laplace", "gaussian")
RNG = Randomness(5)


@pytest.mark.parametrize("noise", KINDS)
def test_two_cut_latents_are_never_farther_apart_than_is_priced(noise):
    """In the norm that the noise goes by, whatever they were: ends of an axis are the farthest."""
    generator = RNG.torch()
    wild = torch.randn(300, 7, generator=generator) * torch.logspace(-3, 6, 300)[:, None]
    inside = cut(wild, noise)
    apart = norms(inside[:, None] - inside[None], noise)
    assert apart.max() <= SENSITIVITY + 1e-5
    axis = cut(torch.tensor([[9.0, 0.0], [-9.0, 0.0]]), noise)
    assert norms(axis[0] - axis[1], noise).item() == pytest.approx(SENSITIVITY)


def test_laplace_noise_goes_by_the_sum_and_the_published_ball_is_wider():
    """A corner of the Euclidean ball is √n from its middle by the sum: the published mistake."""
    corner = torch.ones(1, 64)
    assert norms(cut(corner, "gaussian"), "laplace").item() == pytest.approx(8.0)
    assert norms(cut(corner, "laplace"), "laplace").item() == pytest.approx(1.0)


@pytest.mark.parametrize("noise", KINDS)
def test_short_latents_stay_as_they_are(noise):
    short = torch.tensor([[0.2, -0.3], [0.0, 0.0]])
    assert torch.equal(cut(short, noise), short)


@pytest.mark.parametrize("noise", KINDS)
def test_the_noise_is_what_the_event_says(noise):
    """Of zero latents the noise alone is seen: its spread, and the kind of its tails."""
    mechanism = NoisyLatents(noise, 1, scale=0.7)
    seen = mechanism.noisy(torch.zeros(4_000, 8), RNG.torch())
    assert seen.std().item() == pytest.approx(mechanism.deviation, rel=0.03)
    kurtosis = (seen / seen.std()).pow(4).mean().item()
    assert kurtosis == pytest.approx(6.0 if noise == "laplace" else 3.0, rel=0.15)
    assert abs(torch.corrcoef(seen.T) - torch.eye(8)).max() < 0.08
    kind = LaplaceDpEvent if noise == "laplace" else GaussianDpEvent
    assert mechanism.event == kind(0.7)
    wide = math.sqrt(2) if noise == "laplace" else 1.0
    assert mechanism.deviation == pytest.approx(wide * 0.7 * SENSITIVITY)


@pytest.mark.parametrize("noise", KINDS)
def test_calibration_meets_epsilon(noise):
    found = price(NoisyLatents(noise, 9).calibrated(3.0, 1e-5).event, 1e-5)
    assert 0.98 * 3.0 < found.epsilon <= 3.0
    assert found.unit == NoisyLatents(noise, 9).unit


def test_one_member_more_takes_one_seat():
    """Another's where there are none left: then one of those who sat is gone."""
    everybody = speech(12, "members")
    for seats in (5, 30):
        for left_out in everybody:
            others = [u for u in everybody if u is not left_out]
            before, after = ({u.id for u in seated(m, seats)} for m in (others, everybody))
            assert len(before) == min(seats, 11)
            assert len(after - before) <= 1
            assert len(before - after) <= (1 if seats == 5 else 0)
            assert after - before <= {left_out.id}


def test_who_sits_does_not_depend_on_the_order_of_the_members():
    everybody = speech(9, "members")
    assert seated(everybody, 4) == seated(everybody[::-1], 4)


@pytest.mark.parametrize("members", [0, 1, 6])
def test_as_many_latents_are_released_whoever_is_there(members):
    found = NoisyLatents("gaussian", 6).released(torch.ones(members, 3), RNG)
    assert found.shape == (6, 3)
    assert torch.equal(taken(torch.ones(members, 3), 6).sum(), torch.tensor(3.0 * members))


def test_the_order_of_latents_is_chances():
    """Where a latent comes out follows from the draw, and each place is as likely."""
    mechanism = NoisyLatents("gaussian", 4, scale=1e-9)
    places = [int(mechanism.released(torch.ones(1, 1), RNG.child(n)).argmax()) for n in range(400)]
    counts = [places.count(place) for place in range(4)]
    assert min(counts) > 65  # of 100 expected: four deviations of 8.7
