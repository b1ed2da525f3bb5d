"""Reader of Kaldi data directories: wav.scp, text, utt2spk and, for parts of recordings, segments.

A wav.scp that runs commands, or points into Kaldi archives, is refused line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from targets.corpora.entry import Entry, Problem
from targets.corpora.fields import split_of
from targets.corpora.lines import beside_or_above, text_lines
from targets.speech.audio import read_audio

_GENDERS = {"f": "female", "m": "male"}
_ARCHIVE = re.compile(r"\.ark:\d+")


class Kaldi:
    """A data directory, or a folder of several such as data/train and data/test."""

    def recognises(self, path: Path) -> bool:
        """Tell whether `path`, or a folder in it, has a wav.scp and a text."""
        return path.is_dir() and bool(_directories(path))

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what every line of text states, and a problem for what nothing transcribes."""
        for folder in _directories(path):
            yield from _read(folder)


def _directories(path: Path) -> list[Path]:
    if _is_data(path):
        return [path]
    return sorted(p for p in path.iterdir() if p.is_dir() and _is_data(p))


def _is_data(folder: Path) -> bool:
    return (folder / "wav.scp").is_file() and (folder / "text").is_file()


class _Part(NamedTuple):
    """Where an utterance lies: the line that says so, its audio, start and length in seconds."""

    file: Path
    line: int
    audio: Path
    offset: float = 0.0
    duration: float | None = None


def _read(folder: Path) -> Iterator[Entry | Problem]:
    speakers, genders = dict[str, str](), dict[str, str]()
    recordings, parts = dict[str, _Part](), dict[str, _Part]()
    yield from _speakers(folder, speakers)
    yield from _genders(folder, genders)
    yield from _recordings(folder, recordings)
    segmented = (folder / "segments").is_file()
    if segmented:
        yield from _segments(folder / "segments", recordings, parts)
    else:
        parts = recordings
    split = split_of(re.split("[-_]", folder.resolve().name)[0])
    said = set()
    for item in text_lines(folder / "text"):
        if isinstance(item, Problem):
            yield item
            continue
        line, (identity, text) = item[0], _halves(item[1])
        said.add(identity)

        def wrong(message: str, remedy: str, line: int = line) -> Problem:
            return Problem(folder / "text", line, message, remedy)

        if identity not in parts:
            where = "segments" if segmented else "wav.scp"
            yield wrong(f"no good line of {where} has {identity!r}", f"add it to {where}")
            continue
        if identity not in speakers:
            yield wrong(f"no speaker of {identity!r}", "add it to utt2spk; splits are by speaker")
            continue
        part = parts[identity]
        speaker = speakers[identity]
        yield Entry(
            file=folder / "text",
            line=line,
            id=identity,
            speaker=speaker,
            text=text,
            read=partial(read_audio, part.audio, offset=part.offset, duration=part.duration),
            audio=part.audio,
            duration=part.duration,
            split=split,
            attributes={"gender": genders[speaker]} if speaker in genders else {},
        )
    for identity, part in parts.items():
        if identity not in said:
            yield Problem(
                part.file, part.line, f"{identity!r} is not in text", "transcribe it or remove it"
            )


def _recordings(folder: Path, into: dict[str, _Part]) -> Iterator[Problem]:
    file = folder / "wav.scp"
    for item in text_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        line, (identity, place) = item[0], _halves(item[1])
        if place.startswith("|") or place.endswith("|"):
            yield Problem(file, line, "a command, and none is run", "save its output as a file")
        elif _ARCHIVE.search(place):
            yield Problem(file, line, "a Kaldi archive", "write the audio as FLAC or WAV files")
        elif not place:
            yield Problem(file, line, f"no audio of {identity!r}", "add the path of a file")
        elif identity in into:
            yield _twice(file, line, identity, into[identity].line)
        else:
            into[identity] = _Part(file, line, beside_or_above(folder, place))


def _segments(
    file: Path, recordings: dict[str, _Part], into: dict[str, _Part]
) -> Iterator[Problem]:
    for item in text_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        line, words = item[0], item[1].split()
        begin, end = (_time(word) for word in (*words[2:4], "", "")[:2])
        if len(words) < 4 or begin is None or begin < 0 or end is None or -1 != end <= begin:
            yield Problem(file, line, "no segment", "write UTTERANCE RECORDING START END (seconds)")
        elif words[0] in into:
            yield _twice(file, line, words[0], into[words[0]].line)
        elif words[1] not in recordings:
            yield Problem(
                file, line, f"no good line of wav.scp has {words[1]!r}", "add it to wav.scp"
            )
        else:
            length = None if end == -1 else end - begin  # -1: to the end of the recording
            into[words[0]] = _Part(file, line, recordings[words[1]].audio, begin, length)


def _speakers(folder: Path, into: dict[str, str]) -> Iterator[Problem]:
    """Read utt2spk, or spk2utt, which says the same the other way round."""
    file = folder / "utt2spk"
    inverse = not file.is_file() and (folder / "spk2utt").is_file()
    if inverse:
        file = folder / "spk2utt"
    elif not file.is_file():
        yield Problem(file, None, "missing", "write UTTERANCE SPEAKER a line; splits are by it")
        return
    for item in text_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        first, *others = item[1].split()
        if inverse:
            into.update(dict.fromkeys(others, first))
        elif len(others) != 1:
            yield Problem(file, item[0], "not an utterance and a speaker", "correct the line")
        else:
            into[first] = others[0]


def _genders(folder: Path, into: dict[str, str]) -> Iterator[Problem]:
    file = folder / "spk2gender"
    if not file.is_file():
        return
    for item in text_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        speaker, gender = _halves(item[1])
        if gender.lower()[:1] in _GENDERS:
            into[speaker] = _GENDERS[gender.lower()[:1]]


def _halves(line: str) -> tuple[str, str]:
    words = line.split(maxsplit=1)
    return words[0], words[1] if len(words) > 1 else ""


def _time(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if -1e9 < value < 1e9 else None


def _twice(file: Path, line: int, identity: str, earlier: int) -> Problem:
    return Problem(
        file, line, f"{identity!r} again, first on line {earlier}", "give each a name of its own"
    )
