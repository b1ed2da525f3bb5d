"""From a row of keys and values, of JSON or of a table, to what it states about an utterance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from targets.corpora import fields
from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import Row
from targets.corpora.names import Names, Source
from targets.speech.audio import AudioError, Recording, read_audio, to_mono

# Reads the part of the audio of a row: what `read_audio` does, but of a path as written.
Open = Callable[..., Recording]


@dataclass(frozen=True)
class Keys:
    """Under which keys a layout says what: the first that says something counts."""

    audio: tuple[str, ...] = ("audio_filepath", "audio")
    text: tuple[str, ...] = ("text",)
    speaker: tuple[str, ...] = ("speaker",)

    @property
    def own(self) -> frozenset[str]:
        """All keys that have a meaning; every other is an attribute."""
        parts = ("id", "duration", "offset", "split", "channel", "channel_selector")
        return frozenset((*self.audio, *self.text, *self.speaker, *parts))


@dataclass(frozen=True)
class Rows:
    """The rows of one file, whose audio lies relative to `folder`.

    `rows` may be called twice: names that are made up need to know all of them. `split` is that of
    rows that state none.
    """

    file: Path
    folder: Path
    rows: Callable[[], Iterable[Row | Problem]]
    keys: Keys = Keys()
    split: str | None = None
    open: Open | None = None

    def entries(self, names: Names | None = None) -> Iterator[Entry | Problem]:
        """Yield what every row states, or the first thing that is wrong with it.

        `names` are those of a corpus of several files; None: this file is the corpus.
        """

        def named() -> Names:
            # Made when the first row without an id is met: most manifests have none, or only such.
            nonlocal names
            names = names or Names(self.folder, self.sources())
            return names

        own = self.keys.own
        for item in self.rows():
            yield item if isinstance(item, Problem) else self._entry(*item, named, own)

    def sources(self) -> Iterator[Source]:
        """Yield where the audio of every row lies that has no id."""
        for item in self.rows():
            if isinstance(item, Problem) or _has_id(item[1]):
                continue
            try:
                yield self._source(item[1])
            except fields.FieldError:
                continue

    def _entry(
        self, line: int, row: dict[str, Any], named: Callable[[], Names], own: frozenset[str]
    ) -> Entry | Problem:
        try:
            return self._stated(line, row, named, own)
        except fields.FieldError as error:
            return Problem(self.file, line, str(error), error.remedy)

    def _stated(
        self, line: int, row: dict[str, Any], named: Callable[[], Names], own: frozenset[str]
    ) -> Entry:
        audio = _audio(row, self.keys.audio)
        text = next((row[k] for k in self.keys.text if isinstance(row.get(k), str)), None)
        if text is None:
            raise fields.FieldError("no text", f'add "{self.keys.text[0]}": the transcript')
        key = self.keys.speaker[0]
        speaker = fields.name(
            row, self.keys.speaker, "speaker", f'add "{key}": who is heard; splits are by speaker'
        )
        duration, offset = fields.seconds(row, "duration"), fields.seconds(row, "offset")
        channel = _channel(row)
        part: dict[str, Any] = {
            "offset": float(offset or 0),
            # Without an offset the duration is a claim about the whole file, checked afterwards.
            "duration": None if offset is None or duration is None else float(duration),
            "channel": channel,
        }
        place = None
        if isinstance(audio, str):
            place = self.folder / audio
            read = partial(read_audio, place, **part)
            if self.open is not None:
                place, read = None, partial(self.open, audio, row, **part)
        else:
            read = partial(of_array, audio, **part)
        if _has_id(row) or not isinstance(audio, str):
            identity = fields.name(row, ("id",), "id", 'add "id": a name of its own')
        else:
            written = row["offset"] if offset is not None else None
            lasts = row["duration"] if duration is not None else None
            identity = named().of(Source(audio, written, lasts, channel))
        split = row.get("split")
        return Entry(
            file=self.file,
            line=line,
            id=identity,
            speaker=speaker,
            text=text,
            read=read,
            audio=place,
            duration=None if duration is None else float(duration),
            split=self.split if split is None else str(split),
            attributes=fields.attributes(row, own),
        )

    def _source(self, row: Mapping[str, Any]) -> Source:
        audio = _audio(row, self.keys.audio)
        if not isinstance(audio, str):
            raise fields.FieldError("no path", "add a path")
        offset = row["offset"] if fields.seconds(row, "offset") is not None else None
        duration = row["duration"] if fields.seconds(row, "duration") is not None else None
        return Source(audio, offset, duration, _channel(row))


def _has_id(row: Mapping[str, Any]) -> bool:
    return row.get("id") not in (None, "")


def _channel(row: Mapping[str, Any]) -> int | None:
    """Return the channel that a row asks for; NeMo calls it channel_selector."""
    key = "channel_selector" if row.get("channel") is None else "channel"
    return fields.channel(row, key)


def _audio(row: Mapping[str, Any], keys: tuple[str, ...]) -> str | Mapping[str, Any]:
    """Return the path of the audio as written, or an object that holds samples.

    Raises:
        FieldError: there is neither.
    """
    audio = next((row[key] for key in keys if row.get(key) not in (None, "")), None)
    if isinstance(audio, dict):  # as Hugging Face's datasets write it
        if "array" in audio:
            return audio
        audio = audio.get("path")
    if not isinstance(audio, str) or not audio:
        raise fields.FieldError("no audio", f'add "{keys[-1]}": the path of a FLAC or WAV file')
    if "://" in audio:
        raise fields.FieldError(
            f"the audio {fields.brief(audio)} is an address", "download it; only files are read"
        )
    return audio


def of_array(
    audio: Mapping[str, Any],
    *,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
) -> Recording:
    """Return the sound of an object that holds samples, {"array": [...], "sampling_rate": Hz}.

    Raises:
        AudioError: it holds none, or the part that is asked for is not there.
    """
    name, remedy = "the array of the audio", 'write {"array": [numbers], "sampling_rate": Hz}'
    rate = audio.get("sampling_rate")
    if not isinstance(rate, int) or isinstance(rate, bool):
        raise AudioError(f"{name} has no sampling_rate", remedy)
    try:
        waves = np.asarray(audio["array"], dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise AudioError(f"{name} holds no numbers", remedy) from None
    if waves.ndim != 1:
        raise AudioError(f"{name} is no list of numbers", remedy)
    start = round(offset * rate)
    stop = len(waves) if duration is None else start + round(duration * rate)
    if stop > len(waves) + rate // 100 or start > len(waves):
        raise AudioError(f"{name} ends before {stop / rate:.2f} s", "correct offset or duration")
    return to_mono(waves[start:stop, None], rate, name=name, channel=channel)
