"""The jobs that audit mechanisms: one for each scheme and ε, finished when its file is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from defenses.registry import SCHEMES
from leaderboard.audits.at_settings import MechanismFound
from leaderboard.experiment.audits import jobs, mechanism
from leaderboard.experiment.audits.jobs import audit_jobs, is_audited
from leaderboard.experiment.plan import plan
from leaderboard.jobs import scheduler
from leaderboard.jobs.job import check
from leaderboard.records.mechanism_audit import read_audits
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import write_record
from leaderboard.spec.load import load_suite
from tests.leaderboard.records.test_mechanism_audit import ROW

SUITE = load_suite("quick")


def test_seeds_and_targets_share_a_mechanism():
    two = SUITE.model_copy(update={"seeds": (0, 1)})
    found = audit_jobs(two.cells(), Path("runs"))
    ids = [job.id for job in found]
    assert len(ids) == len(set(ids))
    assert "audit-edpsgd-eps10" in ids
    assert not any("none" in name or "public" in name for name in ids)
    assert all(need.endswith("seed0") for job in found for need in job.needs)


@pytest.mark.parametrize(
    ("suite", "wanted"),
    [
        ("mixed", {"audit-adamix-eps1", "audit-adamix-eps10"}),
        ("fairness", {"audit-edpsgd-oversampled-eps1", "audit-edpsgd-oversampled-eps10"}),
    ],
)
def test_every_scheme_that_says_it_can_be_watched_is_audited(suite, wanted):
    assert wanted <= {job.id for job in audit_jobs(load_suite(suite).cells(), Path("runs"))}


def test_whether_canaries_watch_a_scheme_is_said_by_its_entry(monkeypatch):
    schemes = dict(zip(SCHEMES.names(), SCHEMES, strict=True))
    changed = {
        "edpsgd": replace(SCHEMES["edpsgd"], canaries=None),
        "edpsgd-microbatch": replace(SCHEMES["edpsgd-microbatch"], canaries="gradients"),
    }
    monkeypatch.setattr(jobs, "SCHEMES", schemes | changed)
    cells = [
        cell.model_copy(update={"scheme": name, "label": name})
        for cell in SUITE.cells()
        for name in changed
        if cell.epsilon == 10
    ]
    assert {job.id for job in audit_jobs(cells, Path("runs"))} == {"audit-edpsgd-microbatch-eps10"}


def test_they_are_planned_where_the_suite_wants_them(tmp_path):
    def planned(suite):
        found = plan(suite, tmp_path, Path())
        check(found)
        return {job.id for job in found if job.id.startswith("audit-")}

    tiny = load_suite("tiny")
    assert planned(tiny.model_copy(update={"audit_mechanisms": False})) == set()
    assert planned(tiny.model_copy(update={"audit_mechanisms": True}))


def test_a_job_leaves_what_it_proved(tmp_path, monkeypatch):
    assert not is_audited(tmp_path, ROW.cell)
    noise = "SelfComposedDpEvent(event=PoissonSampledDpEvent(sampling_probability=1.0, event="
    event = f"{noise}GaussianDpEvent(noise_multiplier=1.0)), count=2)"
    write_record(ROW.model_copy(update={"event": event}), tmp_path)
    assert not is_audited(tmp_path, ROW.cell)
    found = MechanismFound(ROW.audited_epsilon, 0.5, "nothing", 10, 1.0)
    monkeypatch.setattr(mechanism, "audit_at", lambda *_, **__: found)
    mechanism.audit_mechanism(ROW.cell, tmp_path, report=lambda _: None)
    assert is_audited(tmp_path, ROW.cell)
    (kept,) = read_audits(tmp_path)
    assert (kept.scheme, kept.event, kept.epsilon) == ("dpsgd", event, 9.98)
    assert kept.audited == ROW.audited_epsilon


def test_a_cell_that_failed_is_audited_once_it_is_done(tmp_path):
    write_record(failed_record(ROW.cell, "it raised OSError"), tmp_path)
    assert not is_audited(tmp_path, ROW.cell)


def test_what_nothing_watches_keeps_the_reason(tmp_path):
    write_record(ROW, tmp_path)
    mechanism.audit_mechanism(ROW.cell, tmp_path, report=lambda _: None)
    assert is_audited(tmp_path, ROW.cell)
    (kept,) = read_audits(tmp_path)
    assert not kept.audited.scored
    assert "gradient canaries audit DP-SGD" in kept.audited.method


@pytest.mark.slow
def test_a_run_ends_with_its_mechanisms_audited(tmp_path):
    tiny = load_suite("tiny")
    few = {
        "audit_mechanisms": True,
        # One whose updates are watched, and one whose votes are.
        "schemes": tuple(s for s in tiny.schemes if s.name in ("edpsgd", "pate-gnmax")),
        "attacks": tiny.attacks[:1],
    }
    suite = tiny.model_copy(update=few)
    outcomes = scheduler.run(plan(suite, tmp_path, Path()), tmp_path)
    assert {o.status for o in outcomes.values()} == {"done"}
    audits = read_audits(tmp_path)
    assert {audit.kind for audit in audits} == {"mechanism"}
    assert sorted(audit.scheme for audit in audits) == ["edpsgd", "pate-gnmax"]
