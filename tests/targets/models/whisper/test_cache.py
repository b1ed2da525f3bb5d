"""The cache of encoder states: whole files, and one process at a time."""

from __future__ import annotations

import multiprocessing
import time

import torch

from targets.models.whisper import cache
from targets.models.whisper.cache import StateCache, name_of
from tests.fakes import utterance

STATES = torch.arange(12).view(4, 3).half()


def test_what_was_put_is_found_by_another(tmp_path):
    StateCache(tmp_path).put("ab" * 32, STATES)
    assert torch.equal(StateCache(tmp_path).get("ab" * 32), STATES)
    assert StateCache(tmp_path).get("cd" * 32) is None


def test_the_name_is_of_the_sound_alone():
    one, other = utterance("a", "on two"), utterance("b", "on two")
    assert name_of(one.samples) == name_of(one.samples.copy())
    assert name_of(one.samples) != name_of(other.samples)


def test_memory_holds_the_latest(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 2)
    kept = StateCache(tmp_path)
    for name in ("aa", "bb", "cc"):
        kept.put(name, STATES)
    assert set(kept._latest) == {"bb", "cc"}
    assert torch.equal(kept.get("aa"), STATES)  # from the disk
    assert set(kept._latest) == {"cc", "aa"}


def _hold(folder, began, seconds):
    with StateCache(folder).alone():
        began.set()
        time.sleep(seconds)


def test_one_process_at_a_time(tmp_path):
    context = multiprocessing.get_context("fork")
    began = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, began, 0.5))
    holder.start()
    assert began.wait(10)
    start = time.monotonic()
    with StateCache(tmp_path).alone():
        waited = time.monotonic() - start
    holder.join()
    assert waited > 0.2


def test_a_killed_process_leaves_no_lock(tmp_path):
    context = multiprocessing.get_context("fork")
    began = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, began, 60))
    holder.start()
    assert began.wait(10)
    holder.kill()
    holder.join()
    with StateCache(tmp_path).alone():
        pass
