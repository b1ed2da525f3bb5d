"""Submissions: what is read of a file, what the sandbox is given of speech."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from dp_accounting import GaussianDpEvent
from safetensors.torch import load, save

from attacks.base import Weights
from defenses.accounting.event_json import event_to_json
from defenses.dpsgd.scheme import EDPSGD
from leaderboard.game.game import REPETITIONS
from leaderboard.spec.load import load_suite
from leaderboard.submissions import sandbox
from leaderboard.submissions.defense_runs import keep, label_of, submission_of, submitted_cells
from leaderboard.submissions.exchange import MOST_HEADER
from leaderboard.submissions.limits import LIMITS, DisqualifiedError, SubmissionFailedError
from leaderboard.submissions.sandbox_worker import ACCESS, EVENT, SCORES, UNIT, WEIGHTS
from leaderboard.submissions.sandboxed import SandboxedAttack, SandboxedDefense
from leaderboard.submissions.submission import (
    Submission,
    SubmissionError,
    check_source,
    read_submission,
)
from targets.core.randomness import Randomness
from tests.fakes import canary, recipe_for, speech

TINY = load_suite("tiny")

GOOD = """
from dataclasses import dataclass
from defenses.dpsgd.scheme import EDPSGD

@dataclass(frozen=True)
class Mine:
    epsilon: float = 3.0

    def train(self, recipe, members, public, rng):
        return EDPSGD(self.epsilon, epochs=1, batch_size=4).train(recipe, members, public, rng)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    return path


def test_a_file_and_a_class_with_settings(mine):
    read = read_submission(f"{mine}:Mine", "defense", ["epsilon=1.5", "fast=true", "how=well"])
    assert (read.file, read.name, read.source) == ("mine.py", "Mine", GOOD)
    assert read.settings == {"epsilon": 1.5, "fast": True, "how": "well"}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mine.py", "like mine.py:Mine"),
        ("mine.txt:Mine", "like mine.py:Mine"),
        ("mine.py:not a class", "like mine.py:Mine"),
        ("absent.py:Mine", "cannot be read: No such file"),
    ],
)
def test_what_is_no_place(place, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SubmissionError, match=said):
        read_submission(place, "defense")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import leaderboard.game.game", "mine.py:1: may not import leaderboard.game.game"),
        ("\nfrom attacks.base import Attack", "mine.py:2: may not import attacks.base"),
        ("from . import secrets", "may not import"),
        ("def f():\n    import requests", "mine.py:2: may not import requests"),
        ("class Mine(:", "mine.py:1: not Python"),
        ("x = '" + "a" * 100_000 + "'", "longer than"),
        ("(" * 5000, "not Python"),
    ],
)
def test_rules_of_a_file(source, said, mine):
    mine.write_text(source)
    with pytest.raises(SubmissionError, match=said):
        read_submission(f"{mine}:Mine", "defense")


def test_a_bad_setting_is_named(mine):
    with pytest.raises(SubmissionError, match="epsilon: a setting is written key=value"):
        read_submission(f"{mine}:Mine", "defense", ["epsilon"])


@pytest.mark.parametrize(
    ("name", "given", "label"),
    [
        ("CoolingClip", None, "cooling-clip"),
        ("DPSGDTwice", None, "dpsgdtwice"),
        ("x", "my.own", "my.own"),
    ],
)
def test_the_name_of_an_entry(name, given, label):
    assert label_of(Submission("a.py", "", name, "defense"), given) == label


@pytest.mark.parametrize("name", ["dpsgd", "../up", "Über", "a b"])
def test_a_name_that_is_taken_or_no_file_name(name):
    with pytest.raises(SubmissionError, match="--name"):
        label_of(Submission("a.py", "", "Mine", "defense"), name)


def test_a_name_that_means_a_cell_of_the_suite(mine):
    read = read_submission(f"{mine}:Mine", "defense")
    with pytest.raises(SubmissionError, match="ctc-dpsgd-eps10-seed0 of its own"):
        submitted_cells(TINY, read, "dpsgd-eps10", [0])


def test_cells_follow_the_file_and_the_settings(mine, tmp_path):
    one = read_submission(f"{mine}:Mine", "defense")
    two = read_submission(f"{mine}:Mine", "defense", ["epsilon=1"])
    (cell,), (other,) = (submitted_cells(TINY, s, "mine", [0]) for s in (one, two))
    assert cell.id == other.id == "ctc-mine-seed0"
    assert cell.training_digest != other.training_digest
    keep(two, tmp_path)
    assert submission_of(other, tmp_path) == two
    with pytest.raises(SubmissionError, match="--submission"):
        submission_of(other, tmp_path / "elsewhere")
    mine.write_text(GOOD + "\n")
    with pytest.raises(SubmissionError, match=r"is not the mine\.py that was recorded"):
        submission_of(other, tmp_path, mine)


