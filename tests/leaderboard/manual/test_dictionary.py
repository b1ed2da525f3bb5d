"""The data dictionary is what the models give, and the citation what the project says of itself."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from leaderboard.manual.dictionary import ESTIMATE, dictionary, kind
from leaderboard.records.record import Record

PAGE = Path("docs/records.md")


def test_the_page_is_what_the_models_give():
    again = "run: .venv/bin/python -m leaderboard.manual.dictionary docs/records.md"
    assert PAGE.read_text(encoding="utf-8") == dictionary(), again


def test_every_key_has_a_meaning():
    rows = [line.split(" | ") for line in dictionary().splitlines() if line.startswith("| `")]
    assert len(rows) > len(Record.model_fields)
    for row in rows:
        assert row[-1].strip(" |"), row[0]


def test_every_key_of_a_published_record_is_in_it():
    path = Path(str(files("leaderboard"))) / "published/quick/ctc-dpsgd-eps1-seed0.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    keys = {*record, *record["cell"], *record["cell"]["conditions"], *record["guarantee"]}
    page = dictionary()
    assert [key for key in keys | set(record["wer"]) if f"`{key}`" not in page] == []
    assert set(record["wer"]) == set(ESTIMATE)


def test_a_type_without_words_is_refused():
    with pytest.raises(TypeError, match="no words"):
        kind(set[int])


def test_the_citation_is_of_this_version():
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load(Path("CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]
    assert citation["title"].startswith(project["name"])
