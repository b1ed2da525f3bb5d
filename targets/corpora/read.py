"""Real speech: a manifest, a LibriSpeech folder or a Lhotse cut set becomes a corpus."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from targets.corpora.entry import KNOWN_SPLITS, CorpusError, Entry, Problem
from targets.corpora.jsonl import read_jsonl
from targets.corpora.lhotse import read_cuts
from targets.corpora.librispeech import is_librispeech, read_librispeech
from targets.speech.audio import AudioError, differs
from targets.speech.transcript import TranscriptError, normalise
from targets.speech.utterance import SAMPLE_RATE, Corpus, Utterance

__all__ = ["KNOWN_SPLITS", "CorpusError", "Problem", "problems", "read_corpus", "survey"]

_log = logging.getLogger(__name__)


def read_corpus(path: Path, *, split: str | None = None) -> Corpus:
    """Read real speech, all of it or one split.

    `path` is a JSONL manifest, a folder with `manifest.jsonl`, a LibriSpeech folder, or a Lhotse
    cut set (`.jsonl.gz`). The attributes of an utterance hold what else its source says, among it
    `split` and `gender` where known, and always the native `sample_rate` in Hz. Audio that had to
    be resampled or mixed down is counted in one line of the log.

    Raises:
        CorpusError: at the first problem, naming file and line.
    """
    if split is not None and split not in KNOWN_SPLITS:
        raise CorpusError(f"{path}: unknown split {split!r} — use one of {', '.join(KNOWN_SPLITS)}")
    utterances = []
    for item in survey(path, split=split):
        if isinstance(item, Problem):
            raise CorpusError(f"{item} (`overheard corpus {path}` lists all problems)")
        utterances.append(item)
    if not utterances:
        what = "no utterance" if split is None else f"no utterance in split {split!r}"
        raise CorpusError(f"{path}: {what} — choose another path or split")
    _notice(path, utterances)
    return Corpus(path.resolve().name.removesuffix(".gz").removesuffix(".jsonl"), tuple(utterances))


def problems(path: Path) -> list[Problem]:
    """Return everything that is wrong with a corpus, found in one pass over all of its audio.

    Raises:
        CorpusError: there is no corpus at `path` at all.
    """
    return [item for item in survey(path) if isinstance(item, Problem)]


def survey(path: Path, *, split: str | None = None) -> Iterator[Utterance | Problem]:
    """Yield every good utterance and every problem, in the order of the source.

    Holds one recording at a time. With `split`, entries of other splits are passed over unread.

    Raises:
        CorpusError: there is no corpus at `path` at all.
    """
    first_lines: dict[str, Entry] = {}
    for item in _stated(path):
        if isinstance(item, Problem):
            yield item
            continue
        if split is not None and item.split in KNOWN_SPLITS and item.split != split:
            continue
        found: list[Problem] = []
        earlier = first_lines.setdefault(item.id, item)
        if earlier is not item:
            found.append(
                item.problem(
                    f"duplicate id {item.id!r}, first on line {earlier.line}",
                    "give every utterance an id of its own",
                )
            )
        if item.split is not None and item.split not in KNOWN_SPLITS:
            found.append(
                item.problem(
                    f"unknown split {item.split!r}", f"use one of {', '.join(KNOWN_SPLITS)}"
                )
            )
        utterance = _load(item, found)
        yield from found
        # An entry without a split belongs to none: it is checked, and left out of every split.
        if utterance is not None and not found and (split is None or item.split == split):
            yield utterance


def _stated(path: Path) -> Iterator[Entry | Problem]:
    """Yield the entries of `path`, with the operating system's refusals in one line."""
    try:
        yield from _entries(path)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror} — make it readable") from None


def _entries(path: Path) -> Iterator[Entry | Problem]:
    if path.is_dir():
        if (path / "manifest.jsonl").is_file():
            return read_jsonl(path / "manifest.jsonl")
        if is_librispeech(path):
            return read_librispeech(path)
        raise CorpusError(
            f"{path}: no corpus in this folder — it needs a manifest.jsonl, or the *.trans.txt "
            "files of LibriSpeech"
        )
    if not path.is_file():
        raise CorpusError(f"{path}: no such file or folder — give a corpus")
    if path.name.endswith(".jsonl.gz"):
        return read_cuts(path)
    if path.suffix in (".jsonl", ".json"):
        return read_jsonl(path)
    raise CorpusError(
        f"{path}: not a corpus — give a folder, a .jsonl manifest or a Lhotse .jsonl.gz"
    )


def _load(entry: Entry, found: list[Problem]) -> Utterance | None:
    """Return the utterance that `entry` states, or None and what is wrong with it in `found`."""
    text, recording = None, None
    try:
        text = normalise(entry.text)
    except TranscriptError as error:
        found.append(entry.problem(str(error), error.remedy))
    try:
        recording = entry.read()
    except AudioError as error:
        found.append(entry.problem(str(error), error.remedy))
    except OSError as error:
        found.append(entry.problem(f"audio: {error.strerror}", "correct the path or its rights"))
    if recording is not None and entry.duration is not None:
        seconds = len(recording.samples) / SAMPLE_RATE
        if differs(entry.duration, seconds):
            found.append(
                entry.problem(
                    f"duration {entry.duration:g} s, but the audio has {seconds:.2f} s",
                    "correct the duration, or copy the audio again",
                )
            )
    if text is None or recording is None:
        return None
    attributes = {**entry.attributes, "sample_rate": str(recording.rate)}
    attributes["channels"] = str(recording.channels)
    if entry.split is not None:
        attributes["split"] = entry.split
    return Utterance(entry.id, entry.speaker, recording.samples, text, (), attributes)


def _notice(path: Path, utterances: list[Utterance]) -> None:
    """Say once what was changed about the audio."""
    rates = Counter(int(u.attributes["sample_rate"]) for u in utterances)
    if rates.keys() - {SAMPLE_RATE}:
        listed = ", ".join(f"{n} at {r} Hz" for r, n in sorted(rates.items()) if r != SAMPLE_RATE)
        _log.warning("%s: resampled to %d Hz: %s", path, SAMPLE_RATE, listed)
    mixed = sum(u.attributes["channels"] != "1" for u in utterances)
    if mixed:
        _log.warning("%s: mixed down to one channel: %d recordings", path, mixed)
