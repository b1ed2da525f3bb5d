"""The file that says what to train on, as each trainer reads it."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from targets.speech.utterance import SAMPLE_RATE

Format = Literal["manifest", "nemo", "hf", "lhotse", "kaldi"]
FORMATS: tuple[Format, ...] = get_args(Format)

# The file to name to a trainer, in `train/`; of Kaldi it is the folder.
FILES: dict[Format, str] = {
    "manifest": "manifest.jsonl",
    "nemo": "manifest.json",
    "hf": "metadata.csv",
    "lhotse": "cuts.jsonl.gz",
    "kaldi": "",
}


@dataclass(frozen=True)
class Line:
    """One recording to train on; `audio` is relative to the folder, `size` counts samples."""

    id: str
    audio: str
    text: str
    speaker: str
    size: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.size / SAMPLE_RATE


def sound_ending(form: Format) -> str:
    """Return the ending of audio files: Kaldi reads WAV alone."""
    return "wav" if form == "kaldi" else "flac"


def write_table(form: Format, folder: Path, lines: Sequence[Line]) -> None:
    """Write the lines, in this order, into the folder that the audio is in.

    Kaldi's files are sorted by name, as its tools require.
    """
    _WRITERS[form](folder, lines)


def _manifest(folder: Path, lines: Sequence[Line]) -> None:
    _json_lines(
        folder / FILES["manifest"],
        [
            {
                "id": line.id,
                "audio": line.audio,
                "text": line.text,
                "speaker": line.speaker,
                "duration": line.seconds,
            }
            for line in lines
        ],
    )


def _nemo(folder: Path, lines: Sequence[Line]) -> None:
    _json_lines(
        folder / FILES["nemo"],
        [
            {
                "audio_filepath": line.audio,
                "duration": line.seconds,
                "text": line.text,
                "speaker": line.speaker,
                "id": line.id,
            }
            for line in lines
        ],
    )


def _hf(folder: Path, lines: Sequence[Line]) -> None:
    with (folder / FILES["hf"]).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "text", "speaker", "id"))
        table.writerows((line.audio, line.text, line.speaker, line.id) for line in lines)


def _lhotse(folder: Path, lines: Sequence[Line]) -> None:
    # Without a time in the header, the same cuts are the same file.
    with (
        (folder / FILES["lhotse"]).open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file,
    ):
        for line in lines:
            file.write(f"{json.dumps(_cut(line), ensure_ascii=False)}\n".encode())


def _cut(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "start": 0.0,
        "duration": line.seconds,
        "channel": 0,
        "supervisions": [
            {
                "id": line.id,
                "recording_id": line.id,
                "start": 0.0,
                "duration": line.seconds,
                "channel": 0,
                "text": line.text,
                "speaker": line.speaker,
            }
        ],
        "recording": {
            "id": line.id,
            "sources": [{"type": "file", "channels": [0], "source": line.audio}],
            "sampling_rate": SAMPLE_RATE,
            "num_samples": line.size,
            "duration": line.seconds,
            "channel_ids": [0],
        },
        "type": "MonoCut",
    }


def _kaldi(folder: Path, lines: Sequence[Line]) -> None:
    # Ids begin with the speaker's: sorted by one, they are sorted by the other too.
    lines = sorted(lines, key=lambda line: line.id.encode())
    of_speakers: dict[str, list[str]] = {}
    for line in lines:
        of_speakers.setdefault(line.speaker, []).append(line.id)
    files = {
        "wav.scp": [f"{line.id} {line.audio}" for line in lines],
        "text": [f"{line.id} {' '.join(line.text.split())}" for line in lines],
        "utt2spk": [f"{line.id} {line.speaker}" for line in lines],
        "spk2utt": [f"{speaker} {' '.join(ids)}" for speaker, ids in of_speakers.items()],
    }
    for name, rows in files.items():
        (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _json_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    path.write_text(text, encoding="utf-8")


_WRITERS: dict[Format, Callable[[Path, Sequence[Line]], None]] = {
    "manifest": _manifest,
    "nemo": _nemo,
    "hf": _hf,
    "lhotse": _lhotse,
    "kaldi": _kaldi,
}
