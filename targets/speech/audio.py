"""Recordings read from FLAC and WAV files (or anything libsndfile reads) as mono at 16 kHz."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from targets.speech.utterance import SAMPLE_RATE, Samples

_UNKNOWN_SIZE = (0, 0xFFFFFFFF)  # in the header of a WAV that was streamed


@dataclass(frozen=True, eq=False)
class Recording:
    """Audio as overheard uses it, and what it was: native `rate` in Hz and number of channels."""

    samples: Samples
    rate: int
    channels: int


class AudioError(ValueError):
    """A recording cannot be used: one line that says why, and `remedy`, what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def read_audio(path: Path, *, offset: float = 0.0, duration: float | None = None) -> Recording:
    """Read `duration` seconds of `path` from `offset` on (None: to the end).

    Raises:
        AudioError: the file is missing, unreadable, truncated, empty, or holds NaN.
    """
    if not path.is_file():
        raise AudioError(f"no audio file {path}", "restore it or correct the path")
    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = file.samplerate, file.frames
            start = round(offset * rate)
            stop = frames if duration is None else start + round(duration * rate)
            # A slack of 10 ms: stated times are rounded.
            if stop > frames + rate // 100 or start > frames:
                raise AudioError(
                    f"{path} ends at {frames / rate:.2f} s, before {stop / rate:.2f} s",
                    "the audio is truncated or the offset is wrong",
                )
            stop = min(stop, frames)
            file.seek(start)
            waves = file.read(stop - start, dtype="float32", always_2d=True)
            is_wav = file.format == "WAV"
    except soundfile.LibsndfileError as error:
        reason = str(error).rstrip(".").splitlines()[0]
        raise AudioError(
            f"{path} cannot be decoded ({reason})", "the audio is truncated or no FLAC or WAV"
        ) from None
    if len(waves) < stop - start or (is_wav and _is_cut_short(path)):
        raise AudioError(f"{path} is truncated", "copy the file again")
    return to_mono(waves, rate, name=str(path))


def to_mono(waves: Samples, rate: int, *, name: str) -> Recording:
    """Return `waves` (S, C) at `rate` Hz as a recording: the mean of the channels, at 16 kHz.

    Raises:
        AudioError: there is nothing in it, or NaN or infinity.
    """
    if not waves.size:
        raise AudioError(f"{name} has zero length", "drop the line or record it again")
    if not np.isfinite(waves).all():
        raise AudioError(f"{name} holds NaN or infinite samples", "export the audio again")
    mono = np.ascontiguousarray(waves.mean(axis=1), dtype=np.float32)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
        if not len(mono):
            raise AudioError(f"{name} is shorter than one sample", "drop the line")
    return Recording(mono, rate, waves.shape[1])


def _is_cut_short(path: Path) -> bool:
    """Tell whether a WAV file is shorter than its header says: libsndfile reads on silently."""
    with path.open("rb") as file:
        head = file.read(8)
    stated = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or stated in _UNKNOWN_SIZE:
        return False
    # Some writers forget the padding byte of an odd chunk.
    return stated + 8 > path.stat().st_size + 1


def differs(stated: float, seconds: float) -> bool:
    """Tell whether a stated duration is wrong: beyond rounding, 0.1 s or 2 %."""
    return not math.isclose(stated, seconds, rel_tol=0.02, abs_tol=0.1)
