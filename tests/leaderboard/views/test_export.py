"""The export: every estimate of every record, with all its parts, in every format."""

from __future__ import annotations

import csv
import io
import json

from leaderboard.records.attack_result import write_result
from leaderboard.records.run_folder import read_records, write_record
from leaderboard.views import glossary
from leaderboard.views.export import export
from leaderboard.views.table import PROVEN, Format
from tests.leaderboard.figures import making
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.views.test_table import run  # noqa: F401

OWN = ["wer", "wer_members", "wer_held_out", *PROVEN]


def test_every_estimate_is_there_once(run):  # noqa: F811
    lines = json.loads(export([run], Format.JSON))
    found = {(x["target"], x["scheme"], x["epsilon"], x["attack"], x["figure"]) for x in lines}
    records = read_records(run)
    expected = sum(len(OWN) + sum(map(len, r.leakages.values())) for r in records)
    assert len(found) == len(lines) == expected
    first = [x for x in lines if x["scheme"] == "none"]
    assert [x["figure"] for x in first[: len(OWN)]] == OWN
    assert first[0]["attack"] is None
    audited = first[3]["estimate"]
    assert audited["ceiling"] == 4.9
    assert audited["high"] == "inf"
    (unscored,) = (x["estimate"] for x in first if x["attack"] == "inversion-restoration")
    assert unscored["value"] is None
    assert unscored["method"] == "unscored: too slow"
    failed = [x for x in lines if x["status"] == "failed"]
    assert [x["figure"] for x in failed] == OWN
    measured = [x for x in failed if x["figure"] not in PROVEN[1:]]
    assert all("no memory" in x["estimate"]["method"] for x in measured)


def test_what_submitted_attacks_found_is_there_too(run):  # noqa: F811
    before = json.loads(export([run], Format.JSON))
    hit = attack_result(0.8, 11.0)
    write_result(hit, run)
    after = json.loads(export([run], Format.JSON))
    assert len(after) == len(before) + 4
    of_it = [x for x in after if x["epsilon"] == 9.98]
    assert {x["status"] for x in of_it} == {"falsified"}
    assert {x["status"] for x in after if x["epsilon"] != 9.98} == {"ok", "failed"}
    shown = {(x["attack"], x["figure"]): x["estimate"]["value"] for x in of_it}
    assert shown[hit.label, "auc"] == shown[None, "strongest_auc"] == 0.8
    assert shown[hit.label, "audited_epsilon"] == shown[None, "strongest_audited"] == 11.0
    assert shown[None, "audited_epsilon"] == 0.7


def test_csv_says_what_the_json_says(run):  # noqa: F811
    plain = json.loads(export([run], Format.JSON))
    rows = list(csv.DictReader(io.StringIO(export([run], Format.CSV))))
    assert len(rows) == len(plain)
    for row, line in zip(rows, plain, strict=True):
        estimate = line["estimate"]
        assert row["estimate"] == ("" if estimate["value"] is None else str(estimate["value"]))
        for part in ("low", "high", "level", "method", "ceiling"):
            shown = "" if estimate[part] is None else str(estimate[part])
            assert row[f"estimate_{part}"] == shown


def test_for_papers(run):  # noqa: F811
    latex = export([run], Format.LATEX)
    assert r"tpr\_at\_1\_percent\_fpr" in latex
    assert not any(letter in latex for letter in "εδ∞")
    markdown = export([run, run], Format.MARKDOWN).splitlines()
    assert len(markdown) == 2 + 2 * len(json.loads(export([run], Format.JSON)))


def test_differences_from_controls_are_figures_too(tmp_path):
    for scheme, epsilon, rate in (("dpsgd", 10.0, 0.3), ("public", None, 0.4)):
        write_record(making.row(scheme, epsilon, rate=rate), tmp_path)
    lines = json.loads(export([tmp_path], Format.JSON))
    less = {
        (x["scheme"], x["attack"], x["figure"]): x["estimate"]
        for x in lines
        if "less" in x["figure"]
    }
    assert set(less) == {
        ("dpsgd", None, "wer_less_public"),
        ("dpsgd", "membership", "auc_less_public"),
    }
    assert less["dpsgd", None, "wer_less_public"]["high"] < 0
    assert all(glossary.explained(figure) for _, _, figure in less)
