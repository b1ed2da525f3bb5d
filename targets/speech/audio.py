"""Recordings read from FLAC and WAV files (or what else libsndfile reads) as mono at 16 kHz."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from targets.speech.containers import CHECKED, DECODER_NOTICES, completed, is_cut_short
from targets.speech.utterance import SAMPLE_RATE, Samples

SHORTEST = 257  # samples at 16 kHz: log-mel features reflect half a window of 512 at both ends

# What is noticed about a recording that can be used, and what it may mean.
REMARKS = {
    "silent": "nothing louder than -60 dB: is it the right file, or channel?",
    "antiphase": 'the channels cancel when mixed: choose one with "channel"',
    "clipped": "the loudest samples are flat: recorded or exported too loud",
    "long": "over a minute: training on one takes about 5 MB a second; cut it, or set max_seconds",
    "integer scale": "floats far beyond 1: divide by 32768 and export again",
}

_RATES = range(1_000, 768_001)  # Hz
_BLOCK = 1 << 22  # samples: a header may promise more than there is memory
_UNKNOWN = 1 << 62  # frames; libsndfile's word for a FLAC stream of unknown length is above it
_LONG = 60  # s
_QUIET = 1e-3  # of full scale
_INTEGER = 16.0  # decoded MP3 overshoots 1 a little, never so far
_FLAT = 3  # samples in a row
_FLAT_PART = 5e-4  # of all samples


@dataclass(frozen=True, eq=False)
class Recording:
    """Audio as overheard uses it, and what it was.

    `rate` is the native one in Hz, `channels` how many there are in the file, `channel` the one
    that was asked for (None: their mean), `remarks` are keys of `REMARKS`.
    """

    samples: Samples
    rate: int
    channels: int
    channel: int | None = None
    remarks: tuple[str, ...] = ()


class AudioError(ValueError):
    """A recording cannot be used: one line that says why, and `remedy`, what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def read_audio(
    path: Path, *, offset: float = 0.0, duration: float | None = None, channel: int | None = None
) -> Recording:
    """Read `duration` seconds of `path` from `offset` on (None: to the end).

    Of several channels that of number `channel`, from 0, is taken; None takes their mean.

    Raises:
        AudioError: the file is missing, unreadable, truncated, empty, or holds NaN.
    """
    if not path.is_file():
        raise AudioError(f"no audio file {path}", "restore it or correct the path")
    return _decode(path, str(path), offset, duration, channel)


def read_bytes(
    data: bytes,
    *,
    name: str,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
) -> Recording:
    """Read an audio file that is in memory, as `read_audio` does; `name` is for messages.

    Raises:
        AudioError: it is unreadable, truncated, empty, or holds NaN.
    """
    return _decode(data, name, offset, duration, channel)


def _decode(
    source: Path | bytes, name: str, offset: float, duration: float | None, channel: int | None
) -> Recording:
    try:
        with soundfile.SoundFile(source if isinstance(source, Path) else io.BytesIO(source)) as f:
            container, rate = f.format, f.samplerate
            if container not in CHECKED | DECODER_NOTICES:
                raise AudioError(
                    f"{name} is a {container} file, and whether it is whole cannot be checked",
                    "convert it to FLAC or WAV",
                )
            if not f.frames and container == "WAV":
                data = source.read_bytes() if isinstance(source, Path) else source
                whole = completed(data)
                if whole is not None:
                    return _decode(whole, name, offset, duration, channel)
            waves, expected = _part(f, name, offset, duration)
    except (soundfile.SoundFileError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, AudioError):
            raise
        reason = (str(error).rstrip(".").splitlines() or [type(error).__name__])[0]
        raise AudioError(
            f"{name} cannot be decoded ({reason})", "the audio is truncated or no FLAC or WAV"
        ) from None
    if len(waves) < expected or (container in CHECKED and _is_cut_short(source, container)):
        raise AudioError(f"{name} is truncated", "copy the file again")
    return to_mono(waves, rate, name=name, channel=channel)


