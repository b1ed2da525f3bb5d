"""Reader of the LibriSpeech layout: SPEAKER/CHAPTER/*.flac beside SPEAKER-CHAPTER.trans.txt."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from targets.corpora.entry import KNOWN_SPLITS, Entry, Problem
from targets.corpora.lines import files_below, text_lines
from targets.speech.audio import read_audio

_GENDERS = {"F": "female", "M": "male"}


class LibriSpeech:
    """LibriSpeech from any folder of it: all of it, a part, a speaker or a chapter."""

    def recognises(self, path: Path) -> bool:
        """Tell whether there is a LibriSpeech transcript anywhere below `path`."""
        return path.is_dir() and next(files_below(path, ".trans.txt"), None) is not None

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield every transcript line below `path`, and a problem for audio that no line names."""
        # Part and speaker are names of folders above, also of the one that is called "." here.
        folder = path.resolve()
        genders = _genders(folder)
        named: set[Path] = set()
        for transcript in files_below(folder, ".trans.txt"):
            chapter = transcript.parent
            speaker = chapter.parent.name
            part = chapter.parent.parent.name  # such as train-clean-100
            split = part.split("-")[0]
            attributes = {"chapter": chapter.name, "part": part}
            if speaker in genders:
                attributes["gender"] = genders[speaker]
            for item in text_lines(transcript):
                if isinstance(item, Problem):
                    yield item
                    continue
                identity, text = (*item[1].split(maxsplit=1), "")[:2]
                audio = chapter / f"{identity}.flac"
                if not audio.exists() and audio.with_suffix(".wav").exists():
                    audio = audio.with_suffix(".wav")
                named.add(audio)
                yield Entry(
                    file=transcript,
                    line=item[0],
                    id=identity,
                    speaker=speaker,
                    text=text,
                    read=partial(read_audio, audio),
                    audio=audio,
                    split=split if split in KNOWN_SPLITS else None,
                    attributes=attributes,
                )
        for audio in files_below(folder, ".flac"):
            if audio not in named:
                yield Problem(
                    audio, None, "no transcript names this audio", "add a line or remove it"
                )


def _genders(folder: Path) -> dict[str, str]:
    """Read SPEAKERS.TXT ("ID | SEX | ..."), which stands in `folder` or up to three above."""
    for place in (folder, *list(folder.parents)[:3]):
        table = place / "SPEAKERS.TXT"
        if table.is_file():
            rows = [
                [cell.strip() for cell in line.split("|")]
                for line in table.read_text(encoding="utf-8", errors="replace").splitlines()
                if not line.startswith(";")
            ]
            return {r[0]: _GENDERS[r[1]] for r in rows if len(r) > 1 and r[1] in _GENDERS}
    return {}
