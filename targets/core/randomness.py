"""Randomness derived by name from one seed.

Every consumer asks for a stream by its own name, so that adding an attack changes no training.
The streams are reproducible, not cryptographically secure: a deployed mechanism needs noise from
the operating system instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Randomness:
    """A node in the tree of named streams that grows from one integer seed."""

    seed: int
    path: tuple[str, ...] = ()

    def child(self, *names: str | int) -> Randomness:
        """Return the stream called `names` below this one."""
        return Randomness(self.seed, (*self.path, *map(str, names)))

    def integer(self) -> int:
        """Return this node's own 63-bit integer."""
        text = "\0".join((str(self.seed), *self.path))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def numpy(self) -> np.random.Generator:
        """Return a fresh NumPy generator, always in the same initial state."""
        return np.random.default_rng(self.integer())

    def torch(self, device: str | torch.device = "cpu") -> torch.Generator:
        """Return a fresh generator of torch on a device, always in the same initial state."""
        return torch.Generator(device).manual_seed(self.integer())
