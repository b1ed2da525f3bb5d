"""A toy reader: a folder with `toy.txt`, a line of it an audio file, a speaker and what is said."""

from __future__ import annotations

from functools import partial

from targets.corpora.entry import Entry
from targets.speech.audio import read_audio


class Toy:
    """Reads `toy.txt`."""

    def recognises(self, path):
        return (path / "toy.txt").is_file()

    def read(self, path):
        listing = path / "toy.txt"
        for number, line in enumerate(listing.read_text().splitlines(), start=1):
            name, speaker, text = line.split(maxsplit=2)
            yield Entry(
                file=listing,
                line=number,
                id=name,
                speaker=speaker,
                text=text,
                read=partial(read_audio, path / name),
                audio=path / name,
            )
