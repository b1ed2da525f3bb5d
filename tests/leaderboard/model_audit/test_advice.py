from __future__ import annotations

from dataclasses import replace

import pytest

from leaderboard.model_audit.advice import _of_canaries, advice
from leaderboard.model_audit.canary_table import Row, Share, Side
from leaderboard.model_audit.extraction.untargeted import Untargeted
from leaderboard.model_audit.run import Asked, audit_model
from targets.core.estimate import Estimate
from tests.leaderboard.model_audit.fakes import Fake, game

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


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    return audit_model(game(folder), Fake(), folder / "out", Asked(1e-5))


def test_words_that_nobody_said_are_a_leak_beyond_chance_alone(found):
    words = Untargeted((), 9, Share(6, 50), Share(0, 50), 0.01, Share(0, 6), Share(0, 6), ())
    said = [
        any("Where nobody speaks" in line for line in advice(replace(found, untargeted=one)))
        for one in (words, replace(words, p=0.2), replace(words, p=None), None)
    ]
    assert said == [True, False, False, False]


def test_whole_secrets_that_nobody_said_are_a_leak_beyond_chance_alone(found):
    some = Untargeted((), 9, Share(0, 50), Share(0, 50), 0.5, Share(6, 60), Share(0, 60), ())
    said = [
        any("writes whole secrets (6 of 60" in x for x in advice(replace(found, untargeted=one)))
        for one in (some, replace(some, secrets_held_out=Share(5, 60)), replace(some, p=None))
    ]
    assert said == [True, False, False]
