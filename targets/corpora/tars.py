"""Audio inside tar archives, read in place: nothing is unpacked to the disk."""

from __future__ import annotations

import tarfile
from pathlib import Path

from targets.speech.audio import AudioError, Recording, read_bytes


class Archive:
    """The files of one archive by name; their bytes are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Look through the archive.

        Raises:
            AudioError: it is no plain tar archive.
        """
        self.path = path
        if not path.is_file():
            raise AudioError(f"no archive {path}", "restore it or correct its name")
        try:
            with tarfile.open(path, "r:") as tar:
                self.places = {
                    member.name.removeprefix("./"): (member.offset_data, member.size)
                    for member in tar
                    if member.isreg() and not member.issparse()
                }
        except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
            raise AudioError(
                f"{path} is truncated or no tar archive ({str(error)[:80]})",
                "copy it again, or unpack its .gz",
            ) from None

    def read(
        self, name: str, *, offset: float, duration: float | None, channel: int | None
    ) -> Recording:
        """Read one file as `read_audio` does.

        Raises:
            AudioError: it is not there, or is no good audio.
        """
        if name not in self.places:
            raise AudioError(f"{self.path} holds no {name}", "copy the archive again")
        place, size = self.places[name]
        with self.path.open("rb") as file:
            file.seek(place)
            data = file.read(min(size, self.path.stat().st_size))
        if len(data) < size:
            raise AudioError(f"{self.path} is truncated", "copy the archive again")
        return read_bytes(
            data,
            name=f"{self.path}: {name}",
            offset=offset,
            duration=duration,
            channel=channel,
        )
