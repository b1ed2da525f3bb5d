"""Utterances on disk: one file, written aside and renamed, with a checksum that is verified."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from safetensors import SafetensorError, safe_open

from targets.core.errors import OverheardError
from targets.speech.utterance import Samples, Utterance, Word

IN_MEMORY = 256 << 20  # bytes of samples of one file, a bit more than an hour of speech
_PIECE = 1 << 22  # bytes


class CacheError(ValueError):
    """The file cannot be trusted; the message is one line that says why."""


def check_writable(folder: Path) -> None:
    """Make a cache folder, and refuse one that cannot be written.

    Raises:
        OverheardError: names the folder, and the variable that says another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        os.unlink(aside)
    except OSError as error:
        raise OverheardError(
            f"{folder}: the cache cannot be written ({error.strerror}); set OVERHEARD_CACHE to a "
            "folder that can"
        ) from None


class Writer:
    """Writes utterances to a file one after the other, whole or not at all, as a context manager.

    Samples are kept as 16-bit integers: exact for speech that lies on 16-bit steps already. None of
    them stays in memory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, object]] = []
        self._sha = hashlib.sha256()

    def __enter__(self) -> Writer:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._samples = tempfile.TemporaryFile(dir=self._path.parent)
        return self

    def add(self, u: Utterance) -> None:
        """Write one utterance."""
        steps = np.round(u.samples * 32768).astype("<i2").tobytes()
        self._samples.write(steps)
        self._sha.update(steps)
        self._rows.append(
            {
                "id": u.id,
                "speaker": u.speaker,
                "text": u.text,
                "samples": u.size,
                "words": [[w.text, w.start, w.end] for w in u.words],
                "attributes": dict(u.attributes),
            }
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._samples:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        index = json.dumps(self._rows)
        self._sha.update(index.encode())
        size = self._samples.tell()
        header = {
            "__metadata__": {"index": index, "sha256": self._sha.hexdigest()},
            "samples": {"dtype": "I16", "shape": [size // 2], "data_offsets": [0, size]},
        }
        # A safetensors file by hand: its own writer wants all samples at once.
        start = json.dumps(header).encode()
        start += b" " * (-len(start) % 8)
        handle, aside = tempfile.mkstemp(
            dir=self._path.parent, prefix=self._path.name, suffix=".part"
        )
        try:
            with open(handle, "wb") as file:
                file.write(struct.pack("<Q", len(start)) + start)
                self._samples.seek(0)
                shutil.copyfileobj(self._samples, file, _PIECE)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise


def save_utterances(path: Path, utterances: Sequence[Utterance]) -> None:
    """Write `utterances` to `path`. See `Writer`."""
    with Writer(path) as writer:
        for utterance in utterances:
            writer.add(utterance)


@dataclass(frozen=True)
class Stored:
    """The sound of an utterance in the cache, from byte `place` of a file on. See `Sound`."""

    path: Path
    place: int
    size: int

    def read(self) -> Samples:
        """Read the samples.

        Raises:
            CacheError: the file has been cut short since it was verified.
        """
        with self.path.open("rb") as file:
            file.seek(self.place)
            steps = np.frombuffer(file.read(2 * self.size), "<i2")
        if len(steps) < self.size:
            raise CacheError(f"{self.path}: was cut short while it was used")
        return _of_steps(steps)


def load_utterances(path: Path) -> list[Utterance]:
    """Read what `save_utterances` wrote.

    All of it is verified. Beyond `IN_MEMORY` the samples are read when they are asked for.

    Raises:
        FileNotFoundError: there is no such file.
        CacheError: the file is truncated, changed or not ours.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            count = file.get_slice("samples").get_shape()[0]
        index, checksum = metadata["index"], metadata["sha256"]
        with path.open("rb") as raw:
            first = 8 + struct.unpack("<Q", raw.read(8))[0]
    except (SafetensorError, KeyError, IndexError, OSError) as error:
        raise CacheError(f"{path}: not a readable speech cache ({error})") from None
    if checksum != _checksum(path, first, index):
        raise CacheError(f"{path}: its contents do not match its checksum")
    stored = 4 * count > IN_MEMORY
    samples = np.zeros(0, "<i2") if stored else np.fromfile(path, "<i2", offset=first)
    utterances, at = [], 0
    for row in json.loads(index):
        end = at + row["samples"]
        utterances.append(
            Utterance(
                row["id"],
                row["speaker"],
                Stored(path, first + 2 * at, row["samples"])
                if stored
                else _of_steps(samples[at:end]),
                row["text"],
                tuple(Word(*word) for word in row["words"]),
                row["attributes"],
            )
        )
        at = end
    return utterances


def _of_steps(steps: np.ndarray) -> Samples:
    return steps.astype(np.float32) / np.float32(32768)


def _checksum(path: Path, first: int, index: str) -> str:
    """Return the checksum of a file whose samples begin at byte `first`."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(first)
        while piece := file.read(_PIECE):
            sha.update(piece)
    sha.update(index.encode())
    return sha.hexdigest()
