"""What two latents that are as far apart as can be show of the noise on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.statistics.pairs import pairs_won
from defenses.accounting.trade_off import largest_auc
from defenses.text.mechanism import NoisyLatents, cut, norms
from leaderboard.audits.latent_canaries import FAR, ends, likelihood, many_runs, side_by_side
from targets.core.randomness import Randomness

RNG = Randomness(0)


@pytest.mark.parametrize("noise", ["laplace", "gaussian"])
def test_both_ends_of_a_pair_are_on_the_ball(noise):
    for end in ends(6).values():
        assert end.abs().max() == FAR
        assert norms(cut(end, noise), noise).item() == pytest.approx(1.0)


@pytest.mark.parametrize("noise", ["laplace", "gaussian"])
def test_no_score_tells_more_than_the_event_allows_and_an_axis_all_of_it(noise):
    mechanism = NoisyLatents(noise, 1, scale=0.6)
    allowed = largest_auc(mechanism.event)
    (found,) = side_by_side(mechanism, 5, 4_000, RNG).trials.values()
    won, pairs = pairs_won(found)
    assert won / pairs == pytest.approx(allowed, abs=4 * (allowed * (1 - allowed) / pairs) ** 0.5)
    by_name = many_runs(mechanism, 5, 60, RNG).trials
    assert set(by_name) == {"axis", "corner"}
    assert all(len(t.in_scores) == len(t.out_scores) == 60 for t in by_name.values())


def test_laplace_ratios_that_tie_have_an_order():
    mechanism, end = NoisyLatents("laplace", 1), ends(2)["axis"]
    beyond = torch.tensor([[3.0, 0.0], [4.0, 0.0], [-3.0, 0.0]], dtype=torch.float64)
    scores = likelihood(mechanism, end, beyond)
    assert scores[0] < scores[1]
    assert np.abs(scores) == pytest.approx(2.0)
