"""Names of utterances that have no id: from where their audio lies inside the corpus.

A name is the same however the corpus is written, and wherever it lies. It is as long as it must be
to be distinct: audio outside the corpus has the fewest last parts of its path that tell it apart.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """Where an utterance lies: a path as written, and the part of it, as written."""

    audio: str
    offset: float | int | str | None = None
    duration: float | int | str | None = None
    channel: int | None = None


class Names:
    """The names of all nameless utterances of a corpus in `folder`."""

    def __init__(self, folder: Path, sources: Iterable[Source]) -> None:
        self._folder = os.path.realpath(folder)
        self._place_of = cache(_place)  # anew for each corpus: folders may move between two
        self._folders: dict[str, tuple[str, ...]] = {}
        distinct = set(sources)
        self._parts = {audio: self._inside(audio) for audio in {s.audio for s in distinct}}
        self._kept = self._shortest()
        self._uses = Counter(self._plain(source) for source in distinct)

    def of(self, source: Source) -> str:
        """Return the name of one of the sources."""
        plain = self._plain(source)
        if self._uses[plain] == 1:
            return plain
        # Two files that differ in their endings, two parts that begin alike, two channels.
        name = self._path(source.audio)
        if source.offset is not None:
            name += f"@{source.offset}"
        if source.duration is not None:
            name += f"+{source.duration}"
        return name if source.channel is None else f"{name}#{source.channel}"

    def _plain(self, source: Source) -> str:
        name = os.path.splitext(self._path(source.audio))[0]
        return name if source.offset is None else f"{name}@{source.offset}"

    def _path(self, audio: str) -> str:
        parts = self._parts[audio]
        return "/".join(parts if parts[0] != "/" else parts[1:][-self._kept :])

    def _inside(self, audio: str) -> tuple[str, ...]:
        """Return the parts of the path inside the corpus, else of all of it, beginning with /."""
        folder, name = os.path.split(audio)
        if folder not in self._folders:
            self._folders[folder] = self._inside_folder(Path(folder))
        return (*self._folders[folder], *Path(name).parts) or (".",)

    def _inside_folder(self, folder: Path) -> tuple[str, ...]:
        if not folder.is_absolute():
            return folder.parts
        # Links inside the corpus stay what they are called there.
        here = self._place_of(self._folder)
        for above in (folder, *folder.parents):
            if here and self._place_of(str(above)) == here:
                return folder.relative_to(above).parts
        real = Path(_real(str(folder)))
        inside = real.is_relative_to(self._folder)
        return real.relative_to(self._folder).parts if inside else folder.parts

    def _shortest(self) -> int:
        """Return how many last parts tell the audio outside apart, and from that inside."""
        outside = {parts for parts in self._parts.values() if parts[0] == "/"}
        inside = {"/".join(p) for p in self._parts.values() if p[0] != "/"}
        longest = max((len(parts) - 1 for parts in outside), default=1)
        for kept in range(1, longest):
            names = {"/".join(parts[1:][-kept:]) for parts in outside}
            if len(names) == len(outside) and not names & inside:
                return kept
        return longest


def _place(folder: str) -> tuple[int, int] | None:
    """Return what tells a folder from all others, however it is reached."""
    try:
        found = os.stat(folder)
    except (OSError, ValueError):  # ValueError: a path with a zero byte
        return None
    return found.st_dev, found.st_ino


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except ValueError:  # a path with a zero byte, which no file has
        return folder
