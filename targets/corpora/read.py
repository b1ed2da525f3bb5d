"""Real speech: whatever layout a reader of the registry recognises becomes a corpus."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from targets.core.errors import OverheardError
from targets.corpora.entry import KNOWN_SPLITS, CorpusError, Entry, Problem
from targets.corpora.fit import too_much_text, too_short
from targets.corpora.registry import CORPORA, Reader
from targets.speech.audio import REMARKS, AudioError, Recording, differs
from targets.speech.transcript import TranscriptError, normalise
from targets.speech.utterance import SAMPLE_RATE, Corpus, Samples, Utterance

__all__ = [
    "KNOWN_SPLITS",
    "CorpusError",
    "Finding",
    "Problem",
    "examine",
    "problems",
    "read_corpus",
    "recognised",
    "survey",
]

IN_MEMORY = 256 << 20  # bytes of samples of a corpus, a bit more than an hour of speech
_SHOWN = 5  # ids in a warning

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Finding:
    """A good utterance: what was stated, its normalised text, and its sound.

    `utterance` is None where the audio was not decoded; `remarks` are keys of `REMARKS`.
    """

    entry: Entry
    text: str
    utterance: Utterance | None
    remarks: tuple[str, ...] = ()


def read_corpus(path: Path, *, split: str | None = None) -> Corpus:
    """Read real speech, all of it or one split.

    The attributes of an utterance hold what else its source says, among it `split` and `gender`
    where known, and always the native `sample_rate` in Hz and the number of `channels`. What was
    changed about the audio, or is odd about it, is said in a few lines of the log. All of it is
    read once; the samples of the first `IN_MEMORY` bytes stay in memory, the others are read again
    each time that they are asked for.

    Raises:
        CorpusError: at the first problem, naming file and line.
    """
    if split is not None and split not in KNOWN_SPLITS:
        raise CorpusError(f"{path}: unknown split {split!r} — use one of {', '.join(KNOWN_SPLITS)}")
    utterances, remarks, held = [], list[tuple[str, str]](), 0
    for item in examine(path, split=split):
        if isinstance(item, Problem):
            raise CorpusError(f"{item} (`overheard corpus {path}` lists all problems)")
        assert item.utterance is not None
        held += item.utterance.samples.nbytes
        utterances.append(item.utterance if held <= IN_MEMORY else _read_again(item))
        remarks += [(remark, item.entry.id) for remark in item.remarks]
    if not utterances:
        what = "no utterance" if split is None else f"no utterance in split {split!r}"
        raise CorpusError(f"{path}: {what} — choose another path or split")
    _notice(path, utterances)
    for line in remark_lines(remarks):
        _log.warning("%s: %s", path, line)
    return Corpus(path.resolve().name.removesuffix(".gz").removesuffix(".jsonl"), tuple(utterances))


@dataclass(frozen=True)
class Recorded:
    """The sound of an entry, read anew each time. See `targets.speech.utterance.Sound`."""

    entry: Entry
    size: int

    def read(self) -> Samples:
        """Read the samples.

        Raises:
            CorpusError: they are not what they were when the corpus was read.
        """
        try:
            samples = self.entry.read().samples
        except (AudioError, OSError) as error:
            raise CorpusError(f"{self.entry.file}:{self.entry.line}: {error}") from None
        if len(samples) != self.size:
            raise CorpusError(
                f"{self.entry.file}:{self.entry.line}: the audio has changed — start again"
            )
        return samples


def _read_again(finding: Finding) -> Utterance:
    """Return a good utterance without its samples, which are read when they are asked for."""
    assert finding.utterance is not None
    return replace(finding.utterance, samples=Recorded(finding.entry, finding.utterance.size))


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
    for item in examine(path, split=split):
        if isinstance(item, Problem):
            yield item
        else:
            assert item.utterance is not None
            yield item.utterance


def examine(
    path: Path, *, split: str | None = None, decode: bool = True
) -> Iterator[Finding | Problem]:
    """Yield every good utterance with what was noticed about it, and every problem.

    Without `decode` no audio is opened; that its file is there is all that is looked at.

    Raises:
        CorpusError: there is no corpus at `path` at all.
    """
    seen: dict[str, tuple[Path, int]] = {}
    for item in _stated(path):
        if isinstance(item, Problem):
            yield item
            continue
        if split is not None and item.split in KNOWN_SPLITS and item.split != split:
            continue
        found: list[Problem] = []
        place = (item.file, item.line)
        earlier = seen.setdefault(item.id, place)
        if earlier != place:
            file, line = earlier
            first = f"on line {line}" if file == item.file else f"at {file}:{line}"
            found.append(
                item.problem(
                    f"duplicate id {item.id!r}, first {first}",
                    "give every utterance an id of its own",
                )
            )
        if item.split is not None and item.split not in KNOWN_SPLITS:
            found.append(
                item.problem(
                    f"unknown split {item.split!r}", f"use one of {', '.join(KNOWN_SPLITS)}"
                )
            )
        finding = _finding(item, found, decode)
        yield from found
        # An entry without a split belongs to none: it is checked, and left out of every split.
        if finding is not None and not found and (split is None or item.split == split):
            yield finding


def recognised(path: Path) -> str:
    """Return the name of the layout that a path has.

    Raises:
        CorpusError: none of the registry.
    """
    try:
        if not path.exists():
            raise CorpusError(f"{path}: no such file or folder — give a corpus")
        if path.is_dir() or path.is_file():
            for name in CORPORA.names():
                if _reader(name).recognises(path):
                    return name
    except OSError as error:
        raise _unreadable(path, error) from None
    known = "; ".join(entry.summary for entry in CORPORA)
    what = "no corpus in this folder" if path.is_dir() else "not a corpus"
    raise CorpusError(f"{path}: {what} — it may be {known}")


def _reader(name: str) -> Reader:
    return cast(Reader, CORPORA.load(name)())


def _stated(path: Path) -> Iterator[Entry | Problem]:
    """Yield the entries of `path`, with the operating system's refusals in one line."""
    try:
        yield from _reader(recognised(path)).read(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except OverheardError as error:
        raise error if isinstance(error, CorpusError) else CorpusError(str(error)) from None


def _unreadable(path: Path, error: OSError) -> CorpusError:
    return CorpusError(f"{error.filename or path}: {error.strerror or error} — make it readable")


def _finding(entry: Entry, found: list[Problem], decode: bool) -> Finding | None:
    """Return the utterance that `entry` states, or None and what is wrong with it in `found`."""
    text = None
    try:
        text = normalise(entry.text)
    except TranscriptError as error:
        found.append(entry.problem(str(error), error.remedy))
    if not decode:
        if entry.audio is not None and not _is_file(entry.audio):
            found.append(
                entry.problem(f"no audio file {entry.audio}", "restore it or correct the path")
            )
        if text is None:
            return None
        complaint = None if entry.duration is None else too_much_text(text, entry.duration)
        if complaint is not None:
            found.append(entry.problem(*complaint))
        return Finding(entry, text, None)
    recording = _recording(entry, found)
    if text is None or recording is None:
        return None
    seconds = len(recording.samples) / SAMPLE_RATE
    for complaint in (too_short(len(recording.samples)), too_much_text(text, seconds)):
        if complaint is not None:
            found.append(entry.problem(*complaint))
            break
    attributes = {**entry.attributes, "sample_rate": str(recording.rate)}
    attributes["channels"] = str(recording.channels)
    if recording.channel is not None:
        attributes["channel"] = str(recording.channel)
    if entry.split is not None:
        attributes["split"] = entry.split
    utterance = Utterance(
        *(entry.id, entry.speaker, recording.samples, text),
        attributes=attributes,
        origin=f"{entry.file}:{entry.line}",
    )
    return Finding(entry, text, utterance, recording.remarks)


def _recording(entry: Entry, found: list[Problem]) -> Recording | None:
    try:
        recording = entry.read()
    except AudioError as error:
        found.append(entry.problem(str(error), error.remedy))
        return None
    except OSError as error:
        found.append(
            entry.problem(f"audio: {error.strerror or error}", "correct the path or its rights")
        )
        return None
    seconds = len(recording.samples) / SAMPLE_RATE
    if entry.duration is not None and differs(entry.duration, seconds):
        found.append(
            entry.problem(
                f"duration {entry.duration:g} s, but the audio has {seconds:.2f} s",
                "correct the duration, or copy the audio again",
            )
        )
    return recording


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def remark_lines(remarks: list[tuple[str, str]]) -> list[str]:
    """Return a line for each kind of (remark, id): how many, the first ids, what it may mean."""
    lines = []
    for kind, meaning in REMARKS.items():
        ids = [identity for remark, identity in remarks if remark == kind]
        if ids:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            lines.append(
                f"{kind}: {len(ids)} recording{'s' * (len(ids) > 1)}, {', '.join(ids[:_SHOWN])}"
                f"{more} ({meaning})"
            )
    return lines


def _notice(path: Path, utterances: list[Utterance]) -> None:
    """Say once what was changed about the audio."""
    rates = Counter(int(u.attributes["sample_rate"]) for u in utterances)
    if rates.keys() - {SAMPLE_RATE}:
        listed = ", ".join(f"{n} at {r} Hz" for r, n in sorted(rates.items()) if r != SAMPLE_RATE)
        _log.warning("%s: resampled to %d Hz: %s", path, SAMPLE_RATE, listed)
    mixed = sum(is_mixed(u) for u in utterances)
    if mixed:
        _log.warning("%s: mixed down to one channel: %d recordings", path, mixed)


def is_mixed(utterance: Utterance) -> bool:
    """Tell whether an utterance is the mean of several channels."""
    says = utterance.attributes
    return says.get("channels", "1") != "1" and "channel" not in says
