"""The table: its keys, its formats, its dashes, its order."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest

from defenses.accounting.guarantee import Guarantee
from leaderboard.records.record import Record, failed_record
from leaderboard.records.run_folder import write_record
from leaderboard.spec.load import parse_suite
from leaderboard.views.table import (
    FOOTER,
    FOR_MACHINES,
    KEYS,
    MEASURED,
    OF_SEEDS,
    TITLES,
    Format,
    compact,
    table,
)
from targets.core.estimate import Estimate
from tests.leaderboard.spec.test_suite import SMALL

CELLS = {cell.id: cell for cell in parse_suite("small.toml", SMALL).cells()}
KEYS_PROMISED = [
    "target", "scheme", "seed", "unit", "epsilon", "delta",
    "wer", "membership", "canary", "inversion-restoration", "audited_epsilon",
    "audited_epsilon_worst_case", "audited_epsilon_mechanism", "status",
    "membership_attack", "membership_tried", "seeds",
]  # fmt: skip


def measured(value: float, width: float = 0.05) -> Estimate:
    return Estimate(value, value - width, value + width, 0.95, "test")


def promise(epsilon: float) -> Guarantee:
    return Guarantee(
        epsilon=epsilon,
        delta=None if math.isinf(epsilon) else 1e-4,
        unit="utterance",
        relation="add-or-remove-one",
        accountant="rdp",
        basis="none" if math.isinf(epsilon) else "audited code",
    )


def record(name: str, epsilon: float, auc: float, wer: float, **changes) -> Record:
    content = {
        "cell": CELLS[name],
        "status": "ok",
        "guarantee": promise(epsilon),
        "wer": measured(wer),
        "leakages": {
            "membership": {"auc": measured(auc), "tpr_at_1_percent_fpr": measured(0.1)},
            "canary": {"exposure": measured(12.5)},
            "inversion-restoration": {"auc": Estimate.unscored("too slow")},
        },
        "audited_epsilon": Estimate(0.7, 0.7, math.inf, 0.95, "one-run", ceiling=4.9),
    }
    return Record(**(content | changes))


@pytest.fixture
def run(tmp_path):
    write_record(record("rnnt-pate-gnmax-eps1-seed0", 1.0, 0.5, 0.6), tmp_path)
    write_record(record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4), tmp_path)
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1), tmp_path)
    write_record(failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "no memory & 5 % left"), tmp_path)
    return tmp_path


def test_json_has_the_promised_keys_and_objects(run):
    rows = json.loads(table(run, Format.JSON))
    assert tuple(KEYS_PROMISED) == (*KEYS, *FOR_MACHINES)
    assert [list(row) for row in rows] == [KEYS_PROMISED] * 4
    for row in rows:
        for key in MEASURED:
            assert set(row[key]) == {"value", "low", "high", "level", "method", "ceiling"}
    none, failed, private, pate = rows
    assert [row["scheme"] for row in rows] == ["none", "dpsgd", "dpsgd", "pate-gnmax"]
    assert none["epsilon"] is None
    assert none["unit"] == "utterance"
    assert private["epsilon"] == 9.98
    assert private["delta"] == 1e-4
    assert private["membership"]["value"] == 0.55
    assert private["audited_epsilon"]["ceiling"] == 4.9
    assert private["audited_epsilon"]["high"] == "inf"
    assert private["inversion-restoration"] == {
        "value": None,
        "low": None,
        "high": None,
        "level": None,
        "method": "unscored: too slow",
        "ceiling": None,
    }
    assert failed["status"] == "failed"
    assert failed["epsilon"] == 1.0
    assert failed["wer"]["value"] is None
    assert "no memory" in failed["membership"]["method"]
    assert (pate["seed"], pate["seeds"]) == (0, [0])
    assert (pate["membership_attack"], pate["membership_tried"]) == ("membership", 1)
    assert (failed["membership_attack"], failed["membership_tried"]) == (None, 0)


def test_text_is_compact_in_percent_and_dashed(run):
    text = table(run, Format.TEXT)
    none = next(line for line in text.splitlines() if " none " in line)
    assert "10.0 [5.0, 15.0]" in none
    assert "0.83 [0.78, 0.88]" in none
    assert "0.70 [0.70, ∞)" in none
    cells = none.split()
    assert cells[:6] == ["rnnt", "none", "0", "utterance", "-", "-"]
    failed = next(line for line in text.splitlines() if "failed" in line)
    assert failed.split()[3:] == ["-", "1", *["-"] * 8, "failed"]
    assert text.endswith(FOOTER)
    for title in TITLES.values():
        assert any(line.startswith(title) or title in "ε, δ" for line in FOOTER.splitlines())


def seeded(name, seed, *values, **changes):
    cell = CELLS[name].model_copy(update={"seed": seed})
    return record(name, *values, cell=cell, **changes)


def test_a_cell_of_several_seeds_is_one_row_and_each_can_be_shown(run):
    before = table(run, Format.TEXT)
    assert before == table(run, Format.TEXT, seeds=True)
    for seed, wer in ((1, 0.5), (2, 0.6)):
        write_record(seeded("rnnt-dpsgd-eps10-seed0", seed, 9.98, 0.55, wer), run)
    text = table(run, Format.TEXT)
    assert text.splitlines()[0].split()[:4] == ["target", "scheme", "seeds", "unit"]
    assert text.endswith(OF_SEEDS)
    line = next(line for line in text.splitlines() if "9.98" in line)
    assert line.split()[:6] == ["rnnt", "dpsgd", "3", "utterance", "9.98", "0.0001"]
    assert "50.0 [" in line
    for each in json.loads(table(run, Format.JSON)):
        assert list(each) == KEYS_PROMISED
        assert each["seeds"] == ([0, 1, 2] if each["epsilon"] == 9.98 else [0])
        assert each["seed"] == (None if each["epsilon"] == 9.98 else 0)
    assert len(json.loads(table(run, Format.JSON, seeds=True))) == 6
    assert "seeds" not in table(run, Format.TEXT, seeds=True)


def test_the_worst_status_of_its_seeds_is_a_rows_and_the_weakest_promise(run):
    false = {"audited_epsilon": Estimate(12.0, 12.0, math.inf, 0.95, "x"), "audited_p": 1e-6}
    write_record(seeded("rnnt-dpsgd-eps10-seed0", 1, 9.99, 0.55, 0.5, **false), run)
    (row,) = [r for r in json.loads(table(run, Format.JSON)) if len(r["seeds"]) == 2]
    assert (row["status"], row["epsilon"]) == ("falsified", 9.99)


def test_the_controls_stand_last_and_the_undefended_first(run):
    for scheme in ("public", "start", "zeta"):
        cell = CELLS["rnnt-none-seed0"].model_copy(update={"scheme": scheme, "label": scheme})
        write_record(record("rnnt-none-seed0", 0.0, 0.5, 0.5, cell=cell), run)
    schemes = [row["scheme"] for row in json.loads(table(run, Format.JSON))]
    assert schemes == ["none", "dpsgd", "dpsgd", "pate-gnmax", "zeta", "public", "start"]


def test_the_strongest_attack_is_named_beside_its_figure(run):
    leakages = {
        "membership": {"auc": measured(0.5)}, "membership-calibrated": {"auc": measured(0.6)},
    }  # fmt: skip
    name = "rnnt-pate-gnmax-eps10-seed0"
    write_record(record(name, 9.9, 0.5, 0.5, leakages=leakages), run)
    text = table(run, Format.TEXT)
    (line,) = [line for line in text.splitlines() if "pate" in line and "9.9 " in line]
    assert re.search(r"0\.60 \[0\.5\d, 0\.6\d\] calibrated ", line)
    # Where one attack was tried there is nothing to tell.
    assert "loss" not in text
    (row,) = [r for r in json.loads(table(run, Format.JSON)) if r["epsilon"] == 9.9]
    assert row["membership_attack"] == "membership-calibrated"
    assert row["membership"]["low"] < 0.55


def test_csv_keeps_every_part(run):
    rows = list(csv.DictReader(io.StringIO(table(run, Format.CSV))))
    assert len(rows) == 4
    assert rows[0]["membership"] == "0.83"
    assert rows[0]["membership_method"] == "test"
    assert rows[0]["audited_epsilon_high"] == "inf"
    assert rows[0]["seeds"] == "0"
    assert rows[1]["wer"] == ""


def test_latex_and_markdown(run):
    latex = table(run, Format.LATEX)
    assert latex.startswith(r"\begin{tabular}")
    assert r"$\varepsilon$" in latex
    assert r"WER \%" in latex
    assert latex.count(r"\\") == 5
    assert not any(letter in latex for letter in "εδ∞")
    markdown = table(run, Format.MARKDOWN).splitlines()
    assert len(markdown) == 6
    assert all(line.startswith("|") for line in markdown)


def test_the_table_does_not_depend_on_the_order_of_files(run):
    before = table(run, Format.JSON)
    for path in sorted((run / "records").iterdir(), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert table(run, Format.JSON) == before


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.83, 0.8, 0.86, 0.95, "m"), "0.83 [0.80, 0.86]"),
        (Estimate(0.83, -math.inf, 0.86, 0.95, "m"), "0.83 (-∞, 0.86]"),
        (Estimate(0.83, math.nan, math.nan, math.nan, "m"), "0.83"),
        (Estimate.unscored("x"), "-"),
        (Estimate(-0.001, -0.004, 0.004, 0.95, "m"), "0.00 [0.00, 0.00]"),
        (Estimate(0.0, 0.0, 0.0, 0.95, "m"), "0.00 [0.00, 0.00]"),
    ],
)
def test_an_estimate_is_written_compactly(estimate, shown):
    assert compact(estimate) == shown