def _part(
    file: soundfile.SoundFile, name: str, offset: float, duration: float | None
) -> tuple[Samples, int]:
    """Return frames (S, C) and how many there should be."""
    rate = file.samplerate
    known = file.frames < _UNKNOWN
    start = round(offset * rate)
    stop = None if duration is None else start + round(duration * rate)
    if known:
        frames = file.frames
        stop = frames if stop is None else stop
        # A slack of 10 ms: stated times are rounded.
        if stop > frames + rate // 100 or start > frames:
            raise _beyond(name, frames / rate, stop / rate)
        stop = min(stop, frames)
        if start:
            file.seek(start)
        return _frames(file, stop - start), stop - start
    file.seekable = lambda: False  # soundfile seeks after every read, which cannot be done here
    waves = _frames(file, stop)
    if len(waves) < start or (stop is not None and len(waves) < stop - rate // 100):
        raise _beyond(name, len(waves) / rate, (stop or start) / rate)
    return waves[start:], 0


def _frames(file: soundfile.SoundFile, count: int | None) -> Samples:
    """Return up to `count` frames (S, C), all that follow where it is None."""
    most = max(_BLOCK // file.channels, 1)
    blocks = []
    while count is None or count > 0:
        wanted = most if count is None else min(count, most)
        block = file.read(wanted, dtype="float32", always_2d=True)
        blocks.append(block)
        if len(block) < wanted:
            break
        count = None if count is None else count - wanted
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)


def _beyond(name: str, has: float, asked: float) -> AudioError:
    return AudioError(
        f"{name} ends at {has:.2f} s, before {asked:.2f} s",
        "the audio is truncated or the offset is wrong",
    )


def _is_cut_short(source: Path | bytes, container: str) -> bool:
    file: BinaryIO
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        return is_cut_short(file, container)


def to_mono(waves: Samples, rate: int, *, name: str, channel: int | None = None) -> Recording:
    """Return `waves` (S, C) at `rate` Hz as a recording of one channel at 16 kHz.

    Raises:
        AudioError: there is nothing in it, or NaN or infinity, or no such channel.
    """
    if not waves.size:
        raise AudioError(f"{name} has zero length", "drop the line or record it again")
    if rate not in _RATES:
        raise AudioError(f"{name} has {rate} samples a second", "no speech has; export it again")
    # NaN and infinity show at the ends of the range, so that one look serves for both.
    if not math.isfinite(_peak(waves)):
        raise AudioError(f"{name} holds NaN or infinite samples", "export the audio again")
    channels = waves.shape[1]
    if channel is not None:
        if not 0 <= channel < channels:
            raise AudioError(
                f"{name} has {channels} channel{'s' * (channels > 1)}, none of number {channel}",
                "channels count from 0",
            )
        waves = waves[:, channel : channel + 1]
    one = waves[:, 0] if waves.shape[1] == 1 else waves.mean(axis=1)
    mono = np.ascontiguousarray(one, dtype=np.float32)
    remarks = _remarks(waves, mono)
    if len(mono) > _LONG * rate:
        remarks += ("long",)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
        if not len(mono):
            raise AudioError(f"{name} is shorter than one sample", "drop the line")
    return Recording(mono, rate, channels, channel, remarks)


def _remarks(waves: Samples, mono: Samples) -> tuple[str, ...]:
    """Return what is noticed about the channels that are used (S, C) and their mean (S,)."""
    peak = _peak(waves)
    if peak < _QUIET:
        return ("silent",)
    if peak > _INTEGER:
        return ("integer scale",)
    found = []
    # Of cancelling channels less than a tenth of their strength is left.
    if waves.shape[1] > 1 and _power(mono) < 0.01 * _power(waves):
        found.append("antiphase")
    if peak > 0.985 and _is_flat(waves, peak):
        found.append("clipped")
    return tuple(found)


def _peak(waves: Samples) -> float:
    return float(np.maximum(waves.max(), -waves.min()))  # NaN where there is one


def _power(waves: Samples) -> float:
    return float(np.square(waves).mean())


def _is_flat(waves: Samples, peak: float) -> bool:
    """Tell whether a good part of the samples stands at the peak, several in a row."""
    top = np.abs(waves) > peak - 1.5 / 32768
    runs = top[2:] & top[1:-1] & top[:-2]
    return _FLAT * int(runs.sum()) >= max(_FLAT, _FLAT_PART * waves.size)


def differs(stated: float, seconds: float) -> bool:
    """Tell whether a stated duration is wrong: beyond rounding, 0.1 s or 2 %."""
    return not math.isclose(stated, seconds, rel_tol=0.02, abs_tol=0.1)
