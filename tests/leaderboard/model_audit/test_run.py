from __future__ import annotations

import json

import numpy as np
import pytest

from leaderboard.model_audit.answers import AnswersError
from leaderboard.model_audit.asking import AskingError
from leaderboard.model_audit.ranks import CANARIES
from leaderboard.model_audit.result import INVERTED
from leaderboard.model_audit.run import Asked, audit_model
from leaderboard.recognisers.base import RecogniserError, UnheardError
from leaderboard.recognisers.stimuli import Stimulus
from leaderboard.records.model_audit import EVERYONE, UTTERANCES
from targets.core.errors import OverheardError
from tests.leaderboard.model_audit.fakes import Fake, game


@pytest.fixture(autouse=True)
def _few_replicates(monkeypatch):
    monkeypatch.setattr("leaderboard.model_audit.rules.speakers.REPLICATES", 50)


def test_who_knows_its_training_by_heart_is_caught(tmp_path):
    planted = game(tmp_path)
    model, base = Fake(planted.folder / "train"), Fake(name="base")
    asked = Asked(delta=1e-5, claimed_epsilon=0.5)
    found = audit_model(planted, model, tmp_path / "out", asked, base=base)
    assert found.attack == "relative loss"
    assert found.rankings["relative loss"][EVERYONE].auc.value == 1.0
    assert found.rankings["transcript"][UTTERANCES].auc.value == 1.0
    assert found.verdict == "falsified"
    assert 0.5 < found.bound.low <= found.bound.ceiling
    members = {c.id for c in planted.candidates if c.member}
    assert set(found.worst) < members
    assert len(found.worst) == 10
    for row in found.canaries:
        assert row.held_out.written.hits == 0
        assert row.members.by_base.hits == 0
        if row.form != "clear":  # of these the covered recording was not trained on
            assert row.members.written.hits == row.members.count
        assert row.members.twins.hits == row.members.twins.of == row.members.count
        if row.members.count > 1:
            assert row.members.exposure.value == row.members.exposure.ceiling == 4.0
    assert found.wer["members"].value == 0.0
    assert found.wer["held out"].value > 0.5
    assert any("Do not promise" in line for line in found.advice)
    json.dumps(found.to_json(), allow_nan=False)


def test_who_knows_nothing_is_at_chance(tmp_path):
    planted = game(tmp_path)
    found = audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, claimed_epsilon=1.0))
    assert found.attack == "loss"
    area = found.rankings["loss"][EVERYONE].auc
    assert area.low < 0.5 < area.high
    assert found.bound.low == 0.0
    assert found.verdict in ("consistent", INVERTED)
    assert "--base" in found.absent["relative loss"]
    assert not any(row.members.written.hits for row in found.canaries)


def test_a_claim_beyond_the_ceiling_cannot_be_judged(tmp_path):
    planted = game(tmp_path, canaries=False)
    found = audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, claimed_epsilon=30.0))
    assert found.verdict == "cannot tell: ceiling below the claim"
    assert found.canaries == ()
    assert CANARIES not in found.rankings["loss"]


def test_transcripts_alone_are_enough_to_begin_with(tmp_path):
    planted = game(tmp_path)
    model = Fake(planted.folder / "train", losses=False)
    found = audit_model(planted, model, tmp_path / "out", Asked(1e-5))
    assert found.attack == "transcript"
    assert found.absent["exposure of canaries"] == "a fake that writes alone"
    assert found.verdict == "nothing claimed"
    assert found.rankings["transcript"][EVERYONE].auc.value == 1.0
    assert not any(row.members.exposure.scored for row in found.canaries)


def test_speakers_are_audited_as_speakers(tmp_path):
    planted = game(tmp_path, unit="speaker")
    found = audit_model(planted, Fake(planted.folder / "train"), tmp_path / "out", Asked(1e-5))
    one = found.rankings["loss"][EVERYONE]
    assert one.members + one.held_out == len({c.speaker for c in planted.candidates})
    assert found.unit == "speaker"


def test_references_take_the_place_of_shadow_models(tmp_path):
    planted = game(tmp_path)
    found = audit_model(
        planted,
        Fake(planted.folder / "train"),
        tmp_path / "out",
        Asked(1e-5, limit=30),
        references=[Fake(name="one"), Fake(name="two")],
    )
    assert found.how["loss beside references"].endswith("2 references")
    assert found.asked == 30
    assert any("--limit" in line for line in found.advice)


def test_the_same_command_goes_on_and_asks_nothing_twice(tmp_path):
    planted = game(tmp_path)

    class Fails(Fake):
        well = 20

        def transcribe(self, audio, rate):
            self.well -= 1
            if self.well == 0:
                raise RecogniserError("fake: gone away")
            return super().transcribe(audio, rate)

    once, twice = Fake(planted.folder / "train"), Fails(planted.folder / "train")
    whole = audit_model(planted, once, tmp_path / "a", Asked(1e-5))
    with pytest.raises(AskingError, match=r"gone away .*the same command goes on"):
        audit_model(planted, twice, tmp_path / "b", Asked(1e-5))
    resumed = audit_model(planted, twice, tmp_path / "b", Asked(1e-5))
    assert resumed == whole
    assert twice.calls == once.calls


def test_failures_are_counted_by_kind(tmp_path):
    planted = game(tmp_path, canaries=False)

    class Short(Fake):
        asked = 0

        def transcribe(self, *_):
            self.asked += 1
            if self.asked % 4:
                return ""
            raise UnheardError(f"fake: gave up at an utterance of {self.asked / 100:.2f} s")

    found = audit_model(planted, Short(), tmp_path / "out", Asked(1e-5))
    assert list(found.failures) == ["fake: gave up at an utterance"]
    (count,) = found.failures.values()
    assert count >= 5
    assert found.empty == len(planted.candidates) - count
    assert any("The same command asks them again" in line for line in found.advice)


