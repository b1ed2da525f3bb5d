"""The attack on compute: it catches who spares members, and says where it does not apply."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.membership.compute import Compute, share_of_compute
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

CANDIDATES = speech(12, "private", words=3)
MEMBERS = frozenset(c.id for c in CANDIDATES[::2])
RNG = Randomness(0)


class Thrifty(torch.nn.Module):
    """A recogniser that spares a tenth of its compute on some utterances, and answers nothing."""

    def __init__(self, spared):
        super().__init__()
        self.spared = spared
        self.network = SimpleNamespace(compute=self.compute)

    def logmel(self, batch):
        counts = torch.tensor([len(u.samples) for u in batch])
        return torch.tensor([u.id in self.spared for u in batch]), counts

    def compute(self, spared, counts):
        most = 100 * counts
        return most - 10 * counts * spared, most


def scores(target, start, *, calibrated=False):
    view = view_of("weights", target, start, [])
    found = Compute(calibrated=calibrated).score(view, CANDIDATES, RNG)
    assert found.candidates == tuple(CANDIDATES)
    return found.scores


def test_who_computes_less_for_members_is_caught_whatever_their_length():
    expected = [-0.9 if c.id in MEMBERS else -1.0 for c in CANDIDATES]
    np.testing.assert_allclose(scores(Thrifty(MEMBERS), Thrifty(())), expected)


def test_calibration_forgives_what_the_start_spares_too():
    np.testing.assert_allclose(scores(Thrifty(MEMBERS), Thrifty(MEMBERS), calibrated=True), 0)
    found = scores(Thrifty(MEMBERS), Thrifty(()), calibrated=True)
    np.testing.assert_allclose(found, [0.1 * (c.id in MEMBERS) for c in CANDIDATES], atol=1e-12)


@pytest.mark.parametrize("calibrated", [False, True])
def test_it_does_not_apply_where_compute_follows_from_the_length(calibrated):
    recognizer = recipe_for("ctc", CANDIDATES[:2]).build()
    view = view_of("weights", recognizer, recognizer, [])
    found = Compute(calibrated=calibrated).score(view, CANDIDATES, RNG)
    assert found.candidates == ()
    assert found.reason
    with pytest.raises(TypeError, match="CTC"):
        share_of_compute(recognizer, CANDIDATES)


def test_a_share_is_that_of_a_real_target_and_depends_on_no_company():
    recognizer = recipe_for("amortized", CANDIDATES[:2]).build()
    together = share_of_compute(recognizer, CANDIDATES)
    assert ((together > 0) & (together <= 1)).all()
    alone = [share_of_compute(recognizer, [c])[0] for c in CANDIDATES]
    np.testing.assert_allclose(together, alone)
    assert len(share_of_compute(recognizer, [])) == 0
