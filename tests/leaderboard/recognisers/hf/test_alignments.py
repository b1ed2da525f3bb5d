"""The sum over alignments against all of them one by one, and against two other packages."""

from __future__ import annotations

import math

import pytest
import torch

from leaderboard.recognisers.hf.alignments import NEVER, log_likelihood


def arcs(T: int, labels: int, durations: tuple[int, ...], seed: int = 0):
    torch.manual_seed(seed)
    blank = torch.randn(T, labels + 1, len(durations), dtype=torch.float64) - 2
    label = torch.randn(T, labels, len(durations), dtype=torch.float64) - 2
    return blank, label


def one_by_one(blank, label, durations, t: int = 0, u: int = 0) -> float:
    """Return the probability of all ways from frame t with u labels written, by recursion."""
    T, labels, _ = label.shape
    total = 0.0
    for k, duration in enumerate(durations):
        if duration > 0 and t + duration <= T:
            probability = math.exp(blank[t, u, k])
            if t + duration == T:
                total += probability * (u == labels)
            else:
                total += probability * one_by_one(blank, label, durations, t + duration, u)
        if u < labels and t + duration < T:
            there = one_by_one(blank, label, durations, t + duration, u + 1)
            total += math.exp(label[t, u, k]) * there
    return total


@pytest.mark.parametrize("durations", [(0, 1), (0, 1, 2), (1, 2), (0, 2, 3), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize(("T", "labels"), [(1, 0), (1, 2), (4, 0), (4, 2), (5, 3)])
def test_all_alignments_one_by_one(T, labels, durations):
    blank, label = arcs(T, labels, durations)
    wanted = one_by_one(blank, label, durations)
    found = float(log_likelihood(blank, label, durations))
    assert found == pytest.approx(math.log(wanted) if wanted else -math.inf)


def test_no_alignment():
    blank, label = arcs(2, 3, (1, 2))  # three labels take three frames at least
    assert float(log_likelihood(blank, label, (1, 2))) == -math.inf


def test_rnnt_as_torchaudio_has_it():
    from torchaudio.functional import rnnt_loss

    torch.manual_seed(0)
    T, V = 30, 7
    labels = torch.tensor([3, 1, 1, 5])
    logits = torch.randn(1, T, len(labels) + 1, V)
    wanted = rnnt_loss(
        logits,
        labels[None].int(),
        torch.tensor([T]).int(),
        torch.tensor([len(labels)]).int(),
        blank=0,
        reduction="none",
    )
    log_probs = logits[0].double().log_softmax(-1)
    blank = log_probs[..., 0]
    label = log_probs[:, :-1].gather(2, labels[None, :, None].expand(T, -1, 1))[..., 0]
    never = torch.full_like(blank, NEVER)
    found = log_likelihood(
        torch.stack([never, blank], -1), torch.stack([label, never[:, :-1]], -1), (0, 1)
    )
    assert float(found) == pytest.approx(-float(wanted), rel=1e-5)


def test_the_gradient_is_that_of_the_sum():
    durations = (0, 1, 2)
    blank, label = (x.requires_grad_(True) for x in arcs(5, 2, durations))
    assert torch.autograd.gradcheck(
        lambda b, x: log_likelihood(b, x, durations), (blank, label), atol=1e-5
    )
