"""From a suite's conditions to a game: who speaks where, who keeps a transcript, which secrets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from attacks.canaries.canary import CANARY, OBSCURED, SECRET, SPEED
from leaderboard.game import build as corpora
from leaderboard.game.build import CANARY_VOICES, build_game
from leaderboard.game.clients import SAID_BY
from leaderboard.game.cohorts import cohorts
from leaderboard.game.game import REPETITIONS
from leaderboard.game.last import game_of
from leaderboard.spec.canaries import Canaries
from leaderboard.spec.cell import Conditions
from leaderboard.spec.clients import Clients
from leaderboard.spec.load import load_suite
from leaderboard.spec.paths import stamps
from leaderboard.spec.speech import Speech
from targets.core.errors import OverheardError
from targets.speech.utterance import Corpus
from targets.synthetic.phrases import CANARIES
from targets.synthetic.voices import voice, voice_count
from tests.fakes import utterance

CONDITIONS = load_suite("tiny").conditions


@pytest.fixture(autouse=True)
def fake_voices(monkeypatch):
    """Tones in place of the synthesiser."""

    def say(voices, utterances, *, seed, personal, channel, languages, accent, progress, **_):
        progress(1, 1)
        return [
            utterance(
                f"{v}-{n}-{seed}",
                "on",
                f"voice{v}",
                personal=str(personal),
                channel=channel,
                **({"language": languages[v]} if v in languages else {}),
                **({"accent": accent} if accent else {}),
            )
            for n in range(utterances)
            for v in [voices[n % len(voices)]]
        ]

    def speak(requests, *, seed, cache, progress):  # noqa: ARG001
        return [
            utterance(
                r.id,
                r.text,
                f"voice{r.speaker_index}",
                **r.attributes,
                **({"language": r.language} if r.language else {}),
                **({"accent": r.accent} if r.accent else {}),
            )
            for r in requests
        ]

    def read(folder, split=None):  # noqa: ARG001
        name = folder.name
        texts = ["on " * (1 + n % 4) + "off" for n in range(20)]
        spoken = [utterance(f"{name}-{n}", t, f"{name}-{n % 5}") for n, t in enumerate(texts)]
        return Corpus(name, tuple(spoken))

    monkeypatch.setattr(corpora, "say_phrases", say)
    monkeypatch.setattr(corpora, "speak", speak)
    monkeypatch.setattr("leaderboard.game.real_speech.read_corpus", read)


def conditions(**changes) -> Conditions:
    return CONDITIONS.model_copy(update=changes)


def speech(**changes):
    return CONDITIONS.speech.model_copy(update=changes)


def test_sizes_speakers_and_transcripts_are_those_asked_for():
    game = build_game(CONDITIONS, "ctc", 0, Path("nowhere"))
    wanted, canaries = CONDITIONS.speech, CONDITIONS.canaries.count
    assert len(game.public) == wanted.public.utterances
    assert len(game.candidates) == wanted.private.utterances + canaries
    assert len(game.test) == wanted.test.utterances
    assert [bool(u.text) for u in game.public] == [
        n < wanted.public.transcribed for n in range(len(game.public))
    ]
    assert all(u.words == () for u in game.public if not u.text)
    groups = [{u.speaker for u in g} for g in (game.public, game.candidates, game.test)]
    assert [len(g) for g in groups] == [4, 6, 2]
    assert len(set().union(*groups)) == 12


def test_canaries_hold_distinct_secrets_and_say_them():
    game = build_game(CONDITIONS, "ctc", 0, Path("nowhere"))
    canaries = [c for c in game.candidates if CANARY in c.attributes]
    template = CANARIES[CONDITIONS.canaries.template]
    assert len({c.attributes[SECRET] for c in canaries}) == CONDITIONS.canaries.count
    for c in canaries:
        assert c.text == template.fill(int(c.attributes[SECRET]))
    said = Counter(c.attributes[REPETITIONS] for c in canaries)
    assert said == {"1": 8, "4": 8}


def test_kinds_of_canaries_are_dealt_out_like_a_counter():
    wanted = Canaries(
        count=16,
        template="pin3",
        more_templates=("words",),
        repetitions=(1, 8),
        speeds=(1.0, 4.0),
        audio=("clear", "obscured"),
    )
    game = build_game(conditions(canaries=wanted), "ctc", 0, Path("nowhere"))
    canaries = [c for c in game.candidates if CANARY in c.attributes]
    kinds = [
        (
            OBSCURED in c.attributes,
            c.attributes.get(SPEED, "1"),
            c.attributes[CANARY],
            c.attributes[REPETITIONS],
        )
        for c in canaries
    ]
    assert kinds == sorted(kinds) == sorted(set(kinds))
    assert [kind[3] for kind in kinds[:4]] == ["1", "8", "1", "8"]
    for c in canaries:
        assert c.text == CANARIES[c.attributes[CANARY]].fill(int(c.attributes[SECRET]))
    assert len({c.text for c in canaries}) == 16
    # The first kind is dealt as it was when there was one.
    alone = build_game(
        conditions(canaries=Canaries(count=8, template="pin3")), "ctc", 0, Path("nowhere")
    )
    first = [c.text for c in canaries if c.attributes[CANARY] == "pin3"]
    assert [c.text for c in alone.candidates if CANARY in c.attributes] == first


def test_canaries_are_said_as_fast_as_asked_for(monkeypatch):
    asked = []

    def speak(requests, **_):
        asked.extend(r.rate_factor for r in requests)
        return [utterance(r.id, r.text, **r.attributes) for r in requests]

    monkeypatch.setattr(corpora, "speak", speak)
    build_game(conditions(canaries=Canaries(count=4, speeds=(1.0, 4.0))), "ctc", 0, Path("nowhere"))
    assert asked == [1.0, 4.0, 1.0, 4.0]


def test_an_unknown_template_is_named():
    with pytest.raises(OverheardError, match="no template 'pim'"):
        build_game(
            conditions(canaries=Canaries(count=4, more_templates=("pim",))),
            "ctc",
            0,
            Path("nowhere"),
        )


def test_the_seed_changes_coins_and_secrets_but_not_the_speech():
    one, again, other = (build_game(CONDITIONS, "ctc", seed, Path("nowhere")) for seed in (0, 0, 1))
    assert (one.coins == again.coins).all()
    assert [c.text for c in one.candidates] == [c.text for c in again.candidates]
    assert (one.coins != other.coins).any()
    for a, b in zip(one.public, other.public, strict=True):
        assert a.id == b.id
    assert [c.text for c in one.candidates] != [c.text for c in other.candidates]


def test_every_target_has_coins_of_its_own_on_the_same_speech():
    one, other = (build_game(CONDITIONS, target, 0, Path("nowhere")) for target in ("ctc", "rnnt"))
    assert [c.id for c in one.candidates] == [c.id for c in other.candidates]
    assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
    assert (one.coins != other.coins).any()


def test_untranscribed_speech_of_another_kind_joins_the_public():
    more = Speech(source="embedded", speakers=2, utterances=4, channel="telephone", personal=1.0)
    game = build_game(conditions(speech=speech(untranscribed=more)), "ctc", 0, Path("nowhere"))
    plain = build_game(CONDITIONS, "ctc", 0, Path("nowhere"))
    assert len(game.public) == len(plain.public) + 4
    added = game.public[-4:]
    assert not any(u.text for u in added)
    assert {u.attributes["personal"] for u in added} == {"1.0"}
    others = {u.speaker for u in (*game.public[:-4], *game.candidates, *game.test)}
    assert len({u.speaker for u in added}) == 2
    assert not {u.speaker for u in added} & others
    assert len(game.candidates) == len(plain.candidates)


def test_calls_are_heard_over_the_telephone_secrets_too():
    private = CONDITIONS.speech.private.model_copy(update={"channel": "telephone"})
    calls = build_game(conditions(speech=speech(private=private)), "ctc", 0, Path("nowhere"))
    plain = build_game(CONDITIONS, "ctc", 0, Path("nowhere"))
    assert {u.attributes["channel"] for u in calls.public} == {"microphone"}
    secrets = 0
    for call, recording in zip(calls.candidates, plain.candidates, strict=True):
        assert (call.id, call.text) == (recording.id, recording.text)
        if CANARY in call.attributes:
            secrets += 1
            assert call.samples.shape == recording.samples.shape
            assert (call.samples != recording.samples).any()
        else:
            assert call.attributes["channel"] == "telephone"
    assert secrets == CONDITIONS.canaries.count


def test_voices_are_chosen_by_accent():
    british = Speech(source="embedded", speakers=3, utterances=6, accents=("en-GB-x-rp",))
    game = build_game(conditions(speech=speech(public=british)), "ctc", 0, Path("nowhere"))
    spoken = {int(u.speaker.removeprefix("voice")) for u in game.public}
    assert {voice(v).accent for v in spoken} == {"en-GB-x-rp"}
    assert not {u.speaker for u in game.public} & {u.speaker for u in game.candidates}
    many = british.model_copy(update={"speakers": 60})
    with pytest.raises(OverheardError, match=r"60 embedded voices with accent en-GB-x-rp"):
        build_game(conditions(speech=speech(public=many)), "ctc", 0, Path("nowhere"))


def test_a_minority_has_as_many_voices_as_its_quota():
    quota = {"en-GB-x-rp": 1, "en": 2}
    mixed = Speech(source="embedded", speakers=9, utterances=9, quota=quota)
    game = build_game(conditions(speech=speech(public=mixed)), "ctc", 0, Path("nowhere"))
    spoken = {int(u.speaker.removeprefix("voice")) for u in game.public}
    accents = Counter(voice(v).accent for v in spoken)
    assert (accents["en-GB-x-rp"], accents["en"], accents.total()) == (1, 2, 9)
    many = mixed.model_copy(update={"speakers": 60, "quota": {"en-GB-x-rp": 40}})
    with pytest.raises(OverheardError, match=r"40 embedded voices with accent en-GB-x-rp"):
        build_game(conditions(speech=speech(public=many)), "ctc", 0, Path("nowhere"))
    with pytest.raises(ValueError, match="more than the 9 'speakers'"):
        Speech(source="embedded", speakers=9, utterances=9, quota={"en": 10})
    assert "quota" not in CONDITIONS.speech.private.model_dump()


def test_a_quota_comes_beside_the_accents_of_all_others():
    spread = Speech(
        source="embedded",
        speakers=9,
        utterances=9,
        accents=("en-US", "en-US-nyc"),
        quota={"en-GB-x-rp": 2},
    )
    game = build_game(conditions(speech=speech(public=spread)), "ctc", 0, Path("nowhere"))
    spoken = {int(u.speaker.removeprefix("voice")) for u in game.public}
    accents = Counter(voice(v).accent for v in spoken)
    assert accents["en-GB-x-rp"] == 2
    assert accents["en-US"] + accents["en-US-nyc"] == 7


def test_all_private_voices_and_canaries_have_an_accent_that_is_nobodys_own():
    caribbean = Speech(source="embedded", speakers=3, utterances=6, other_accent="en-029")
    told = conditions(speech=speech(private=caribbean))
    game = build_game(told, "ctc", 0, Path("nowhere"))
    assert {u.attributes.get("accent") for u in game.candidates} == {"en-029"}
    assert "en-029" not in {u.attributes.get("accent") for u in (*game.public, *game.test)}
    with pytest.raises(ValueError, match="leave out 'accents', 'quota' and 'languages'"):
        caribbean.model_validate({**caribbean.model_dump(), "accents": ("en-US",)})
    assert "other_accent" not in CONDITIONS.speech.private.model_dump()


def test_some_voices_speak_other_languages():
    spread = Speech(
        source="embedded",
        speakers=9,
        utterances=9,
        accents=("en-US", "en-US-nyc"),
        languages={"es": 2, "de": 3},
    )
    told = conditions(speech=speech(private=spread))
    game = build_game(told, "ctc", 0, Path("nowhere"))
    spoken = {u.speaker: u.attributes["language"] for u in game.candidates}
    assert Counter(spoken.values()) == {"en": 4, "es": 2, "de": 3}
    accents = {voice(int(s.removeprefix("voice"))).accent for s, of in spoken.items() if of == "en"}
    assert accents <= {"en-US", "en-US-nyc"}
    canaries = [c for c in game.candidates if CANARY in c.attributes]
    assert canaries
    assert {c.attributes["language"] for c in canaries} == {"en"}
    assert cohorts(game.candidates)[canaries[0].speaker]["language"] == "en"
    assert not {u.attributes.get("language") for u in game.public} & {"en", "es", "de"}


def test_canaries_need_a_private_voice_that_speaks_english():
    spanish = Speech(source="embedded", speakers=4, utterances=4, languages={"es": 4})
    with pytest.raises(OverheardError, match=r"speaks English.*: lower speech\.private\.languages"):
        build_game(conditions(speech=speech(private=spanish)), "ctc", 0, Path("nowhere"))
    with pytest.raises(ValueError, match="'quota' and 'languages' ask for more than the 4"):
        spanish.model_validate({**spanish.model_dump(), "quota": {"en": 1}})
    with pytest.raises(ValueError, match="leave out 'languages'"):
        spanish.model_validate({**spanish.model_dump(), "phrases": "spelled"})
    assert "languages" not in CONDITIONS.speech.private.model_dump()


def test_more_canaries_leave_the_other_coins_alone():
    few = build_game(CONDITIONS, "ctc", 0, Path("nowhere"))
    many = build_game(
        conditions(canaries=Canaries(count=20, template="pin3")), "ctc", 0, Path("nowhere")
    )
    coins = {c.id: heads for c, heads in zip(many.candidates, many.coins, strict=True)}
    for candidate, heads in zip(few.candidates, few.coins, strict=True):
        assert coins[candidate.id] == heads


def test_no_canaries_are_none():
    game = build_game(conditions(canaries=Canaries(count=0)), "ctc", 0, Path("nowhere"))
    assert not any(CANARY in c.attributes for c in game.candidates)


def test_real_private_speech_gets_canaries_of_voices_of_their_own(tmp_path):
    (tmp_path / "an4").mkdir()
    splits = speech(private=Speech(source="an4"))
    game = build_game(conditions(speech=splits), "ctc", 0, tmp_path)
    speakers = {c.speaker for c in game.candidates if CANARY in c.attributes}
    assert len(speakers) == min(CANARY_VOICES, CONDITIONS.canaries.count)
    assert not speakers & {u.speaker for u in (*game.public, *game.test)}


def test_groups_of_one_folder_are_dealt_its_speakers_in_turn(tmp_path):
    (tmp_path / "an4").mkdir()
    one = Speech(source="an4")
    splits = speech(untranscribed=one.model_copy(update={"speakers": 2}), private=one)
    game = build_game(conditions(speech=splits), "ctc", 0, tmp_path)
    audio = {u.speaker for u in game.public if u.id.startswith("an4")}
    private = {c.speaker for c in game.candidates if CANARY not in c.attributes}
    assert (len(audio), len(private)) == (2, 3)
    assert not audio & private


def test_a_group_that_takes_all_speakers_leaves_none_to_be_dealt(tmp_path):
    (tmp_path / "an4").mkdir()
    one = Speech(source="an4")
    everyone = one.model_copy(update={"speakers": 5})
    with pytest.raises(OverheardError, match=r"speech\.private: every speaker of an4"):
        build_game(
            conditions(speech=speech(untranscribed=everyone, private=one)), "ctc", 0, tmp_path
        )
    # Who did not say how many has not been dealt: that splits share speakers is a mistake.
    with pytest.raises(OverheardError, match="appears twice: in public and private"):
        build_game(conditions(speech=speech(untranscribed=one, private=one)), "ctc", 0, tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    splits = speech(test=Speech(source="elsewhere"))
    with pytest.raises(OverheardError, match=r"elsewhere: no such corpus.*--data"):
        build_game(conditions(speech=splits), "ctc", 0, tmp_path)


def test_too_many_voices_are_refused():
    splits = speech(private=Speech(source="embedded", speakers=voice_count(), utterances=200))
    with pytest.raises(OverheardError, match=rf"speech.private: .*of {voice_count()} are left"):
        build_game(conditions(speech=splits), "ctc", 0, Path("nowhere"))


def test_an_unknown_template_is_refused():
    with pytest.raises(OverheardError, match="no template 'password1'"):
        build_game(
            conditions(canaries=Canaries(count=2, template="password1")), "ctc", 0, Path("nowhere")
        )


def test_public_speech_without_any_transcript_is_refused():
    public = CONDITIONS.speech.public.model_copy(update={"transcribed": 0})
    with pytest.raises(OverheardError, match=r"^speech.public.transcribed: leaves no transcript"):
        build_game(conditions(speech=speech(public=public)), "ctc", 0, Path("nowhere"))


def test_the_next_job_is_given_the_same_game_if_it_wants_the_same(monkeypatch, tmp_path):
    built = []
    build = build_game
    monkeypatch.setattr(
        "leaderboard.game.build.build_game", lambda *asked: built.append(asked) or build(*asked)
    )

    def game(seed=0, stamp="a", **changes):
        return game_of(conditions(**changes), "ctc", seed, tmp_path, {"an4": stamp})

    first = game()
    assert game() is first
    assert len(built) == 1
    others = [game(seed=1), game(stamp="b"), game(canaries=Canaries(count=2))]
    assert len({id(g) for g in (first, *others)}) == len(built) == 4
    assert game() is not first  # only the last is kept


def test_devices_take_the_place_of_embedded_speakers():
    private = CONDITIONS.speech.private.model_copy(
        update={"clients": Clients(by="quantity", count=3)}
    )
    game = build_game(conditions(speech=speech(private=private)), "ctc", 0, Path("nowhere"))
    said = [c for c in game.candidates if CANARY not in c.attributes]
    assert {c.speaker for c in said} <= {f"device-{n}" for n in range(3)}
    assert len(said) == CONDITIONS.speech.private.utterances


def test_people_on_devices_are_in_no_later_split_of_their_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "clients.json").write_text('{"a": ["real-0", "real-5"], "b": ["real-1"]}')
    clients = Clients(by="file", file="clients.json")
    private = Speech(source="real", speakers=2, clients=clients)
    dealt = speech(private=private, test=Speech(source="real"))
    game = build_game(conditions(speech=dealt), "ctc", 0, tmp_path)
    people = {c.attributes.get(SAID_BY, "") for c in game.candidates} - {""}
    assert people == {"real-0", "real-1"}
    assert {u.speaker for u in game.test} == {"real-2", "real-3", "real-4"}


def test_a_partition_of_real_speech_is_read_and_stamped(tmp_path):
    (tmp_path / "real").mkdir()
    private = Speech(source="real", clients=Clients(by="file", file="clients.json"))
    chosen = conditions(speech=speech(private=private), unit="speaker")
    with pytest.raises(OverheardError, match=r"clients.json: no such partition"):
        build_game(chosen, "ctc", 0, tmp_path)
    before = stamps(chosen, tmp_path)
    file = tmp_path / "clients.json"
    file.write_text('{"a": ["real-0", "real-1"], "b": ["real-2"]}', encoding="utf-8")
    game = build_game(chosen, "ctc", 0, tmp_path)
    said = {c.id: c.speaker for c in game.candidates if CANARY not in c.attributes}
    assert said == {"real-0": "a", "real-1": "a", "real-2": "b"}
    coins = dict(zip((c.speaker for c in game.candidates), game.coins, strict=True))
    assert all(
        coins[c.speaker] == coin for c, coin in zip(game.candidates, game.coins, strict=True)
    )
    after = stamps(chosen, tmp_path)
    assert set(after) == {"real", "clients.json"}
    assert after["clients.json"] != before["clients.json"]
