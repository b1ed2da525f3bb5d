"""A manifest that says something clear is read, however it says it."""

import pytest

from targets.corpora.read import problems, read_corpus
from tests.targets.corpora.making import jsonl, sound, text


@pytest.fixture
def row(tmp_path):
    sound(tmp_path / "a.wav", 1.0)
    return {"audio_filepath": "a.wav", "text": "yes", "speaker": "s"}


@pytest.mark.parametrize(
    "change",
    [
        {"offset": None, "duration": 1.0},
        {"offset": "0.0", "duration": "1.0"},
        {"duration": "1.0"},
        {"duration": " 1 "},
        {"duration": ""},
        {"audio_filepath": None, "audio": "a.wav"},
        {"audio_filepath": {"path": "a.wav", "bytes": None}},
        {"channel": 0},
        {"channel": "0"},
        {"channel": [0]},
        {"channel": 0.0},
        {"channel_selector": "average"},
        {"id": None},
        {"split": None, "gender": None},
    ],
)
def test_what_is_clear_is_read(tmp_path, row, change):
    jsonl(tmp_path / "manifest.jsonl", {**row, **change})
    assert problems(tmp_path) == []
    (heard,) = read_corpus(tmp_path)
    assert (heard.id.removesuffix("@0.0"), len(heard.samples)) == ("a", 16_000)


@pytest.mark.parametrize(
    ("speaker", "name"), [(84, "84"), (84.0, "84"), (" s 1 ", "s 1"), ("a/b", "a/b"), (0, "0")]
)
def test_speakers_that_are_named(tmp_path, row, speaker, name):
    jsonl(tmp_path / "manifest.jsonl", {**row, "speaker": speaker})
    assert read_corpus(tmp_path).speakers == (name,)


@pytest.mark.parametrize(
    "speaker", [None, "", " ", [1], True, {"id": 1}, 0.5, "a\nb", float("nan")]
)
def test_speakers_that_are_not(tmp_path, row, speaker):
    jsonl(tmp_path / "manifest.jsonl", {**row, "speaker": speaker})
    (found,) = problems(tmp_path)
    assert "speaker" in str(found)
    assert found.line == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channel": 1}, "has 1 channel, none of number 1"),
        ({"channel": [0, 1]}, "channel [0, 1] is no channel"),
        ({"channel": -1}, "channel -1 is no channel"),
        ({"channel": True}, "channel True is no channel"),
        ({"offset": True}, "offset True is no time"),
        ({"duration": [1]}, "duration [1] is no time"),
        ({"audio_filepath": "https://host/a.wav"}, "is an address"),
        ({"audio_filepath": {"bytes": "UklGRg=="}}, "no audio"),
        ({"audio_filepath": {"array": [0.1] * 999}, "id": "x"}, "has no sampling_rate"),
        ({"audio_filepath": {"array": ["x"], "sampling_rate": 8000}, "id": "x"}, "no numbers"),
        ({"audio_filepath": {"array": [0.1], "sampling_rate": 8000}}, "no id"),
        ({"id": [1]}, "id [1] is no name"),
    ],
)
def test_what_is_not_has_its_line(tmp_path, row, change, message):
    jsonl(tmp_path / "manifest.jsonl", {**row, "id": "first"}, {**row, **change})
    (found,) = problems(tmp_path)
    assert message in str(found)
    assert found.line == 2


def test_an_array_of_samples_is_read(tmp_path, row):
    audio = {"array": [0.1, -0.1] * 4000, "sampling_rate": 8000}
    jsonl(tmp_path / "manifest.jsonl", {**row, "id": "x", "audio_filepath": audio})
    (heard,) = read_corpus(tmp_path)
    assert heard.duration == 1.0


def test_two_channels_are_two_speakers(tmp_path, row):
    jsonl(tmp_path / "manifest.jsonl", {**row, "channel": 0}, {**row, "channel": 1, "speaker": "t"})
    (found,) = problems(tmp_path)
    assert (found.line, "none of number 1" in found.message) == (2, True)


@pytest.mark.parametrize("name", ["manifest.json", "x.json", "x.jsonl"])
@pytest.mark.usefixtures("row")
def test_an_array_is_read_and_its_rows_have_lines(tmp_path, name):
    body = '"audio": "a.wav", "text": "yes", "speaker": "s"'
    lines = ["\ufeff[", f" {{{body}}},", " {", f'  {body}, "id": "b",', '  "split": "x"', " }"]
    path = text(tmp_path / name, *lines, "]")
    (found,) = problems(path)
    assert str(found).startswith(f"{path}:3: unknown split 'x'")
    for end, message in (
        (["", "{}"], "no , or ]"),
        (["]", "{}"], "something follows the array"),
        ([",", "{]"], "not JSON"),
        ([",", "7]"], "not a JSON object"),
        ([], "no , or ]"),
    ):
        found = problems(text(path, *lines, *end))
        assert message in str(found[-1])
        assert found[-1].line >= 6


def test_packed_manifests_are_read(tmp_path, row):
    assert len(read_corpus(jsonl(tmp_path / "x.jsonl.gz", row))) == 1


def test_a_duplicate_in_another_file_names_that_file(tmp_path):
    for chapter in ("1", "2"):
        sound(tmp_path / "84" / chapter / "u.flac")
        text(tmp_path / "84" / chapter / f"84-{chapter}.trans.txt", "u YES")
    (found,) = problems(tmp_path)
    first = tmp_path / "84" / "1" / "84-1.trans.txt"
    assert f"duplicate id 'u', first at {first}:1" in str(found)
