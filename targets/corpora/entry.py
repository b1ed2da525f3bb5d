"""What a source of real speech claims, before any of it is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from targets.core.errors import OverheardError, shown
from targets.speech.audio import Recording

# The words a manifest may use for its parts: the usual three, and the two of the membership game.
KNOWN_SPLITS = ("train", "dev", "test", "public", "private")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a corpus, where it stands, and what to do about it.

    `line` counts from 1; None means the file as a whole.
    """

    file: Path
    line: int | None
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else str(self.file)
        # One line, whatever the manifest put into its paths.
        return shown(" ".join(f"{where}: {self.message} — {self.remedy}".splitlines()))


class CorpusError(OverheardError):
    """A corpus cannot be used; the message is one line that names file and line."""


@dataclass(frozen=True)
class Entry:
    """One utterance as stated at `file`:`line`.

    `read` returns the audio or raises `AudioError`; `audio` is the file it lies in, if any. `text`
    is as written; `duration` is the stated one in seconds, if any; `split` is None where the source
    knows no splits.
    """

    file: Path
    line: int
    id: str
    speaker: str
    text: str
    read: Callable[[], Recording]
    audio: Path | None = None
    duration: float | None = None
    split: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def problem(self, message: str, remedy: str) -> Problem:
        """Return a problem with this entry."""
        return Problem(self.file, self.line, message, remedy)
