"""Files that are there whole or not at all, however the process ends."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"  # in the name of every file that is still being written


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it becomes `path` when the block ends without an error.

    The content reaches the disk before the name does, so that not even a power cut leaves half a
    file under the final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        yield partial
        _to_disk(partial)
        os.replace(partial, path)
        _to_disk(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to write into; it becomes `path` when the block ends without an error.

    As with `whole_file`, the content is on the disk before the name is.

    Raises:
        FileExistsError: there is something at `path`, other than an empty folder.
    """
    path = Path(os.path.abspath(path))
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise FileExistsError(errno.EEXIST, "exists already, and is not replaced", str(path))
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    partial.mkdir(parents=True)
    try:
        yield partial
        for inside in (*partial.rglob("*"), partial):
            _to_disk(inside)
        os.replace(partial, path)
        _to_disk(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def default_cache() -> Path:
    """Return the cache folder: `$OVERHEARD_CACHE`, or `~/.cache/overheard`."""
    return Path(os.environ.get("OVERHEARD_CACHE") or Path.home() / ".cache" / "overheard")


def remove_partial_files(folder: Path) -> None:
    """Delete what killed processes left half-written anywhere under a folder."""
    for leftover in folder.rglob(f"{PARTIAL}*"):
        leftover.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
