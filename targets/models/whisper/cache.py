"""Encoder states on disk, one file an utterance, named by the digest of what was said.

The encoder is frozen, so that its states of a recording never change: every scheme, seed and run
shares them. They are as private as the recordings.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from targets.core.files import whole_file
from targets.speech.utterance import Samples

KEPT = 4_096  # utterances whose states stay in memory
STATES = "states"

_log = logging.getLogger(__name__)


def name_of(samples: Samples) -> str:
    """Return the digest of a recording."""
    return hashlib.sha256(np.ascontiguousarray(samples).tobytes()).hexdigest()


@dataclass(eq=False)
class StateCache:
    """States (T, D) of half precision by name: in memory the latest, in a folder all.

    What is found there is whole, since files are written aside; what cannot be read counts as
    missing, and what cannot be written stays in memory.
    """

    folder: Path
    _latest: OrderedDict[str, Tensor] = field(default_factory=OrderedDict)

    def get(self, name: str) -> Tensor | None:
        """Return the states of a recording, if they are known."""
        if name in self._latest:
            self._latest.move_to_end(name)
            return self._latest[name]
        try:
            states = load_file(self._file(name))[STATES]
        except (OSError, KeyError, SafetensorError):
            return None
        if states.dtype != torch.float16 or states.dim() != 2:
            return None
        self._remember(name, states)
        return states

    def put(self, name: str, states: Tensor) -> None:
        """Keep the states of a recording."""
        self._remember(name, states)
        try:
            with whole_file(self._file(name)) as aside:
                save_file({STATES: states}, aside)
        except OSError as error:
            _log.warning("%s: encoder states are not kept: %s", self.folder, error.strerror)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time compute what is missing; the others then find it there.

        The lock ends with its process, however that ends.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError:  # of a folder that cannot be written to
            yield
            return
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _file(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.safetensors"

    def _remember(self, name: str, states: Tensor) -> None:
        self._latest[name] = states
        self._latest.move_to_end(name)
        while len(self._latest) > KEPT:
            self._latest.popitem(last=False)
