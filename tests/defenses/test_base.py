"""What a defense returns: copies of weights as files keep them; who shares work is told by type."""

from __future__ import annotations

import pytest
import torch

from defenses.base import SharingDefense, device_of, weights_of
from defenses.dpsgd.scheme import DPSGD
from defenses.pate.scheme import PATE
from defenses.public.nonprivate import NonPrivate
from tests.fakes import recipe_for, speech


@pytest.fixture
def recognizer():
    return recipe_for("ctc", speech(4, "public")).build()


def test_weights_are_copies_in_the_main_memory(recognizer):
    weights = weights_of(recognizer)
    assert set(weights) == set(recognizer.state_dict())
    before = {name: weight.clone() for name, weight in weights.items()}
    with torch.no_grad():
        for parameter in recognizer.parameters():
            parameter += 1
    assert all(torch.equal(weights[name], before[name]) for name in weights)
    assert all(w.device.type == "cpu" and not w.requires_grad for w in weights.values())


def test_weights_from_another_device_come_home(recognizer):
    """A device without memory stands for any other one: nothing can be copied out of it."""
    assert device_of(recognizer) == torch.device("cpu")
    away = recognizer.to("meta")
    assert device_of(away) == torch.device("meta")
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        weights_of(away)


def test_only_pate_shares_work():
    assert isinstance(PATE(1.0), SharingDefense)
    for defense in (DPSGD(1.0), NonPrivate()):
        assert not isinstance(defense, SharingDefense)
    assert PATE(1.0).shared_work.name == "teacher-votes"
