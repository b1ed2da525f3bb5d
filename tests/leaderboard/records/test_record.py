"""Records: what is kept survives, what is not ours is refused by name."""

from __future__ import annotations

import json
import math
import platform
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.accounting.guarantee import Guarantee
from leaderboard.records import provenance
from leaderboard.records.numbers import estimate_from_json, estimate_to_json, to_json
from leaderboard.records.record import Record, hardware_of
from leaderboard.records.run_folder import (
    history,
    read_record,
    read_records,
    record_failure,
    write_record,
)
from leaderboard.records.store import RecordError
from leaderboard.spec.load import load_suite, parse_suite
from targets.core.digests import digest_of
from targets.core.estimate import Estimate
from targets.core.files import PARTIAL, whole_file
from tests.leaderboard.spec.test_suite import SMALL

CELLS = parse_suite("small.toml", SMALL).cells()


def record(cell=CELLS[1], **changes) -> Record:
    content = {
        "cell": cell,
        "status": "ok",
        "corpora": {"public": "00", "private": "11", "test": "22"},
        "event": {"kind": "gaussian", "noise": math.inf, "steps": (1, 2)},
        "guarantee": Guarantee(
            epsilon=9.98,
            delta=1e-5,
            unit="utterance",
            relation="add-or-remove-one",
            accountant="rdp",
            basis="audited code",
        ),
        "wer": Estimate(0.3, 0.25, 0.35, 0.95, "bootstrap"),
        "leakages": {"membership": {"auc": Estimate(0.8, 0.7, 0.9, 0.95, "DeLong")}},
        "audited_epsilon": Estimate(1.2, 0.7, math.inf, 0.95, "one-run", ceiling=4.9),
        "coins": {"a": True, "b": False},
        "scores": {"membership": {"a": 1.5, "b": -math.inf}},
        "notes": {"clip": math.nan},
        "seconds": {"train": 3},
    }
    return Record(**(content | changes))


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(numbers, numbers, numbers, numbers, st.text(), st.none() | st.floats(allow_nan=False))
def test_every_estimate_survives_strict_json(value, low, high, level, method, ceiling):
    estimate = Estimate(value, low, high, level, method, ceiling)
    text = json.dumps(estimate_to_json(estimate), allow_nan=False)
    again = estimate_from_json(json.loads(text))
    # NaN differs from itself, so that the comparison is of how they are written.
    assert repr(again) == repr(estimate)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {"value": 1},
        {"value": "1", "low": 0, "high": 2, "level": 0.95, "method": "m", "ceiling": None},
        {"value": True, "low": 0, "high": 2, "level": 0.95, "method": "m", "ceiling": None},
        {"value": 1, "low": 0, "high": 2, "level": 0.95, "method": 3, "ceiling": None},
    ],
)
def test_half_an_estimate_is_refused(broken):
    with pytest.raises(ValueError, match="should be"):
        estimate_from_json(broken)


def test_a_record_survives_its_file(tmp_path):
    written = record()
    path = write_record(written, tmp_path)
    assert path == tmp_path / "records" / "rnnt-dpsgd-eps1-seed0.json"
    again = read_record(path)
    assert again.content == written.content
    assert again.digest == written.digest == json.loads(path.read_text())["digest"]
    assert again.audited_epsilon == written.audited_epsilon
    assert again.scores["membership"]["b"] == -math.inf
    assert again.event == {"kind": "gaussian", "noise": "inf", "steps": [1, 2]}
    assert read_records(tmp_path) == read_records(tmp_path / "records")
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()


def test_no_promise_is_null():
    promise = {"delta": 0.0, "unit": "utterance", "relation": "", "accountant": "", "basis": "none"}
    nothing = Guarantee(epsilon=math.inf, **promise)
    assert nothing.promised is None
    assert record(guarantee=nothing).content["guarantee"] == {"epsilon": None, **promise}
    assert record(guarantee={"epsilon": None, **promise}).guarantee == nothing


