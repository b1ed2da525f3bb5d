"""Names of devices, on machines with and without an accelerator."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from targets.core.device import free_bytes, resolve_device
from targets.core.errors import OverheardError


@pytest.fixture
def cards(monkeypatch):
    """Return what sets the number of CUDA devices that torch sees."""

    def are(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return are


@pytest.mark.parametrize(
    ("count", "name", "device"),
    [
        (0, "cpu", "cpu"),
        (0, "auto", "cpu"),
        (2, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_a_name_stands_for_one_device(cards, count, name, device):
    cards(count)
    assert resolve_device(name) == device


@pytest.mark.parametrize(
    ("count", "name", "complaint"),
    [
        (0, "cuda", "device cuda: this machine has no CUDA device; use auto or cpu"),
        (2, "cuda:2", "device cuda:2: this machine has only cuda:0 to cuda:1; use auto or cpu"),
        (2, "gpu", "device 'gpu': use auto, cpu, cuda, cuda:N or mps"),
        (2, "cuda:-1", "device 'cuda:-1': use"),
        (2, "cuda:", "device 'cuda:': use"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(cards, count, name, complaint):
    cards(count)
    with pytest.raises(OverheardError) as raised:
        resolve_device(name)
    assert str(raised.value).startswith(complaint)
    assert "\n" not in str(raised.value)


def test_mps_is_taken_by_name_alone(cards, monkeypatch):
    cards(0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(OverheardError, match="device mps: this machine has none"):
        resolve_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("mps") == "mps"
    assert resolve_device("auto") == "cpu"


def test_a_suite_can_be_read_without_torch():
    code = "import sys, targets.core.device; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_a_card_has_left_counts_what_torch_keeps(monkeypatch):
    assert free_bytes("cpu") is None
    assert free_bytes("mps") is None
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1_000, 9_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 100)
    assert free_bytes("cuda:1") == 1_200
