"""Real speech of a suite: filtered and drawn, and a key that leaves nothing is named."""

import pytest

from leaderboard.game.game import Game, GameError
from leaderboard.game.real_speech import first_transcribed, real_speech, told_apart
from leaderboard.spec.fields import SuiteError
from leaderboard.spec.load import parse_suite
from leaderboard.spec.speech import Speech
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import utterance
from tests.leaderboard.spec.test_suite import SMALL
from tests.targets.corpora.making import jsonl, sound

WORDS = ("go on", "stop it", "yes please", "no")


@pytest.fixture
def data(tmp_path):
    """A corpus sorted by word: of 4 speakers, each word once."""
    rows = []
    for number, word in enumerate(WORDS):
        for s in range(4):
            name = f"{number}-{s}.wav"
            sound(tmp_path / "words" / name, 0.5 + 0.1 * number)
            rows.append({"audio": name, "text": word, "speaker": f"s{s}", "split": "train"})
    jsonl(tmp_path / "words" / "manifest.jsonl", *rows)
    return tmp_path


def taken(data, seed=0, **keys):
    speech = Speech(source="words", **keys)
    return real_speech("private", speech, Randomness(seed), data)


def test_all_there_is_without_numbers(data):
    assert len(taken(data)) == len(taken(data, take="drawn")) == 16


def test_drawn_from_the_seed_over_words_and_speakers(data):
    drawn = taken(data, utterances=8, take="drawn")
    assert [u.id for u in drawn] == [u.id for u in taken(data, utterances=8, take="drawn")]
    assert [u.id for u in drawn] != [u.id for u in taken(data, 1, utterances=8, take="drawn")]
    assert sorted(u.speaker for u in drawn) == sorted(["s0", "s1", "s2", "s3"] * 2)
    first = taken(data, utterances=8)
    assert {u.text for u in first} == set(WORDS[:2])


def test_speakers_are_drawn(data):
    drawn = {frozenset(u.speaker for u in taken(data, seed, speakers=2, take="drawn"))
             for seed in range(8)}  # fmt: skip
    assert len(drawn) > 1
    assert {u.speaker for u in taken(data, speakers=2)} == {"s0", "s1"}


def test_who_keeps_a_transcript_is_drawn(data):
    drawn = taken(data, transcribed=4, take="drawn")
    assert len(drawn) == 16
    assert sorted(u.speaker for u in drawn if u.text) == ["s0", "s1", "s2", "s3"]
    assert [bool(u.text) for u in taken(data, transcribed=4)] == [True] * 4 + [False] * 12


def test_transcripts_are_withheld_from_the_end():
    spoken = [utterance(str(n), "on") for n in range(4)]
    assert [u.text for u in first_transcribed(spoken, 0)] == [""] * 4
    assert [u.text for u in first_transcribed(spoken, None)] == ["on"] * 4
    assert [u.text for u in first_transcribed(spoken, 3)] == ["on", "on", "on", ""]
    assert spoken[3].text == "on"


@pytest.mark.parametrize("name", ["public", "private", "test"])
def test_a_filter_that_leaves_nothing_is_named(data, name):
    speech = Speech(source="words", max_seconds=0.01)
    with pytest.raises(
        OverheardError, match=rf"^speech.{name}.max_seconds: 0.01 leaves no .* 0.50"
    ):
        real_speech(name, speech, Randomness(0), data)


@pytest.mark.parametrize(
    ("split", "message"), [("dev", "no utterance in split 'dev'"), ("dog", "unknown split 'dog'")]
)
def test_a_split_that_holds_nothing_is_named(data, split, message):
    with pytest.raises(OverheardError, match=rf"^speech.private: .*words: {message}"):
        taken(data, split=split)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OverheardError, match=r"words: no such corpus.*--data"):
        taken(tmp_path)


def test_a_suite_draws_unless_it_says_otherwise():
    few = SMALL.replace('source = "an4"\n', 'source = "an4"\nutterances = 9\n', 1)
    assert parse_suite("s", few).speech.private.take == "drawn"
    assert parse_suite("s", few).speech.test.take == "first"  # all of it, whichever
    told = few.replace("utterances = 9", 'utterances = 9\ntake = "first"')
    assert parse_suite("s", told).speech.private.take == "first"
    assert parse_suite("s", few).conditions.digest != parse_suite("s", told).conditions.digest


def test_what_a_record_from_before_says_stays_what_it_meant():
    before = {"source": "an4", "split": "train", "utterances": 9}
    speech = Speech(**before)
    assert speech.take == "first"
    assert "take" not in speech.model_dump(mode="json")
    assert Speech(**before, take="drawn").model_dump(mode="json")["take"] == "drawn"


@pytest.mark.parametrize("key", ['take = "drawn"', "max_seconds = 3"])
def test_embedded_speech_is_made_to_order(key):
    text = SMALL.replace("utterances = 16", f"utterances = 16\n{key}", 1)
    with pytest.raises(SuiteError, match="'embedded' is made to order"):
        parse_suite("s", text)


@pytest.fixture
def two(tmp_path):
    """Two corpora with files of the same names, one of which is the same recording."""
    for corpus, pitch in (("here", 300.0), ("there", 500.0)):
        for name in ("a", "b"):
            sound(tmp_path / corpus / f"{name}.wav", pitch=pitch)
        sound(tmp_path / corpus / "same.wav", pitch=400.0)
        names = ("a", "b", "same", f"only-{corpus}")
        sound(tmp_path / corpus / f"{names[-1]}.wav")
        rows = [
            {"audio": f"{n}.wav", "text": "go on", "speaker": f"{corpus}-{n}", "split": "train"}
            for n in names
        ]
        jsonl(tmp_path / corpus / "manifest.jsonl", *rows)

    def read(corpus):
        return real_speech("private", Speech(source=corpus), Randomness(0), tmp_path)

    return {"public": read("here"), "private": read("there"), "test": []}


def test_files_of_the_same_name_in_two_corpora_are_two_utterances(two):
    assert {u.id for u in two["public"]} & {u.id for u in two["private"]} == {"a", "b", "same"}
    apart = told_apart(two)
    assert [u.id for u in apart["public"]] == ["public/a", "public/b", "same", "only-here"]
    assert [u.id for u in apart["private"]] == ["private/a", "private/b", "same", "only-there"]
    for name, utterances in two.items():
        assert [u.samples.tolist() for u in apart[name]] == [u.samples.tolist() for u in utterances]


def test_a_recording_in_two_splits_is_refused_and_others_of_its_name_are_not(two):
    apart = told_apart(two)
    with pytest.raises(GameError, match="utterance same appears twice: in public and private"):
        Game.set_up(apart["public"], apart["private"], [], Randomness(0))
    whole = {name: [u for u in spoken if u.id != "same"] for name, spoken in two.items()}
    apart = told_apart(whole)
    game = Game.set_up(apart["public"], apart["private"], [], Randomness(0))
    assert len({u.id for u in (*game.public, *game.candidates)}) == 6
