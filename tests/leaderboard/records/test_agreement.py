"""Whether two records agree: exactly, within tolerance, within the interval, or not."""

from __future__ import annotations

import pytest

from leaderboard.records.agreement import agreement, overall, summary
from leaderboard.records.record import Record
from targets.core.estimate import Estimate
from tests.leaderboard.views.test_table import CELLS, measured, promise


def record(**changes) -> Record:
    content = {
        "cell": CELLS["rnnt-dpsgd-eps1-seed0"],
        "status": "ok",
        "guarantee": promise(1.0),
        "wer": measured(0.4),
        "leakages": {"membership": {"auc": measured(0.55)}},
        "audited_epsilon": Estimate(0.7, 0.7, float("inf"), 0.95, "one-run", ceiling=4.9),
        "coins": {"a": True, "b": False},
        "scores": {"membership": {"a": 1.0, "b": -1.0}},
        "seconds": {"training": 3.0},
        "weights": "0" * 64,
        "word_errors": {"x": {"u1": (1, 4)}},
    }
    return Record(**(content | changes))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "exact"),
        ({"seconds": {"training": 99.0}}, "exact"),
        ({"wer": measured(0.4 + 1e-7)}, "within tolerance"),
        ({"scores": {"membership": {"a": 1.0 + 1e-7, "b": -1.0}}}, "within tolerance"),
        ({"wer": measured(0.42)}, "within its interval"),
        ({"scores": {"membership": {"a": 1.2, "b": -1.0}}}, "within its interval"),
        ({"weights": "1" * 64}, "within its interval"),
        ({"word_errors": {"x": {"u1": (2, 4)}}}, "within its interval"),
        ({"word_errors": {"x": {"u2": (1, 4)}}}, "differs"),
        ({"weights": None}, "differs"),
        ({"scores": {"membership": {"a": 1.0}}}, "differs"),
        ({"wer": measured(0.5)}, "differs"),
        ({"wer": Estimate.unscored("lost")}, "differs"),
        ({"coins": {"a": True, "b": True}}, "differs"),
        ({"coins": {"a": True}}, "differs"),
        ({"status": "falsified"}, "differs"),
        ({"guarantee": promise(0.9)}, "differs"),
        ({"wer": measured(0.5), "scores": {"membership": {"a": 1.2, "b": -1.0}}}, "differs"),
    ],
)
def test_the_verdict(changes, verdict):
    values = agreement(record(), record(**changes))
    assert overall(values) == verdict
    said = "\n".join(summary(values))
    assert ("now" in said) == (verdict == "differs")
    assert "cell: " in said


def test_an_unscored_figure_agrees_with_itself():
    nothing = record(wer=Estimate.unscored("no speech"))
    assert overall(agreement(nothing, nothing)) == "exact"


def test_an_interval_widened_by_hand_makes_nothing_agree():
    """The repetition's own interval has to hold what was recorded, too."""
    widened = record(wer=Estimate(0.01, 0.0, 1.0, 0.95, "test"))
    assert overall(agreement(widened, record(wer=measured(0.42)))) == "differs"


def test_what_neither_measured_is_no_difference():
    """Why not is said in words, with paths and times in them; a dash is a dash."""
    one, other = (record(wer=Estimate.unscored(why)) for why in ("no room in a", "no room in b"))
    values = agreement(one, other)
    assert overall(values) == "exact"
    assert not [line for line in summary(values) if "None, now None" in line]
