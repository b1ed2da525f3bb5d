"""`overheard corpus`: the tables, and all problems with exit status 1."""

import json
import re
import time

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

import leaderboard.commands.corpus
from leaderboard.commands.corpus import corpus
from targets.core.errors import OverheardError
from targets.models.registry import TARGETS


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(corpus)
    return lambda path, *options: CliRunner().invoke(app, [str(path), *options])


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
    assert ["recordings per number of channels", "1: 6"] in lines
    assert ["train", "4", "2", "0.00"] in lines
    assert result.stdout.startswith("read as manifest: ")
    assert "changed in transcripts" not in result.stdout
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


def test_how_transcripts_were_changed_is_shown(run, folder):
    path, rows = folder
    rows[1]["text"] = "Yes,please"
    rows[2]["text"] = "YES well-known"
    write(path, rows)
    lines = cells(run(path).stdout)
    assert ["capitals", "2", "Yes,please", "yes please"] in lines
    assert ["punctuation", "1", "Yes,please", "yes please"] in lines
    assert ["dashes and slashes", "1", "well-known", "well known"] in lines


def test_channels_and_what_is_odd_are_shown_with_ids(run, folder):
    path, rows = folder
    tone = 0.3 * np.sin(np.arange(16000) * 0.2)
    soundfile.write(path / "0.wav", np.stack([tone, 0.5 * tone], 1), 16000)
    soundfile.write(path / "1.wav", np.stack([tone, -tone], 1), 16000)
    soundfile.write(path / "2.wav", np.stack([tone, -tone], 1), 16000)
    soundfile.write(path / "3.wav", np.zeros(16000), 16000)
    soundfile.write(path / "4.wav", np.clip(9 * tone, -1, 1), 16000)
    soundfile.write(path / "5.wav", 9000 * tone, 16000, subtype="FLOAT")
    rows[2]["channel"] = 1
    write(path, rows)
    result = run(path)
    assert result.exit_code == 0
    shown = ["recordings per number of channels", "1: 3, 2: 3 (2 mixed down to one)"]
    assert shown in cells(result.stdout)
    odd = {"silent": "u3", "antiphase": "u1", "clipped": "u4", "integer scale": "u5"}
    for line, (kind, identity) in zip(result.stderr.splitlines(), odd.items(), strict=True):
        assert line.startswith(f"warning: {kind}: 1 recording, {identity} (")


def test_quick_opens_no_audio_and_says_so(run, folder):
    path, rows = folder
    rows[0]["duration"] = 2
    (path / "1.wav").write_bytes(b"no audio")
    (path / "2.wav").unlink()
    write(path, rows)
    result = run(path, "--quick")
    assert result.exit_code == 1
    assert f"{path}/manifest.jsonl:3: no audio file" in result.stderr
    assert result.stderr.splitlines()[-1] == "1 problem, listed above"
    assert "no audio was opened (--quick)" in result.stdout
    lines = cells(result.stdout)
    assert ["utterances", "5"] in lines
    assert ["hours", "0.00 (as stated, of 1 utterances)"] in lines
    assert run(path).stderr.splitlines()[-1] == "3 problems, listed above"


def test_what_a_target_cannot_learn_is_a_warning_or_with_the_target_a_problem(run, folder):
    path, rows = folder
    rows[0] |= {"text": "a tall ball", "duration": 0.4}  # 11 letters and two blanks, 11 states
    soundfile.write(path / "0.wav", np.full(6400, 0.1), 16000)
    write(path, rows)
    for options in ((), ("--quick",)):
        result = run(path, *options)
        assert result.exit_code == 0
        (line,) = result.stderr.splitlines()
        bound = " or ".join(t.name for t in TARGETS if t.frames_per_label)
        assert bound.startswith("ctc or hybrid")
        assert line.startswith(
            f"warning: too short for their transcripts, if the target is {bound}: "
            "1 recording, u0 (line 1) ("
        )
        for target, code in (("ctc", 1), ("hybrid", 1), ("rnnt", 0), ("las", 0)):
            result = run(path, *options, "--target", target)
            assert result.exit_code == code
            assert (f"manifest.jsonl:1: {target}: the transcript needs" in result.stderr) == code
    result = run(path, "--target", "whistle")
    assert isinstance(result.exception, OverheardError)
    assert "known: ctc, " in str(result.exception)


def test_many_lines_take_little_time_besides_decoding(run, folder):
    path, rows = folder
    write(path, [{**rows[1], "id": f"u{i}", "text": "YES, it is WELL-known"} for i in range(4000)])
    begin = time.process_time()
    assert run(path, "--quick").exit_code == 0
    # A twenty-fifth of 100,000 lines, which may take 20 s; four times that for a busy machine.
    assert time.process_time() - begin < 4 * 20 / 25


def test_the_same_corpus_from_every_working_folder(run, tmp_path, monkeypatch):
    chapter = tmp_path / "LibriSpeech" / "train-clean-5" / "84" / "121"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "84-121-0000.flac", np.full(8000, 0.1), 16000)
    (chapter / "84-121.trans.txt").write_bytes(b"\xef\xbb\xbf84-121-0000\tYES IT IS\r\n")
    (chapter / "._84-121.trans.txt").write_bytes(b"\0\5\x16\7 resource fork")
    (chapter / "._84-121-0000.flac").write_bytes(b"\0\5\x16\7 resource fork")
    (tmp_path / "link").symlink_to(chapter)
    (tmp_path / "LibriSpeech" / "SPEAKERS.TXT").write_text("84 | F | train-clean-5 | 1 | X\n")
    shown = set()
    for place in (chapter, *list(chapter.parents)[:3]):
        monkeypatch.chdir(place)
        shown |= {run(".").stdout, run(chapter).stdout, run(tmp_path / "link").stdout}
    (only,) = shown
    assert ["speakers", "1 (1 female)"] in cells(only)
    assert ["train", "1", "1", "0.00"] in cells(only)
