"""Records of entries that are not installed here: they are read and shown like any other."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.records.store import write_digested
from leaderboard.site.build import write_site
from leaderboard.views.compare import compare
from leaderboard.views.export import export
from leaderboard.views.table import Format, table

PUBLISHED = Path(str(files("leaderboard"))) / "published" / "quick" / "ctc-dpsgd-eps1-seed0.json"


@pytest.fixture
def run(tmp_path):
    content = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    del content["digest"]
    cell = content["cell"]
    cell |= {"target": "conformer", "scheme": "dp-ftrl", "label": "dp-ftrl"}
    cell["conditions"]["attacks"].append({"name": "membership-from-elsewhere", "options": {}})
    figures = content["leakages"]["membership"]
    content["leakages"]["membership-from-elsewhere"] = figures
    write_digested(content, tmp_path / FOLDER / "conformer-dp-ftrl-eps1-seed0.json")
    return tmp_path


def test_unknown_names_are_shown(run, tmp_path):
    (record,) = read_records(run)
    assert record.cell.target == "conformer"
    for form in Format:
        assert "conformer" in table(run, form)
        assert "dp-ftrl" in compare([run], form)
        assert "membership-from-elsewhere" in export([run], form)
    assert "conformer" in write_site(tmp_path / "site", [run]).read_text(encoding="utf-8")
