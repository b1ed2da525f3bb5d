"""Common Voice: its own splits, else what was validated."""

import pytest

from targets.corpora.read import problems, read_corpus, recognised
from tests.targets.corpora.making import sound, text

HEADER = "client_id\tpath\tsentence\tup_votes\tgender\tlocale"


@pytest.fixture
def voices(tmp_path):
    for i in range(4):
        sound(tmp_path / "clips" / f"cv_en_{i}.mp3")
    text(
        tmp_path / "validated.tsv",
        HEADER,
        *(f's{i % 2}\tcv_en_{i}.mp3\tSay "this.\t2\t\ten' for i in range(4)),
    )
    text(tmp_path / "invalidated.tsv", HEADER, "s9\tnowhere.mp3\tnot this\t0\t\ten")
    return tmp_path


def split(folder, name, *numbers):
    rows = (f"s{i % 2}\tcv_en_{i}.mp3\tSay “this”!\t2\tmale_masculine\ten" for i in numbers)
    text(folder / f"{name}.tsv", HEADER, *rows)


def test_validated_clips_are_read(voices):
    assert recognised(voices) == "common-voice"
    corpus = read_corpus(voices)
    assert [(u.id, u.speaker, u.text) for u in corpus][:2] == [
        ("cv_en_0", "s0", "say this"),
        ("cv_en_1", "s1", "say this"),
    ]
    assert corpus.utterances[0].attributes["locale"] == "en"
    assert "split" not in corpus.utterances[0].attributes


def test_its_own_splits_come_first(voices):
    split(voices, "train", 0, 2)
    split(voices, "test", 1)
    assert problems(voices) == []
    assert [u.id for u in read_corpus(voices, split="train")] == ["cv_en_0", "cv_en_2"]
    (test,) = read_corpus(voices, split="test")
    assert test.attributes["gender"] == "male"
    assert len(read_corpus(voices / "validated.tsv")) == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s0\tcv_en_9.mp3\tYes\t2\t\ten", "no audio file"),
        ("s0\tcv_en_0.mp3\tYes\t2", "4 cells, where the header has 6"),
        ("\tcv_en_0.mp3\tYes\t2\t\ten", 'no speaker — add "client_id"'),
        ("s0\tcv_en_0.mp3\t\t2\t\ten", 'no text — add "sentence"'),
        ("s0\tcv_en_0.mp3\tYear 1999\t2\t\ten", "digit '1'"),
    ],
)
def test_what_is_wrong_is_named_by_line(voices, row, message):
    text(voices / "train.tsv", "\ufeff" + HEADER, "s1\tcv_en_1\tearly names\t2\t\ten", row)
    (found,) = problems(voices)
    assert str(found).startswith(f"{voices / 'train.tsv'}:3: ")
    assert message in str(found)
