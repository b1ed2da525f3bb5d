"""The adversary finds the kind of speech that is hard, and nothing where none is."""

from __future__ import annotations

import pytest
import torch

from defenses.fairness.reweighting import Adversary, Reweighted, spectral_statistics
from targets.core.errors import OverheardError
from targets.models.recognizer import Example


def batch(count, rng):
    """Return examples of 4 labels; of every second one the first band is loud."""
    return [
        Example(torch.randn(20, 3, generator=rng) + torch.tensor([3.0 * (n % 2), 0, 0]), [1] * 4)
        for n in range(count)
    ]


def after(steps, losses_of, rate=0.1):
    rng = torch.Generator().manual_seed(0)
    adversary = Adversary(rate)
    for _ in range(steps):
        examples = batch(16, rng)
        adversary(examples, losses_of(len(examples), rng))
    return adversary.weights(batch(16, rng)).detach()


def test_at_first_all_weigh_the_same_and_the_objective_is_the_mean():
    losses = torch.tensor([1.0, 2.0, 6.0])
    examples = batch(3, torch.Generator().manual_seed(0))
    assert Adversary(0.1)(examples, losses).item() == pytest.approx(3.0)


def test_the_kind_that_is_hard_weighs_more_and_nobody_less_than_half():
    weights = after(60, lambda count, _: 1.0 + 3.0 * (torch.arange(count) % 2))
    assert weights.mean().item() == pytest.approx(1)
    assert weights[1::2].min() > weights[::2].max()
    assert weights.min() >= 0.5


def test_hard_utterances_of_no_kind_are_not_singled_out():
    weights = after(60, lambda count, rng: torch.rand(count, generator=rng), rate=0.01)
    assert weights.std() < 0.1


def test_a_loss_that_is_no_number_teaches_the_adversary_nothing():
    examples = batch(2, torch.Generator().manual_seed(0))
    adversary = Adversary(0.1)
    adversary(examples, torch.tensor([float("inf"), 1.0]))
    assert torch.isfinite(adversary.weights(examples)).all()


def test_sound_is_standardised_within_a_batch():
    x = spectral_statistics(batch(16, torch.Generator().manual_seed(0)))
    assert x.shape == (16, 6)
    torch.testing.assert_close(x.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    assert not spectral_statistics(batch(1, torch.Generator())).any()


def test_a_negative_rate_is_refused():
    with pytest.raises(OverheardError, match="adversary_rate is -1; give 0 or more"):
        Reweighted(-1)