@pytest.mark.parametrize(
    "broken",
    [
        {"epsilon": math.nan}, {"epsilon": -1.0}, {"epsilon": True}, {"delta": 2.0},
        {"unit": "device"}, {"basis": None}, {"relation": 1}, {"extra": 1},
    ],
)  # fmt: skip
def test_half_a_guarantee_is_refused(broken):
    whole = {
        "epsilon": 1.0, "delta": 0.0, "unit": "speaker", "relation": "", "accountant": "",
        "basis": "none",
    }  # fmt: skip
    assert record(guarantee=whole).guarantee.unit == "speaker"
    with pytest.raises(ValueError, match=r"guarantee(.|\n)*should be"):
        record(guarantee=whole | broken)


def test_a_record_says_which_device_was_used(monkeypatch):
    assert record().hardware.accelerator is None
    torch = SimpleNamespace(cuda=SimpleNamespace(get_device_name=lambda device: f"GPU of {device}"))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert hardware_of().accelerator is None  # seen, but not used
    assert hardware_of("cuda:1").accelerator == "GPU of cuda:1"
    assert hardware_of("mps").accelerator.endswith("(MPS)")
    with pytest.raises(ValueError, match="abacus: no device"):
        hardware_of("abacus")


def test_records_from_before_access_was_kept_keep_their_digests():
    assert "access" not in record().content
    assert record(access={"membership": "scores"}).content["access"] == {"membership": "scores"}


def test_records_from_before_errors_and_speakers_were_kept_keep_their_digests(tmp_path):
    fields = {"word_errors", "speakers", "repetitions", "auc_allowed", "group_epsilon"}
    assert fields.isdisjoint(record().content)
    kept = {
        "auc_allowed": 0.57,
        "group_epsilon": {"16": math.inf},
        "word_errors": {"x": {"u1": (1, 4), "u2": (0, 3)}},
        "speakers": {"y": ("a", "b")},
        "repetitions": {"b": 16},
    }
    found = read_record(write_record(record(**kept), tmp_path))
    assert {name: getattr(found, name) for name in kept} == kept


def test_what_json_cannot_carry_is_refused_early():
    with pytest.raises(ValueError, match="object has no place in a record"):
        to_json({"a": [object()]})


def test_a_record_is_never_overwritten_only_superseded(tmp_path):
    first = write_record(record(), tmp_path)
    before = first.read_bytes()
    with pytest.raises(RecordError, match="never overwritten"):
        write_record(record(), tmp_path)
    second = write_record(record(status="falsified"), tmp_path, correction=True)
    assert second.name == "rnnt-dpsgd-eps1-seed0.2.json"
    assert first.read_bytes() == before
    (counts,) = read_records(tmp_path)
    assert counts.status == "falsified"
    assert counts.supersedes == read_record(first).digest
    first.unlink()
    with pytest.raises(RecordError, match=r"seed0\.2\.json: the record it supersedes is missing"):
        read_records(tmp_path)


def test_a_failed_cell_is_tried_again(tmp_path):
    assert history(tmp_path, CELLS[1]) == []
    record_failure(CELLS[1], tmp_path, "out of memory")
    (failure,) = read_records(tmp_path)
    assert failure.wer.method == "unscored: failed: out of memory"
    write_record(record(), tmp_path)
    assert [r.status for r in read_records(tmp_path)] == ["ok"]
    record_failure(CELLS[1], tmp_path, "out of memory again")
    assert [r.status for r in read_records(tmp_path)] == ["failed"]
    assert [r.status for r in history(tmp_path, CELLS[1])] == ["failed", "ok", "failed"]


def test_records_may_differ_in_their_attacks(tmp_path):
    one, other = (
        parse_suite("small.toml", SMALL.replace('name = "membership"', new)).cells()
        for new in ('name = "membership"', 'name = "membership-calibrated"')
    )
    assert one[0].digest != other[0].digest
    write_record(record(one[0]), tmp_path)
    write_record(record(other[1]), tmp_path)
    assert len(read_records(tmp_path, one[0].conditions.digest)) == 2