def answers(monkeypatch, answer):
    """Answer in place of a sandbox, and return what it was given."""
    given = {}

    def run(job, tensors, most, limits, *, trust, log):  # noqa: ARG001
        given.update(job=job, tensors=load(tensors), most=most)
        return answer(given)

    monkeypatch.setattr(sandbox, "run", run)
    return given


def test_what_it_is_given_tells_nothing_else(mine, monkeypatch):
    public = speech(3, "public")
    recipe = replace(recipe_for("ctc", public), precision="bf16")
    members = [*speech(5, "private"), *[canary(1, 123, repetitions=4)] * 4]
    weights = {EVENT: b'{"kind": "no_op"}', UNIT: b"utterance", WEIGHTS: save(dict(recipe.start))}
    given = answers(monkeypatch, lambda _: weights)
    sandboxed = SandboxedDefense(read_submission(f"{mine}:Mine", "defense"))
    trained = sandboxed.train(recipe, members, public, Randomness(12345).child("training"))
    assert trained.notes == {}

    job, tensors = given["job"], given["tensors"]
    assert job["recipe"]["precision"] == "bf16"
    described = json.dumps({k: v for k, v in job.items() if k != "source"})
    for secret in ("canary", REPETITIONS, "12345", "private", "secret", *(m.id for m in members)):
        assert secret not in described
    assert len({u["id"] for u in job["speech"]["members"]}) == len(members)
    # The same samples, in another order.
    lengths = [u["samples"] for u in job["speech"]["members"]]
    assert sorted(lengths) == sorted(len(m.samples) for m in members)
    assert lengths != [len(m.samples) for m in members]
    assert tensors["samples.members"].numel() == sum(lengths)
    assert set(tensors) == {
        "samples.members", "samples.public", *(f"start.{n}" for n in recipe.start),
    }  # fmt: skip
    least = sum(w.numel() * 4 for w in recipe.start.values())
    assert least <= given["most"][WEIGHTS] <= least + MOST_HEADER


def attack_on(monkeypatch, answer):
    public, candidates = speech(3, "public"), speech(6, "private")
    recipe = recipe_for("ctc", public)
    start = recipe.build().requires_grad_(False)
    answers(monkeypatch, answer)
    sandboxed = SandboxedAttack(Submission("a.py", "", "Mine", "attack"), recipe)
    view = Weights(start, start, public)
    found, access = sandboxed.score_with_access(view, candidates, Randomness(0))
    return candidates, found, access


def test_scores_come_back_to_their_candidates(monkeypatch):
    def lengths_backwards(given):
        described = given["job"]["speech"]["candidates"]
        places = list(range(len(described)))[::-1]
        scores = [float(described[p]["samples"]) for p in places]
        return {
            ACCESS: b"scores",
            SCORES: save({"places": torch.tensor(places), "scores": torch.tensor(scores).double()}),
        }

    candidates, found, access = attack_on(monkeypatch, lengths_backwards)
    assert access == "scores"
    assert {c.id for c in found.candidates} == {c.id for c in candidates}
    assert found.scores.tolist() == [len(c.samples) for c in found.candidates]


@pytest.mark.parametrize(
    ("places", "scores", "said"),
    [
        ([0, 1, 2, 3, 4], [0.0] * 5, "did not score each of 6 candidates once"),
        ([0, 1, 2, 3, 4, 4], [0.0] * 6, "did not score each of 6 candidates once"),
        ([0, 1, 2, 3, 4, 6], [0.0] * 6, "did not score each of 6 candidates once"),
        ([0, 1, 2, 3, 4, 5], [0.0] * 5 + [float("nan")], "not finite"),
    ],
)
def test_scores_that_are_none(places, scores, said, monkeypatch):
    answer = {"places": torch.tensor(places), "scores": torch.tensor(scores).double()}
    with pytest.raises(DisqualifiedError, match=said):
        attack_on(monkeypatch, lambda _: {ACCESS: b"scores", SCORES: save(answer)})


@pytest.mark.parametrize("word", [b"", b"everything", b"scores\n", b"\xff", b"SCORES"])
def test_a_view_that_is_none(word, monkeypatch):
    answer = {"places": torch.arange(6), "scores": torch.zeros(6).double()}
    with pytest.raises(DisqualifiedError, match="unknown view of the target") as caught:
        attack_on(monkeypatch, lambda _: {ACCESS: word, SCORES: save(answer)})
    assert len(str(caught.value).splitlines()) == 1
    assert "everything" not in str(caught.value)


def defended(monkeypatch, mine, unit):
    public = speech(3, "public")
    recipe = recipe_for("ctc", public)
    event = event_to_json(GaussianDpEvent(1.0)).encode()
    answer = {EVENT: event, UNIT: unit, WEIGHTS: save(dict(recipe.start))}
    answers(monkeypatch, lambda _: answer)
    sandboxed = SandboxedDefense(read_submission(f"{mine}:Mine", "defense"))
    return sandboxed.train(recipe, speech(4, "private"), public, Randomness(0))


