"""Every attack applies to every target, or gives the reason that `docs/attacks.md` has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from attacks.applicability import reason_against
from attacks.base import Findings
from targets.models.registry import TARGETS
from tests.attacks.pairs import reasons_against, toy
from tests.test_docs import code_in, rows

STATED = {
    (target, code_in(attack)[0]): reason
    for attack, targets, reason in rows("attacks.md", "## What does not apply")
    for target in code_in(targets)
}
OF_ALL = [pytest.param(t.name, marks=pytest.mark.slow) if t.pretrained else t.name for t in TARGETS]


@pytest.mark.parametrize("target", OF_ALL)
def test_the_page_has_what_attacks_say_of_a_target(target, tmp_path):
    stated = {attack: reason for (name, attack), reason in STATED.items() if name == target}
    assert reasons_against(toy(target, tmp_path)) == stated


@dataclass(frozen=True)
class Asks:
    """An attack that does something before it says whether it applies."""

    access: ClassVar[str] = "weights"
    first: str = ""

    def score(self, view, candidates, rng):  # noqa: ARG002
        if self.first == "listens":
            view.nll(candidates)
        if self.first == "breaks":
            raise ValueError("a fault of its own")
        return Findings((), np.zeros(0), reason="no such part")


def test_an_attack_is_asked_without_anything_that_is_heard(tmp_path):
    ctc = toy("ctc", tmp_path)
    assert reason_against(Asks(), ctc) == "no such part"
    assert reason_against(Asks("listens"), ctc) == ""
    with pytest.raises(ValueError, match="of its own"):
        reason_against(Asks("breaks"), ctc)
