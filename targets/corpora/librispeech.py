"""Reader of the LibriSpeech layout: SPEAKER/CHAPTER/*.flac beside SPEAKER-CHAPTER.trans.txt."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from targets.corpora.entry import KNOWN_SPLITS, Entry, Problem
from targets.speech.audio import read_audio

_GENDERS = {"F": "female", "M": "male"}


def is_librispeech(folder: Path) -> bool:
    """Tell whether there is a LibriSpeech transcript anywhere below `folder`."""
    return next(folder.rglob("*.trans.txt"), None) is not None


def read_librispeech(folder: Path) -> Iterator[Entry | Problem]:
    """Yield every transcript line below `folder`, and a problem for audio that no line names."""
    genders = _genders(folder)
    named: set[Path] = set()
    for transcript in sorted(folder.rglob("*.trans.txt")):
        chapter = transcript.parent
        speaker = chapter.parent.name
        part = chapter.parent.parent.name  # such as train-clean-100
        split = part.split("-")[0]
        for number, line in enumerate(transcript.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                identity, _, text = line.decode().strip().partition(" ")
            except UnicodeDecodeError:
                yield Problem(transcript, number, "not UTF-8", "save the file as UTF-8")
                continue
            audio = chapter / f"{identity}.flac"
            if not audio.exists() and audio.with_suffix(".wav").exists():
                audio = audio.with_suffix(".wav")
            named.add(audio)
            attributes = {"chapter": chapter.name, "part": part}
            if speaker in genders:
                attributes["gender"] = genders[speaker]
            yield Entry(
                file=transcript,
                line=number,
                id=identity,
                speaker=speaker,
                text=text,
                read=partial(read_audio, audio),
                split=split if split in KNOWN_SPLITS else None,
                attributes=attributes,
            )
    for audio in sorted(folder.rglob("*.flac")):
        if audio not in named:
            yield Problem(audio, None, "no transcript names this audio", "add a line or remove it")


def _genders(folder: Path) -> dict[str, str]:
    """Read SPEAKERS.TXT ("ID | SEX | ..."), which stands in `folder` or one or two above."""
    for place in (folder, *list(folder.resolve().parents)[:2]):
        table = place / "SPEAKERS.TXT"
        if table.is_file():
            rows = [
                [cell.strip() for cell in line.split("|")]
                for line in table.read_text(encoding="utf-8", errors="replace").splitlines()
                if not line.startswith(";")
            ]
            return {r[0]: _GENDERS[r[1]] for r in rows if len(r) > 1 and r[1] in _GENDERS}
    return {}
