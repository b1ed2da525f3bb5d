"""The layouts of real speech that are read, in the order in which a path is tried on them.

To read another layout, write one file with a `Reader` and add one line here; an installed package
adds its line through the entry-point group `overheard.corpora` and is asked last.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from targets.core.registry import Entry, Registry
from targets.corpora import entry as stated

_READERS = "targets.corpora.readers."


class Reader(Protocol):
    """What reads one layout. It is made without arguments and keeps nothing between calls."""

    def recognises(self, path: Path) -> bool:
        """Tell from names, or from the first line of a file, whether `path` has this layout."""
        ...

    def read(self, path: Path) -> Iterator[stated.Entry | stated.Problem]:
        """Yield every utterance that is stated, its audio unread, and every problem."""
        ...


CORPORA: Registry[Entry] = Registry(
    "corpus layout",
    "overheard.corpora",
    [
        Entry(
            name="manifest",
            path=_READERS + "manifest:Manifest",
            summary="a JSONL manifest or JSON array, also NeMo's; a folder with manifest.jsonl",
        ),
        Entry(
            name="librispeech",
            path=_READERS + "librispeech:LibriSpeech",
            summary="LibriSpeech: SPEAKER/CHAPTER/*.flac beside *.trans.txt, from any folder of it",
        ),
        Entry(
            name="lhotse",
            path=_READERS + "lhotse:Lhotse",
            summary="a Lhotse cut set, .jsonl or .jsonl.gz, or a folder with nothing but one",
        ),
    ],
)
