"""Where an entry stands: Pareto fronts and neighbours, on entries placed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from leaderboard.figures.paired import rival_of
from leaderboard.records.record import failed_record
from leaderboard.views.standing import Place, beaten_by, nearest, places, standing
from tests.leaderboard.figures.making import promise, row
from tests.leaderboard.records.test_mechanism_audit import ROW, audit
from tests.leaderboard.views.test_table import CELLS, record


def place(
    name: str, wer: float, leakage: float, epsilon: float, target: str = "rnnt", seed: int = 0
) -> Place:
    return Place(name, target, seed, wer, leakage, epsilon)


FREE = place("free", 0.1, 0.9, math.inf)
TEN = place("ten", 0.3, 0.6, 10)
ONE = place("one", 0.5, 0.5, 1)
WORSE = place("worse", 0.6, 0.7, 10)
OTHER = place("other", 0.0, 0.5, 0.1, target="ctc")
AGAIN = place("again", 0.3, 0.6, 10, seed=1)
EVERY = [FREE, TEN, ONE, WORSE, OTHER, AGAIN]


@pytest.mark.parametrize("axis", ["epsilon", "leakage"])
def test_the_front(axis):
    front = [p.id for p in EVERY if not beaten_by(p, EVERY, axis)]
    assert front == ["free", "ten", "one", "other", "again"]
    assert [p.id for p in beaten_by(WORSE, EVERY, axis)] == ["ten", "one"]


def test_an_equal_beats_nobody():
    twin = place("twin", 0.3, 0.6, 10)
    assert beaten_by(TEN, [TEN, twin], "epsilon") == []


def test_neighbours_are_of_the_same_target_and_seed_and_not_oneself():
    near = nearest(place("mine", 0.32, 0.62, 9), EVERY)
    assert [p.id for p in near] == ["ten", "worse", "one"]
    assert nearest(OTHER, EVERY) == []


def test_what_is_promised_for_a_speaker_is_beside_no_other_epsilon():
    speaker = replace(place("speaker", 0.4, 0.6, 10), unit="speaker")
    assert speaker.describe() == "speaker (WER 40.0 %, AUC 0.60, ε 10 for a speaker)"
    better = place("better", 0.3, 0.6, 9)
    # A smaller ε for an utterance promises no more than a speaker's; a speaker's does.
    assert beaten_by(speaker, [better], "epsilon") == []
    assert beaten_by(speaker, [better], "leakage") == [better]
    assert beaten_by(place("mine", 0.5, 0.6, 10), [speaker], "epsilon") == [speaker]
    public = replace(place("public", 0.35, 0.5, 0), unit=None)
    assert beaten_by(speaker, [better, public], "epsilon") == [public]
    assert nearest(speaker, [better, public]) == [public]


def test_the_rival_promises_as_much_for_no_smaller_a_unit():
    mine = row("dp-fedavg", 10.0, guarantee=replace(promise(10.0), unit="speaker"))
    weaker = row("edpsgd", 10.0, rate=0.1)
    assert rival_of(mine, [mine, weaker]) is None
    assert rival_of(weaker, [mine, weaker]) == mine
    also = row("pate-gnmax", 9.0, guarantee=replace(promise(9.0), unit="speaker"))
    assert rival_of(mine, [mine, weaker, also]) == also


def test_it_is_told_in_lines():
    records = [
        record("rnnt-none-seed0", math.inf, 0.9, 0.1),
        record("rnnt-dpsgd-eps10-seed0", 10.0, 0.6, 0.3),
        record("rnnt-pate-gnmax-eps10-seed0", 10.0, 0.7, 0.6),
        failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "it raised OSError"),
    ]
    assert len(places(records)) == 3
    lines = standing(records, {"rnnt-pate-gnmax-eps10-seed0", "rnnt-dpsgd-eps1-seed0"})
    assert lines == [
        "rnnt-pate-gnmax-eps10-seed0 (WER 60.0 %, AUC 0.70, ε 10), cannot tell: "
        "ceiling below the claim",
        "  audited ε 0.70 [0.70, ∞)",
        "  WER less public: - (no row public beside it)",
        "  WER less start: - (no row start beside it)",
        "  WER less dpsgd (the best other that promises as much): - (the record is from before "
        "errors were kept for each utterance)",
        "  WER against ε: behind rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  WER against AUC: behind rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  near: rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  near: rnnt-none-seed0 (WER 10.0 %, AUC 0.90, no ε)",
        "rnnt-dpsgd-eps1-seed0: failed: it raised OSError",
    ]
    first = standing(records, {"rnnt-none-seed0"})
    assert "  WER against ε: on the Pareto front" in first


def test_it_stands_beside_its_controls_seed_by_seed_and_over_all():
    seeds = (0, 1, 2)
    controls = [row(s, seed=n, rate=0.4) for n in seeds for s in ("public", "start")]
    mine = [row("dpsgd", 10.0, n, rate=0.3) for n in seeds]
    lines = standing([*controls, *mine], {r.cell.id for r in mine})
    less = [line for line in lines if line.startswith("  WER less public: -")]
    assert len(less) == len(seeds) + 1
    (summary,) = [line for line in lines if "3 seeds" in line]
    assert summary.startswith("rnnt dpsgd, ε 10, 3 seeds: WER ")
    assert lines[lines.index(summary) + 1] == less[-1]
    assert lines[lines.index(summary) + 2].startswith("  WER less start: ")
    # Better than without private speech, beyond seeds and speakers.
    assert all("[-" in line and ", -" in line for line in less)


def test_it_is_compared_with_the_best_row_that_promises_as_much():
    rows = [
        row("none", rate=0.1),
        row("public", rate=0.4),
        row("dpsgd", 10.0, rate=0.3),
        row("dpsgd", 10.0, 1, rate=0.1),
        row("dpsgd", 1.0, rate=0.35),
        row("edpsgd", 10.0, rate=0.25),
        row("pate-gnmax", 10.0, rate=0.6),
    ]
    by_id = {r.cell.id: r for r in rows}
    best = by_id["rnnt-edpsgd-eps10-seed0"]

    def beside(scheme: str, epsilon: float) -> list[str]:
        name = next(r.cell.id for r in rows if (r.cell.scheme, r.cell.epsilon) == (scheme, epsilon))
        lines = standing(rows, {name})
        return [line for line in lines if "the best other that promises as much" in line]

    (worse,) = beside("pate-gnmax", 10.0)
    apart = by_id["rnnt-pate-gnmax-eps10-seed0"].wer.value - best.wer.value
    assert worse.startswith(
        f"  WER less edpsgd (the best other that promises as much): {100 * apart:.1f} ["
    )
    assert worse.endswith("] points")
    (better,) = beside("edpsgd", 10.0)
    assert better.startswith("  WER less dpsgd (the best other that promises as much): -")
    assert beside("dpsgd", 1.0) == []  # nobody else promises as much
    twin = best.model_copy(update={"cell": by_id["rnnt-dpsgd-eps10-seed0"].cell})
    (tied,) = [line for line in standing([twin, best], {twin.cell.id}) if "other" in line]
    assert tied.endswith("0.0 [0.0, 0.0] points: no difference is shown")


def test_an_audit_of_the_mechanism_counts_as_in_the_table():
    false = audit(12.0, p_value=1e-6)
    assert standing([ROW], {ROW.cell.id}, (), [false])[0].endswith("falsified")
    assert not standing([ROW], {ROW.cell.id})[0].endswith("falsified")
