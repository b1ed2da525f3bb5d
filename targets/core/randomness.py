"""Randomness derived by name from one seed.

Every consumer asks for a stream by its own name, so that adding an attack changes no training.
The streams are reproducible, not cryptographically secure: a deployed mechanism needs noise from
the operating system instead.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Randomness:
    """A node in the tree of named streams that grows from one integer seed."""

    def __init__(self, seed: int) -> None:
        self._state = hashlib.sha256(str(seed).encode())

    def child(self, *names: str | int) -> Randomness:
        """Return the stream called `names` below this one.

        Nobody can tell from it what it is below: whoever holds the stream of a training or of an
        attack cannot find the seed, and with it the coins, but by trying seeds.
        """
        below = object.__new__(Randomness)
        below._state = self._state.copy()
        for name in names:
            below._state.update(f"\0{name}".encode())
        return below

    def integer(self) -> int:
        """Return this node's own 63-bit integer."""
        return int.from_bytes(self._state.digest()[:8], "big") >> 1

    def numpy(self) -> np.random.Generator:
        """Return a fresh NumPy generator, always in the same initial state."""
        return np.random.default_rng(self.integer())

    def torch(self, device: str | torch.device = "cpu") -> torch.Generator:
        """Return a fresh generator for torch on a device, always in the same initial state."""
        import torch  # here alone, so that a run can be planned without it

        return torch.Generator(device).manual_seed(self.integer())