def test_records_from_before_fingerprints_keep_their_digests(tmp_path):
    assert "fingerprints" not in record().content
    with_prints = record(fingerprints={"scheme": "00"})
    path = write_record(with_prints, tmp_path)
    assert read_record(path).fingerprints == {"scheme": "00"}
    assert with_prints.digest != record(made=with_prints.made).digest


def edit(path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def resealed(change):
    """Return a change that also recomputes the digest, as a forger would."""

    def both(content):
        content.pop("digest")
        change(content)
        content["digest"] = digest_of(content)

    return both


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["wer"].update(value=0.1), "does not match its digest"),
        (lambda c: c["coins"].update(a=False), "does not match its digest"),
        (lambda c: c.update(extra=1), "does not match its digest"),
        (lambda c: c.pop("digest"), "does not match its digest"),
        (resealed(lambda c: c.update(schema_version=99)), "schema version 99, this code reads 1"),
        (resealed(lambda c: c.pop("schema_version")), "no schema_version"),
        (resealed(lambda c: c.update(extra=1)), "extra: Extra inputs"),
        (resealed(lambda c: c.update(status="fine")), "status: "),
        (resealed(lambda c: c["wer"].pop("low")), "wer: .*should be an object with"),
        (resealed(lambda c: c["cell"].update(seed=5)), "under another name"),
    ],
)
def test_an_edited_record_is_refused_by_name(tmp_path, change, message):
    write_record(record(CELLS[0]), tmp_path)
    path = write_record(record(), tmp_path)
    edit(path, change)
    with pytest.raises(RecordError, match=rf"{re.escape(str(path))}: .*{message}") as caught:
        read_records(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\xff", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000]
)
def test_a_corrupt_record_is_refused_by_name(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecordError, match=r"x\.json: no record") as caught:
        read_records(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_every_truncation_is_refused(tmp_path):
    path = write_record(record(), tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(RecordError):
            read_record(path)


def test_records_of_another_suite_are_refused_by_name(tmp_path):
    write_record(record(), tmp_path)
    other = load_suite("quick").cells()[0]
    with pytest.raises(RecordError, match="made under other conditions"):
        read_records(tmp_path, other.conditions.digest)
    write_record(record(other), tmp_path)
    with pytest.raises(RecordError, match=r"rnnt-dpsgd-eps1-seed0\.json: made under other"):
        read_records(tmp_path)


def test_a_copy_under_another_name_is_refused(tmp_path):
    path = write_record(record(), tmp_path)
    path.with_name("rnnt-dpsgd-eps1-seed0.7.json").write_bytes(path.read_bytes())
    with pytest.raises(RecordError, match="a second record of rnnt-dpsgd-eps1-seed0"):
        read_records(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RecordError, match="no such folder"):
        read_records(tmp_path / "none")
    with pytest.raises(RecordError, match="holds no records"):
        read_records(tmp_path)


def test_a_write_that_fails_leaves_nothing(tmp_path):
    def write(path):
        with whole_file(path) as partial:
            partial.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"{PARTIAL}9-x.json").write_text("half")
    write_record(record(), tmp_path)
    assert len(read_records(tmp_path)) == 1


def test_a_record_says_where_it_was_made_but_not_on_which_host():
    import socket

    made = record()
    assert made.packages["python"] == platform.python_version()
    assert "torch" in made.packages
    assert made.hardware.cores >= 1
    assert made.hardware.ram_gib > 0
    text = json.dumps(made.content)
    assert socket.gethostname() not in text
    assert str(provenance.ROOT) not in text
    if (provenance.ROOT / ".git").exists():
        assert re.fullmatch("[0-9a-f]{40}", made.code.commit or "")
