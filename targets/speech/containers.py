"""Whether an audio file holds all that its header promises; libsndfile reads a cut one silently.

FLAC and MP3 are not here: their decoder notices.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

# Of streams: whoever wrote the header did not know the length yet. sox writes 0x7FFFFFFF, others
# round it down to whole blocks, ffmpeg 0xFFFFFFFF.
_UNKNOWN_FROM = 0x7FFF0000
_MOST_CHUNKS = 10_000  # before the sound: a file of nothing but empty chunks must not take minutes
_LONGEST_OGG_PAGE = 27 + 255 + 255 * 255  # bytes

Chunk = tuple[bytes, int, int]  # name, first byte, length as stated

DECODER_NOTICES = frozenset({"FLAC", "MP3"})
CHECKED = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "SVX", "AU", "CAF", "NIST", "OGG"})


def is_cut_short(file: BinaryIO, container: str) -> bool:
    """Tell whether `file` ends before the sound that its header promises.

    `container` is libsndfile's name of the format, one of `CHECKED`.
    """
    size = file.seek(0, io.SEEK_END)
    if container == "OGG":
        return not _ends_with_last_page(file, size)
    found = _sound(file, container)
    if found is None:
        return False
    first, length = found
    # Some writers forget the padding byte of an odd chunk.
    return length < _UNKNOWN_FROM and first + length > size + 1


def completed(data: bytes) -> bytes | None:
    """Return a streamed WAV file whose length was left at 0 with its length filled in.

    None where `data` is none: libsndfile takes 0 at its word.
    """
    if data[:4] != b"RIFF" or struct.unpack("<I", data[4:8])[0] in range(9, _UNKNOWN_FROM):
        return None
    for name, first, length in _chunks(io.BytesIO(data), 12, "<4sI"):
        if name == b"data":
            if length or first >= len(data):
                return None
            stated = struct.pack("<I", min(len(data) - first, 0xFFFFFFFF))
            return data[: first - 4] + stated + data[first:]
    return None


def _sound(file: BinaryIO, container: str) -> tuple[int, int] | None:
    """Return the first byte and the stated length of the sound; None where nothing is stated."""
    file.seek(0)
    head = file.read(32)
    if container == "AU":
        order = ">" if head[:4] == b".snd" else "<"
        return struct.unpack(order + "II", head[4:12])
    if container == "NIST":
        return _nist(file)
    long_length = None
    for name, first, length in _walk(file, container, head):
        if name == b"ds64" and container == "RF64":
            file.seek(first + 8)
            long_length = _number("<Q", file.read(8))
        elif name == b"data" and container == "RF64" and length == 0xFFFFFFFF:
            return None if long_length is None else (first, long_length)
        elif name[:4] in (b"data", b"SSND", b"BODY"):
            return first, length
    return None


def _walk(file: BinaryIO, container: str, head: bytes) -> Iterator[Chunk]:
    if container == "W64":
        return _chunks(file, 40, "<16sQ", align=8, own=24)
    if container == "CAF":
        return _chunks(file, 8, ">4sQ", align=1)
    if container in ("AIFF", "SVX") or head[:4] == b"RIFX":
        return _chunks(file, 12, ">4sI")
    return _chunks(file, 12, "<4sI")


def _chunks(
    file: BinaryIO, place: int, shape: str, *, align: int = 2, own: int = 0
) -> Iterator[Chunk]:
    """Yield the chunks from `place` on; a stated length counts `own` bytes of their headers."""
    size = struct.calcsize(shape)
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        header = file.read(size)
        if len(header) < size:
            return
        name, length = struct.unpack(shape, header)
        length = max(length - own, 0)
        yield name, place + size, length
        if length >= 1 << 48:  # unknown, or nonsense: nothing follows
            return
        place += size + length + -length % align


def _nist(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(8)
    first = file.readline(16).strip()
    if not first.isdigit() or len(first) > 8:
        return None
    file.seek(0)
    said = {}
    for line in file.read(min(int(first), 1 << 20)).splitlines():
        words = line.split()
        if len(words) >= 3 and words[1] == b"-i" and words[2].isdigit() and len(words[2]) < 16:
            said[words[0]] = int(words[2])
    if b"sample_count" not in said:
        return None
    count, channels = said[b"sample_count"], said.get(b"channel_count", 1)
    return int(first), count * channels * said.get(b"sample_n_bytes", 2)


def _ends_with_last_page(file: BinaryIO, size: int) -> bool:
    """Tell whether an Ogg file ends with a whole page that is marked as the last one."""
    file.seek(max(size - _LONGEST_OGG_PAGE, 0))
    tail = file.read()
    place = tail.rfind(b"OggS")
    while place >= 0:
        page = tail[place:]
        if len(page) > 27:
            lacing = page[27 : 27 + page[26]]
            if 27 + len(lacing) + sum(lacing) == len(page):
                return bool(page[5] & 4)
        place = tail.rfind(b"OggS", 0, place)
    return False


def _number(shape: str, data: bytes) -> int | None:
    return struct.unpack(shape, data)[0] if len(data) == struct.calcsize(shape) else None
