"""Speeds are counted work over measured time, in both precisions."""

from __future__ import annotations

import pytest

from leaderboard.scale import throughput as module
from leaderboard.scale.checks import PRECISIONS
from leaderboard.scale.device_check import SMALL
from leaderboard.scale.throughput import throughput
from leaderboard.scale.work import plain_work, shape_of
from targets.core.randomness import Randomness


def test_throughput_is_counted_work_over_measured_time(monkeypatch):
    taken, used = [], []
    seconds = iter([9.0, 9.0, 9.0, *[2.0, 3.0, 4.0] * module.ROUNDS] * 2)

    def timed(step, _):
        step()
        taken.append(len(step.args[0]))
        return next(seconds)

    true = module.recognizer_of

    def watched(*arguments):
        recognizer = true(*arguments)
        losses = recognizer.example_nll

        def example_nll(batch):
            used.append(recognizer.precision)
            return losses(batch)

        recognizer.example_nll = example_nll
        return recognizer

    monkeypatch.setattr(module, "timed", timed)
    monkeypatch.setattr(module, "recognizer_of", watched)
    rows = list(throughput("cpu", SMALL, Randomness(0)))
    assert {row.passed for row in rows} == {None}
    network = shape_of("conformer", 28, SMALL.channels, SMALL.hidden)
    work = plain_work(network, SMALL.timed_examples, SMALL.frames).operations
    for plain, private, larger, ratio in (rows[:4], rows[4:]):
        assert ratio.figure == 1.5
        assert plain.figure == pytest.approx(work / 2, rel=0.05)
        assert larger.figure == pytest.approx(4 * work / 4, rel=0.05)
        assert private.figure < plain.figure
    assert set(taken) == {SMALL.timed_examples, 4 * SMALL.timed_examples}
    assert tuple(dict.fromkeys(used)) == PRECISIONS
    assert [row.name.endswith(", bf16") for row in (rows[3], rows[7])] == [False, True]
