"""The recogniser that judges: trained once for each public speech, and the same every time."""

from __future__ import annotations

import pytest
import torch

from attacks.inversion import judge as independent
from attacks.inversion.judge import independent_recognizer
from tests.fakes import speech

PUBLIC = speech(6, "public")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(independent, "MOST_EPOCHS", 2)
    monkeypatch.setattr(independent, "SIZE", 8)


def alike(one, other):
    return all(torch.equal(w, other.state_dict()[n]) for n, w in one.state_dict().items())


def test_it_is_kept_by_the_speech_it_was_trained_on(tmp_path, monkeypatch):
    first = independent_recognizer(PUBLIC, tmp_path)
    (kept,) = tmp_path.iterdir()
    other = independent_recognizer(PUBLIC[:5], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert not alike(first, other)

    def untrained(*_, **__):
        raise AssertionError("it was trained again")

    with monkeypatch.context() as patched:
        patched.setattr(independent, "fit", untrained)
        assert alike(first, independent_recognizer(PUBLIC, tmp_path))
    kept.write_bytes(kept.read_bytes()[:100])  # a damaged file is no reason to stop
    assert alike(first, independent_recognizer(PUBLIC, tmp_path))


def test_it_depends_on_no_global_state_and_needs_no_folder():
    torch.manual_seed(1)
    first = independent_recognizer(PUBLIC, None)
    torch.manual_seed(2)
    assert alike(first, independent_recognizer(PUBLIC, None))


def test_more_speech_does_not_make_it_dearer(monkeypatch):
    monkeypatch.setattr(independent, "MOST_EPOCHS", 40)
    assert independent._schedule(PUBLIC).epochs == 40
    assert independent._schedule(PUBLIC * 1000).epochs == 3
    assert independent._schedule(PUBLIC * 10_000).epochs == 1


def test_it_learns():
    public = speech(12, "public", words=1)
    judge = independent_recognizer(public, None)
    trained = judge.nll(public).mean()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(independent, "MOST_EPOCHS", 40)
        assert independent_recognizer(public, None).nll(public).mean() < 0.9 * trained
