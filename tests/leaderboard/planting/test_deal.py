from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from leaderboard.planting.canaries import Wanted
from leaderboard.planting.deal import plant
from leaderboard.planting.planted import PlantedError, read_planted
from leaderboard.planting.tables import FORMATS
from targets.corpora.entry import CorpusError
from targets.corpora.read import read_corpus
from tests.leaderboard.planting.small import corpus, deal

SECRETS = Wanted(12, ("pin4", "name"), (1, 3), ("clear", "obscured", "mislabelled"), 3)


@pytest.mark.parametrize("form", FORMATS)
def test_our_own_readers_read_what_is_trained_on(tmp_path, form):
    plant(corpus(tmp_path / "c"), tmp_path / "p", deal(format=form), seed=1)
    members = [c for c in read_planted(tmp_path / "p").candidates if c.member]
    read = {u.id: u for u in read_corpus(tmp_path / "p" / "train")}
    assert read.keys() == {c.id for c in members}
    for c in members:
        assert read[c.id].speaker == c.speaker
        assert read[c.id].text == c.text.lower()
        samples, rate = soundfile.read(c.audio, dtype="float32")
        assert rate == 16_000
        assert np.array_equal(read[c.id].samples, samples)


def test_what_is_held_out_is_not_trained_on(tmp_path):
    folder = tmp_path / "p"
    dealt = plant(corpus(tmp_path / "c"), folder, deal(), seed=1)
    game = read_planted(folder)
    assert (dealt.candidates, dealt.coins, dealt.left_out) == (40, 40, 2)
    assert {c.source for c in game.candidates} == {f"said-{n:03d}" for n in range(40)}
    said = "".join(p.read_text() for p in (folder / "train").glob("*.jsonl"))
    said += (folder / "planted.json").read_text()
    said += " ".join(p.name for p in (folder / "train").rglob("*"))
    for c in game.candidates:
        assert c.member == (c.id in said)
        assert c.source not in said
        assert c.audio.is_relative_to(folder / ("train" if c.member else "secret"))
    assert str(game.seed) not in json.loads((folder / "planted.json").read_text()).values()


def test_coins_are_fair_and_names_say_nothing_of_them(tmp_path):
    folder = corpus(tmp_path / "c", count=40)
    heads, first_half = [], []
    for seed in range(4):
        out = tmp_path / f"p{seed}"
        plant(folder, out, deal(), seed=seed)
        candidates = read_planted(out).candidates
        coins = np.array([c.member for c in candidates])
        heads.append(coins.mean())
        first_half.append(coins[:20].mean() - coins[20:].mean())
    # 160 coins: four standard errors of 0.04, of a difference of halves twice that.
    assert abs(np.mean(heads) - 0.5) < 0.16
    assert abs(np.mean(first_half)) < 0.32


def test_the_same_seed_deals_the_same_and_another_does_not(tmp_path):
    folder = corpus(tmp_path / "c")
    digests = []
    for n, seed in enumerate((1, 1, 2)):
        plant(folder, tmp_path / f"p{n}", deal(), seed=seed)
        digests.append(read_planted(tmp_path / f"p{n}").digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_speaker_has_one_coin(tmp_path):
    dealt = plant(corpus(tmp_path / "c"), tmp_path / "p", deal(unit="speaker"), seed=3)
    assert dealt.coins == 8
    game = read_planted(tmp_path / "p")
    assert game.unit == "speaker"
    assert len({(c.unit, c.member) for c in game.candidates}) == 8
    assert all(c.unit == c.speaker for c in game.candidates)
    assert {c.attributes["gender"] for c in game.candidates} == {"female", "male"}


def test_a_part_may_stay_out_of_the_game(tmp_path):
    dealt = plant(corpus(tmp_path / "c"), tmp_path / "p", deal(audit_fraction=0.5), seed=1)
    assert dealt.candidates + dealt.always == 40
    assert 8 < dealt.candidates < 32
    trained = read_corpus(tmp_path / "p" / "train")
    members = sum(c.member for c in read_planted(tmp_path / "p").candidates)
    assert len(trained) == dealt.always + members


def test_canaries_are_said_as_often_as_they_should(tmp_path):
    dealt = plant(corpus(tmp_path / "c"), tmp_path / "p", deal(canaries=SECRETS), seed=2)
    assert (dealt.canaries, dealt.candidates, dealt.coins) == (12, 52, 46)
    game = read_planted(tmp_path / "p")
    trained = read_corpus(tmp_path / "p" / "train")
    for c in game.canaries:
        assert c.secret in c.text
        assert c.secret not in c.twin
        times = sum(u.text == c.text for u in trained)
        assert times == (c.repetitions if c.member else 0)
        assert (c.covered is None) == (c.form == "mislabelled")
        if c.form == "obscured":
            assert c.covered is not None
            assert c.covered.read_bytes() == c.audio.read_bytes()
    assert {c.form for c in game.canaries} == {"clear", "obscured", "mislabelled"}
    assert len({c.text for c in game.canaries} | {c.twin for c in game.canaries}) == 24


def test_canaries_speak_in_capitals_where_the_corpus_does(tmp_path):
    folder = corpus(tmp_path / "c")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("Turn LEFT", "TURN LEFT"))
    plant(folder, tmp_path / "p", deal(canaries=Wanted(2, ("pin",), (1,), ("clear",), 1)), seed=2)
    assert all(c.text == c.text.upper() for c in read_planted(tmp_path / "p").candidates)


def test_nothing_is_left_of_a_deal_that_fails(tmp_path):
    folder = corpus(tmp_path / "c")
    (folder / "said-030.flac").write_bytes(b"no audio")
    with pytest.raises(CorpusError, match=r"manifest.jsonl:31"):
        plant(folder, tmp_path / "p", deal(), seed=1)
    with pytest.raises(CorpusError, match="no utterance in split 'dev'"):
        plant(folder, tmp_path / "p", deal(split="dev"), seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_game_without_two_sides_is_refused(tmp_path):
    with pytest.raises(PlantedError, match="one side empty"):
        plant(corpus(tmp_path / "c", count=1), tmp_path / "p", deal(), seed=1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"audit_fraction": 0.0}, "--audit-fraction 0"),
        ({"delta": 1.0}, "--delta 1"),
        ({"claimed_epsilon": float("nan")}, "--claimed-epsilon nan"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, says):
    with pytest.raises(PlantedError, match=says):
        deal(**changes)


def test_neither_times_nor_rights_tell_of_the_coins(tmp_path):
    plant(corpus(tmp_path / "c"), tmp_path / "p", deal(canaries=SECRETS), seed=2)
    assert len({path.stat().st_mtime for path in (tmp_path / "p").rglob("*")}) == 1
    assert (tmp_path / "p" / "secret").stat().st_mode & 0o777 == 0o700


def test_a_game_inside_its_corpus_is_refused(tmp_path):
    folder = corpus(tmp_path / "c")
    with pytest.raises(PlantedError, match="is inside the corpus"):
        plant(folder, folder / "p", deal(), seed=2)
