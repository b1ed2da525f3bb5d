"""`overheard corpus`: the tables, and all problems with exit status 1."""

import json
import re

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

import leaderboard.commands.corpus
from leaderboard.commands.corpus import corpus


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(corpus)
    return lambda path: CliRunner().invoke(app, [str(path)])


@pytest.fixture
def folder(tmp_path):
    rows = []
    for i in range(6):
        rate = 8000 if i == 5 else 16000
        soundfile.write(tmp_path / f"{i}.wav", np.full(rate * (i + 1) // 2, 0.1), rate)
        rows.append(
            {
                "id": f"u{i}",
                "audio": f"{i}.wav",
                "text": "yes please" if i else "no",
                "speaker": f"s{i % 2}",
                "gender": ("female", "male")[i % 2],
                "split": "train" if i < 4 else "test",
            }
        )
    return tmp_path, rows


def write(path, rows):
    (path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))


def cells(table):
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()]


def test_a_good_corpus_is_summed_up(run, folder):
    path, rows = folder
    write(path, rows)
    result = run(path)
    assert result.exit_code == 0
    lines = cells(result.stdout)
    assert ["utterances", "6"] in lines
    assert ["speakers", "2 (1 female, 1 male)"] in lines
    assert ["hours", "0.00"] in lines
    assert ["distinct words", "3"] in lines
    assert ["seconds, min / median / max", "0.50 / 1.75 / 3.00"] in lines
    assert ["recordings per sample rate in Hz", "16000: 5, 8000: 1"] in lines
    assert ["train", "4", "2", "0.00"] in lines
    assert ["test", "2", "2", "0.00"] in lines
    assert result.stderr == ""


def test_all_problems_are_listed_and_the_rest_counted(run, folder):
    path, rows = folder
    rows[1]["text"] = "[b]bold[/b] 7"  # rich must not eat the brackets of a message
    rows[2]["audio"] = "nowhere.wav"
    rows[3]["id"] = "u0"
    write(path, rows)
    result = run(path)
    assert result.exit_code == 1
    errors = result.stderr.splitlines()
    for line in (2, 3, 4):
        assert any(e.startswith(f"{path}/manifest.jsonl:{line}: ") for e in errors)
    assert errors[-1] == "3 problems, listed above"
    assert ["utterances", "3"] in cells(result.stdout)


@pytest.mark.parametrize("rows", [[{"id": "u"}], []])
def test_nothing_good_is_no_crash(run, tmp_path, rows):
    write(tmp_path, rows)
    result = run(tmp_path)
    assert isinstance(result.exception, SystemExit | None)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert result.stderr.strip()


def test_no_corpus_is_one_line(run, tmp_path):
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path / 'nowhere'}: no such file or folder — give a corpus\n"
    assert result.stdout == ""


def test_embedded_is_shown(run, tmp_path, monkeypatch):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path))
    monkeypatch.setattr(leaderboard.commands.corpus, "_UTTERANCES", 60)
    result = run("embedded")
    assert result.exit_code == 0
    assert "60 (31 female, 29 male)" in result.stdout
    assert list(tmp_path.iterdir())