@pytest.mark.parametrize("unit", ["utterance", "speaker"])
def test_whose_guarantee_it_is_comes_through(unit, mine, monkeypatch):
    assert defended(monkeypatch, mine, unit.encode()).unit == unit


@pytest.mark.parametrize("unit", [b"", b"household", b"speaker\n", b"\xff\xfe", b"None"])
def test_a_unit_that_is_none_disqualifies(unit, mine, monkeypatch):
    with pytest.raises(DisqualifiedError, match="unknown unit: use one of utter") as caught:
        defended(monkeypatch, mine, unit)
    assert len(str(caught.value).splitlines()) == 1
    assert "household" not in str(caught.value)


OLD_DEFENSE = """
from defenses.accounting import price, calibrated, dp_sgd_event
from defenses.base import Trained, weights_of
from defenses.clipping import normalised_sum
from defenses.dpsgd import EDPSGD, set_noisy_mean
from defenses.sampling import poisson_batches
import targets.stamp, targets.speech
from targets.progress import report

class Mine:
    def train(self, recipe, members, public, rng):
        assert all(isinstance(m, targets.speech.Utterance) for m in members)
        trained = EDPSGD(5.0, epochs=0.5, batch_size=4).train(recipe, members, public, rng)
        assert price(trained.event, recipe.delta).epsilon > 0
        return Trained(trained.weights, trained.event, unit="speaker")
"""
OLD_ATTACK = """
import numpy as np
from attacks.base import Findings
from attacks.ranking import auc
from attacks.inversion import Inversion
from attacks.likeness import padded
from targets.transcript import normalise

class Mine:
    access = "transcripts"
    def score(self, view, candidates, rng):
        assert Inversion and callable(auc)
        wrong = [t != normalise(c.text) for t, c in zip(view.transcribe(candidates), candidates)]
        return Findings(tuple(candidates), -np.array(wrong, dtype=float))
"""


@pytest.mark.slow
def test_submissions_against_old_paths_still_run():
    trust = sandbox.unavailable() is not None
    public, private = speech(3, "public"), speech(8, "private")
    recipe = recipe_for("ctc", public)
    defense = Submission("old.py", OLD_DEFENSE, "Mine", "defense")
    attack = Submission("old.py", OLD_ATTACK, "Mine", "attack")
    check_source(defense)
    check_source(attack)
    trained = SandboxedDefense(defense, trust=trust).train(recipe, private, public, Randomness(3))
    assert trained.unit == "speaker"
    start = recipe.build().requires_grad_(False)
    view = Weights(start, start, public)
    found, access = SandboxedAttack(attack, recipe, trust=trust).score_with_access(
        view, private, Randomness(4)
    )
    assert access == "transcripts"
    assert len(found.scores) == len(private)


@pytest.mark.slow
def test_the_sandbox_changes_no_weight(mine):
    """What a scheme gives there is what it gives here, in the order that it is handed out."""
    public, members = speech(3, "public"), speech(8, "private")
    recipe, rng = recipe_for("ctc", public), Randomness(3)
    defense = read_submission(f"{mine}:Mine", "defense", ["epsilon=5"])
    trust = sandbox.unavailable() is not None
    found = SandboxedDefense(defense, trust=trust).train(recipe, members, public, rng)
    shuffled = [members[i] for i in rng.child("order").numpy().permutation(len(members))]
    here = EDPSGD(5.0, epochs=1, batch_size=4).train(
        recipe, shuffled, public, Randomness(rng.integer())
    )
    assert found.event == here.event
    assert all(np.array_equal(found.weights[n], w) for n, w in here.weights.items())


@pytest.mark.slow
def test_trusted_it_still_has_limits_and_no_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HUSH", "heads")
    note = tmp_path / "note"
    source = f"import os\nopen({str(note)!r}, 'w').write(str(dict(os.environ)))\nraise KeyError"
    job = {"file": "a.py", "class": "b", "settings": {}, "source": source}
    with (
        open(os.devnull, "w") as log,
        pytest.raises(SubmissionFailedError, match="raised KeyError"),
    ):
        sandbox.run(job, b"", {}, LIMITS, trust=True, log=log)
    assert "HUSH" not in note.read_text()


@pytest.mark.parametrize("name", ["Nope", "mine", "train"])
def test_a_class_that_is_not_there_is_named_with_those_that_are(mine, name):
    mine.write_text(GOOD.replace("def train", "def learn"))
    with pytest.raises(SubmissionError, match=rf"mine.py: no class {name} in it; it has Mine$"):
        read_submission(f"{mine}:{name}", "defense")
    mine.write_text("x = 1\n")
    with pytest.raises(SubmissionError, match="it has no class at all"):
        read_submission(f"{mine}:{name}", "defense")


def test_a_byte_order_mark_is_no_part_of_a_submission(mine):
    plain = read_submission(f"{mine}:Mine", "defense")
    mine.write_bytes(b"\xef\xbb\xbf" + mine.read_bytes())
    assert read_submission(f"{mine}:Mine", "defense").sha256 == plain.sha256
