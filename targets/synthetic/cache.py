"""Utterances on disk: one file, written aside and renamed, with a checksum that is verified."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from targets.core.errors import OverheardError
from targets.speech.utterance import Utterance, Word


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


def save_utterances(path: Path, utterances: Sequence[Utterance]) -> None:
    """Write `utterances` to `path`, whole or not at all.

    Samples are kept as 16-bit integers: exact for speech that lies on 16-bit steps already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = [np.round(u.samples * 32768).astype("<i2") for u in utterances]
    samples = np.concatenate(steps) if steps else np.zeros(0, dtype="<i2")
    index = json.dumps(
        [
            {
                "id": u.id,
                "speaker": u.speaker,
                "text": u.text,
                "samples": len(u.samples),
                "words": [[w.text, w.start, w.end] for w in u.words],
                "attributes": dict(u.attributes),
            }
            for u in utterances
        ]
    )
    metadata = {"index": index, "sha256": _checksum(index, samples)}
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        save_file({"samples": samples}, aside, metadata=metadata)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def load_utterances(path: Path) -> list[Utterance]:
    """Read what `save_utterances` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        CacheError: the file is truncated, changed or not ours.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            samples = file.get_tensor("samples")
        index, checksum = metadata["index"], metadata["sha256"]
    except (SafetensorError, KeyError, OSError) as error:
        raise CacheError(f"{path}: not a readable speech cache ({error})") from None
    if checksum != _checksum(index, samples):
        raise CacheError(f"{path}: its contents do not match its checksum")
    utterances, at = [], 0
    for row in json.loads(index):
        end = at + row["samples"]
        utterances.append(
            Utterance(
                id=row["id"],
                speaker=row["speaker"],
                samples=samples[at:end].astype(np.float32) / np.float32(32768),
                text=row["text"],
                words=tuple(Word(*word) for word in row["words"]),
                attributes=row["attributes"],
            )
        )
        at = end
    return utterances


def _checksum(index: str, samples: np.ndarray) -> str:
    sha = hashlib.sha256(index.encode())
    sha.update(np.ascontiguousarray(samples, dtype="<i2").tobytes())
    return sha.hexdigest()
