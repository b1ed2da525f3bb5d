from __future__ import annotations

import pytest

from leaderboard.model_audit.advice import _of_canaries
from leaderboard.model_audit.canary_table import Row, Share, Side
from targets.core.estimate import Estimate

NONE = Estimate.unscored("not asked")


def row(members: Share, held_out: Share, by_base: int = 0, repetitions: int = 1) -> Row:
    base = Share(by_base, members.of)
    return Row(
        *("obscured", repetitions),
        Side(members.of, members, base, NONE, Share(0, 0)),
        Side(held_out.of, held_out, Share(0, held_out.of), NONE, Share(0, 0)),
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        # P[5 of 5 hits among 5 of 10] = 1/252; P[1 of 1 among 5 of 10] = 1/2.
        ([row(Share(5, 5), Share(0, 5))], "already of canaries that were said 1×"),
        ([row(Share(1, 5), Share(0, 5))], "as often as of held-out ones"),
        ([row(Share(2, 2), Share(0, 2), repetitions=n) for n in (1, 4, 16)], "held out). Anyone"),
        ([row(Share(5, 5), Share(0, 5), by_base=5)], "no sign of a leak"),
        ([row(Share(0, 5), Share(0, 5))], "No planted secret was read off"),
        ([row(Share(0, 0), Share(0, 5))], "No transcript came"),
    ],
)
def test_secrets_are_a_leak_beyond_chance_alone(rows, says):
    assert says in _of_canaries(rows)
