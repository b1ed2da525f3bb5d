"""Reader of JSONL manifests, one utterance a line, as NeMo writes them and a little beyond.

Keys: `audio_filepath` or `audio` (relative to the manifest), `text`, `speaker`; optional `id`,
`duration` and `offset` (seconds), `split`; any other key becomes an attribute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from targets.corpora.entry import Entry, Problem
from targets.speech.audio import read_audio

Line = tuple[int, dict[str, Any]]  # its number, from 1, and its object

_LONGEST = 1e9  # s; also refuses NaN, infinity, and integers that no float holds
_OWN_KEYS = {"id", "speaker", "text", "audio", "audio_filepath", "duration", "offset", "split"}


def json_lines(lines: Iterator[bytes], file: Path) -> Iterator[Line | Problem]:
    """Yield (line number, object) of every line that is not blank, or the problem with it."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            # The byte-order mark that some editors write is no JSON.
            row = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            yield Problem(file, number, "not UTF-8", "save the file as UTF-8")
        except json.JSONDecodeError as error:
            yield Problem(
                file, number, f"not JSON ({error.msg}, column {error.colno})", "correct the line"
            )
        except RecursionError:
            yield Problem(file, number, "not JSON (nested too deep)", "correct the line")
        except ValueError as error:  # such as a number of 5,000 digits
            yield Problem(file, number, f"not JSON ({error})", "correct the line")
        else:
            if not _is_unicode(row):
                yield Problem(file, number, "half a character (lone surrogate)", "correct the line")
            elif isinstance(row, dict):
                yield number, row
            else:
                yield Problem(file, number, "not a JSON object", "write one object a line")


def _is_unicode(row: object) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def read_jsonl(manifest: Path) -> Iterator[Entry | Problem]:
    """Yield what each line of `manifest` states, or the first problem with stating it."""
    with manifest.open("rb") as lines:
        for item in json_lines(lines, manifest):
            yield item if isinstance(item, Problem) else _entry(manifest, *item)


def _entry(manifest: Path, line: int, row: dict[str, Any]) -> Entry | Problem:
    def wrong(message: str, remedy: str) -> Problem:
        return Problem(manifest, line, message, remedy)

    audio = row.get("audio_filepath", row.get("audio"))
    if not isinstance(audio, str) or not audio:
        return wrong("no audio", 'add "audio": the path of a FLAC or WAV file')
    text, speaker = row.get("text"), row.get("speaker")
    if not isinstance(text, str):
        return wrong("no text", 'add "text": the transcript')
    if isinstance(speaker, bool) or not isinstance(speaker, str | int) or speaker == "":
        return wrong("no speaker", 'add "speaker": who is heard; splits are by speaker')
    for key in ("duration", "offset"):
        if key in row and not _is_time(row[key]):
            return wrong(f"{key} {row[key]!r} is no time", f"write {key} in seconds")
    path = manifest.parent / audio
    offset, duration = float(row.get("offset", 0)), row.get("duration")
    identity = row.get("id")
    if identity is None:
        identity = _identity(manifest.parent, path, row)
    split = row.get("split")
    return Entry(
        file=manifest,
        line=line,
        id=str(identity),
        speaker=str(speaker),
        text=text,
        # Without an offset the duration is a claim about the whole file, checked afterwards.
        read=partial(
            read_audio, path, offset=offset, duration=duration if "offset" in row else None
        ),
        duration=duration,
        split=None if split is None else str(split),
        attributes={
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in row.items()
            if key not in _OWN_KEYS and value is not None
        },
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LONGEST


def _identity(folder: Path, audio: Path, row: dict[str, Any]) -> str:
    """Name an utterance after its audio, the same on every machine."""
    inside = audio.is_relative_to(folder)
    name = (audio.relative_to(folder) if inside else Path(audio.name)).with_suffix("").as_posix()
    return f"{name}@{row['offset']}" if "offset" in row else name