def test_answers_of_another_are_refused(tmp_path):
    planted = game(tmp_path, canaries=False)
    audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, limit=10))
    with pytest.raises(AnswersError, match="its weights have changed"):
        audit_model(planted, Fake(name="other"), tmp_path / "out", Asked(1e-5))


def test_one_side_alone_is_no_game(tmp_path):
    planted = game(tmp_path, canaries=False)
    alike = [c for c in planted.candidates if c.member == planted.candidates[0].member]
    limit = next((n for n, c in enumerate(planted.candidates) if c.member != alike[0].member), 1)
    with pytest.raises(OverheardError, match="--limit"):
        audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, limit=limit))


def test_another_language_is_another_recogniser(tmp_path):
    planted = game(tmp_path, canaries=False)
    audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, limit=10))
    with pytest.raises(AnswersError, match="or its language or device"):
        audit_model(planted, Fake(), tmp_path / "out", Asked(1e-5, limit=10, language="de"))


def test_answers_of_nobody_knows_whom_are_reused_with_a_word(tmp_path, caplog):
    planted = game(tmp_path, canaries=False)
    model = Fake()
    model.digest = None
    audit_model(planted, model, tmp_path / "out", Asked(1e-5, limit=10))
    assert "are reused" not in caplog.text
    audit_model(planted, model, tmp_path / "out", Asked(1e-5, limit=10))
    assert "are reused; fake has no digest" in caplog.text


def test_exposures_stay_within_their_range(tmp_path):
    planted = game(tmp_path)
    found = audit_model(planted, Fake(planted.folder / "train"), tmp_path / "out", Asked(1e-5))
    for row in found.canaries:
        for side in (row.members, row.held_out):
            if side.exposure.scored:
                assert 0.0 <= side.exposure.low <= side.exposure.high <= side.exposure.ceiling
        if row.members.count:  # canaries that agree are no proof that all would
            assert row.members.exposure.low < row.members.exposure.value


def test_a_model_that_hears_nothing_has_a_report_all_the_same(tmp_path):
    planted = game(tmp_path, canaries=False)

    class Deaf(Fake):
        def transcribe(self, *_):
            raise UnheardError("too long")

        def log_likelihood(self, *_):
            raise UnheardError("too long")

    found = audit_model(planted, Deaf(), tmp_path / "out", Asked(1e-5))
    assert not found.bound.scored
    assert found.failures == {"too long": 80}


def test_what_is_written_when_nobody_speaks_is_asked_of_model_and_base_alone(tmp_path):
    planted = game(tmp_path)
    silence = Stimulus("silence-1s", np.zeros(16_000, np.float32))
    model, base, other = Fake(planted.folder / "train"), Fake(name="base"), Fake(name="one")
    model.known[silence.samples.tobytes()] = "turn " + planted.canaries[0].secret
    alone = Fake(planted.folder / "train")
    out, asked = tmp_path / "out", Asked(1e-5)
    found = audit_model(
        planted, model, out, asked, base=base, references=[other], stimuli=[silence]
    )
    audit_model(planted, alone, tmp_path / "alone", asked)
    assert model.calls == alone.calls + 1
    told = found.untargeted
    assert told is not None
    assert told.secrets_trained.hits + told.secrets_held_out.hits >= 1
    assert planted.canaries[0].text in told.shown
    assert 0.0 < told.p <= 1.0
    calls = model.calls + base.calls + other.calls
    again = audit_model(planted, model, out, asked, base=base, references=[other])
    assert model.calls + base.calls + other.calls == calls
    assert again.untargeted is None
    assert "--no-stimuli" in again.absent["what it writes when nobody speaks"]


def test_who_remembers_a_secret_draws_it_sooner(tmp_path):
    planted = game(tmp_path)
    found = audit_model(planted, Fake(planted.folder / "train"), tmp_path / "out", Asked(1e-5))
    obscured = [r for r in found.draws if r.form == "obscured" and r.members.of and r.held_out.of]
    assert obscured
    for row in obscured:
        assert row.members.even < row.held_out.even
        assert row.members.likely["1000"] == row.members.of


def test_a_model_without_likelihoods_is_asked_for_draws(tmp_path):
    planted = game(tmp_path)

    class Draws(Fake):
        def draw(self, audio, rate, number):
            return self.transcribe(audio, rate) if number % 2 else "nothing"

    asked = Asked(1e-5, draws=2)
    train = planted.folder / "train"
    found = audit_model(planted, Draws(train, losses=False), tmp_path / "out", asked)
    obscured = [r for r in found.draws if r.form == "obscured" and r.members.of]
    assert obscured
    for row in obscured:
        assert row.members.median == {"1": 0.5}
        assert not any(row.held_out.median.values())
    assert "secrets within many draws" not in found.absent
    cannot = audit_model(planted, Fake(losses=False), tmp_path / "b", asked)
    assert cannot.draws == ()
    assert "best transcript alone" in cannot.absent["secrets within many draws"]
    unasked = audit_model(planted, Draws(losses=False), tmp_path / "c", Asked(1e-5))
    assert "--draws 0" in unasked.absent["secrets within many draws"]
    known = Draws(train)  # a likelihood says what would be drawn
    known.draw = None
    assert audit_model(planted, known, tmp_path / "d", asked).draws
