"""The device that tensors are made on: always named, never guessed.

Torch is imported when a device is asked for, so that a suite can be read without it.
"""

from __future__ import annotations

import re

from targets.core.errors import OverheardError

CPU = "cpu"
KNOWN = "auto, cpu, cuda, cuda:N or mps"


def resolve_device(name: str) -> str:
    """Return the device that a name stands for: "cpu", "cuda:N" or "mps".

    "auto" is the first CUDA device where there is one, else the CPU; "cuda" is the first CUDA
    device. Apple's "mps" has to be asked for by name: it has no double precision and not every
    loss, so that few targets run there.

    Raises:
        OverheardError: there is no such name, or this machine has no such device.
    """
    import torch

    if name == CPU:
        return CPU
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise OverheardError("device mps: this machine has none; use auto or cpu")
        return name
    if name != "auto" and re.fullmatch(r"cuda(:\d+)?", name) is None:
        raise OverheardError(f"device {name!r}: use {KNOWN}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if count else CPU
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        there = f"only cuda:0 to cuda:{count - 1}" if count else "no CUDA device"
        raise OverheardError(f"device {name}: this machine has {there}; use auto or cpu")
    return f"cuda:{number}"


def free_bytes(device: str) -> int | None:
    """Return the memory that a CUDA device has left for this process; None of any other device.

    What torch keeps from tensors that are gone counts as left.
    """
    if not device.startswith("cuda"):
        return None
    import torch

    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept
