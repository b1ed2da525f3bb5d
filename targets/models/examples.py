"""What training needs of each utterance: in memory, or beyond a bound in a file."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from targets.core.device import free_bytes

IN_MEMORY = 256 << 20  # bytes of features, a bit more than an hour of speech
SHARE = 4  # features may take one in so many bytes that an accelerator has left


class Example(NamedTuple):
    """An utterance ready to learn from: its standardised log-mel (T, M) and its labels."""

    features: Tensor
    labels: list[int]

    @property
    def units(self) -> list[int]:
        """The labels, by the name that submissions from before 0.2 know."""
        return self.labels


class Prepared(Protocol):
    """An `Example`, or one whose features are read each time that they are asked for."""

    @property
    def features(self) -> Tensor:
        """Standardised log-mel frames (T, M)."""
        ...

    @property
    def labels(self) -> list[int]:
        """The output labels."""
        ...


class _Unnamed:
    """A file without a name in the temporary folder, gone with the last who knows it."""

    def __init__(self) -> None:
        self.descriptor, name = tempfile.mkstemp(prefix="overheard-")
        weakref.finalize(self, os.close, self.descriptor)
        os.unlink(name)


class StoredExample:
    """An `Example` whose features lie in a file, and are read each time that they are asked for."""

    __slots__ = ("_device", "_file", "_place", "_shape", "labels")

    def __init__(self, file: _Unnamed, place: int, features: Tensor, labels: list[int]) -> None:
        self._file, self._place = file, place
        self._shape, self._device = tuple(features.shape), features.device
        self.labels = labels

    @property
    def features(self) -> Tensor:
        """Standardised log-mel frames (T, M)."""
        size = 4 * self._shape[0] * self._shape[1]
        # Not mapped into memory, where what was read would stay.
        data = os.pread(self._file.descriptor, size, self._place)
        array = np.frombuffer(bytearray(data), np.float32).reshape(self._shape)
        return torch.from_numpy(array).to(self._device)

    @property
    def units(self) -> list[int]:
        """See `Example`."""
        return self.labels


def bound_on(device: torch.device) -> int:
    """Return how many bytes of features may stay in a device's memory."""
    free = free_bytes(str(device))
    return IN_MEMORY if free is None else max(IN_MEMORY, free // SHARE)


def within_bound(examples: Iterator[Example], bound: int | None = None) -> list[Prepared]:
    """Return examples of which the first `bound` bytes of features stay where they are.

    Without a bound it is that of their device: on an accelerator they are moved there once.
    The others go to a file without a name in the temporary folder (`TMPDIR`), which is gone with
    the last of them; where it is full, they stay in memory too.
    """
    kept: list[Prepared] = []
    used = place = 0
    file: _Unnamed | None = None
    full = False
    for example in examples:
        if bound is None:
            bound = bound_on(example.features.device)
        size = example.features.numel() * example.features.element_size()
        used += size
        if used <= bound or full:
            kept.append(example)
            continue
        data = example.features.detach().cpu().contiguous().numpy().astype(np.float32, copy=False)
        try:
            file = file or _Unnamed()
            whole = os.pwrite(file.descriptor, data.tobytes(), place) == size
        except OSError:
            whole = False
        if file is None or not whole:
            full = True
            kept.append(example)
            continue
        kept.append(StoredExample(file, place, example.features, example.labels))
        place += size
    return kept
