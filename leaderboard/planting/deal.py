"""Dealing the game: every coin is tossed, and all that follows from it is written, apart."""

from __future__ import annotations

import json
import logging
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import soundfile

from leaderboard.game.game import flip, is_one_unit
from leaderboard.planting.canaries import Spoken, Wanted, spoken
from leaderboard.planting.ceiling import LEVEL, ceiling
from leaderboard.planting.findings import usable
from leaderboard.planting.planted import (
    GAME,
    PUBLIC,
    SECRET,
    TRAIN,
    VERSION,
    Candidate,
    PlantedError,
    digest,
    sha256_of,
)
from leaderboard.planting.tables import FILES, Format, Line, sound_ending, write_table
from targets.core.files import whole_folder
from targets.core.randomness import Randomness
from targets.corpora.entry import CorpusError, Problem
from targets.corpora.read import Finding, examine, remark_lines
from targets.speech.utterance import SAMPLE_RATE, Samples, Unit, Utterance, unit_key

HELD_BACK = ("dev", "test")  # splits that are left alone where none is asked for
COHORTS = ("gender", "accent")  # attributes that an audit looks at apart
WARNING = """\
NEVER TRAIN ON WHAT IS IN THIS FOLDER, and show it to nobody who trains.

game.json holds the coins: which recordings were dealt into train/ and which were held out. The
recordings below audio/ are those that were held out. covered/ holds spoken secrets with noise in
their place. `overheard audit-model` reads all of it; without it there is no audit. If anything in
here reaches the training, or those who choose what is trained on, the audit means nothing.
"""

WRITTEN = 946_684_800  # s since 1970: the time that all files of a game have

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # what is done, how many of them, of how many


@dataclass(frozen=True)
class Deal:
    """How a game is dealt.

    `audit_fraction` is the share of the corpus's units that have a coin; the others are trained on.
    `split` is the one of the corpus that is dealt; None takes all but `HELD_BACK`.
    """

    unit: Unit
    canaries: Wanted
    format: Format = "manifest"
    audit_fraction: float = 1.0
    split: str | None = None
    delta: float = 1e-5
    claimed_epsilon: float | None = None

    def __post_init__(self) -> None:
        """Refuse shares and δ out of range.

        Raises:
            PlantedError: names the option.
        """
        if not 0.0 < self.audit_fraction <= 1.0:
            raise PlantedError(f"--audit-fraction {self.audit_fraction:g}: give above 0, at most 1")
        if not 0.0 <= self.delta < 1.0:
            raise PlantedError(f"--delta {self.delta:g}: give a number in [0, 1)")
        claim = self.claimed_epsilon
        if claim is not None and not (claim >= 0.0 and math.isfinite(claim)):
            raise PlantedError(f"--claimed-epsilon {claim:g}: give a number of at least 0")


@dataclass(frozen=True)
class Dealt:
    """What can be told of a game that was dealt: nothing about its coins.

    `candidates` have a coin, of whom `canaries` are spoken secrets; `coins` may audit ε, one for
    each unit; `always` are utterances that are trained on whatever the coins say; `left_out` are
    those of splits that were not dealt.
    """

    candidates: int
    canaries: int
    coins: int
    always: int
    left_out: int


def plant(
    corpus: Path, out: Path, deal: Deal, seed: int, progress: Progress | None = None
) -> Dealt:
    """Deal the game of a corpus into a new folder, and return what can be told of it.

    The folder is there whole or not at all. All coins, names and secrets follow from `seed`.

    Raises:
        FileExistsError: there is something at `out`.
        CorpusError: the corpus cannot be read, or something in it is wrong.
        PlantedError: there is nobody to toss a coin for, or the coins leave nobody on one side;
            or `out` is inside the corpus.
    """
    if corpus.is_dir() and out.resolve().is_relative_to(corpus.resolve()):
        raise PlantedError(
            f"{out}: is inside the corpus, which would be read with it — name another --out"
        )
    tell = progress or (lambda *_: None)
    plan = _look_through(corpus, deal.split)
    with whole_folder(out) as folder:
        table = _Table(folder, deal, Randomness(seed).child("planted"))
        found = _findings(corpus, plan)
        remarks = []
        for number, item in enumerate(found, 1):
            table.add(item)
            remarks += [(remark, item.entry.id) for remark in item.remarks]
            tell("utterances dealt", number, plan.size)
        for line in remark_lines(remarks):
            _log.warning("%s: %s", corpus, line)
        rng = Randomness(seed).child("canaries")
        said = spoken(deal.canaries, rng, lambda n, of: tell("canaries spoken", n, of))
        for number, canary in enumerate(said):
            table.add_canary(number, canary, upper=plan.upper)
        return table.finish(plan.left_out, seed)


@dataclass(frozen=True)
class _Plan:
    """What is read: one split, all, or all but `HELD_BACK`; how many; whether in capitals."""

    split: str | None
    skip: tuple[str, ...]
    size: int
    left_out: int
    upper: bool


def _look_through(corpus: Path, split: str | None) -> _Plan:
    """Return what is to be read, after a look at what the corpus states; opens no audio."""
    splits, texts_upper = Counter[str | None](), True
    for item in examine(corpus, split=split, decode=False):
        if isinstance(item, Problem):
            raise CorpusError(f"{item} (`overheard corpus {corpus}` lists all problems)")
        splits[item.entry.split] += 1
        texts_upper &= item.entry.text == item.entry.text.upper()
    skip = () if split is not None else tuple(s for s in HELD_BACK if s in splits)
    size = sum(n for s, n in splits.items() if s not in skip)
    if not size:
        which = f"in split {split!r}" if split else f"outside the splits {', '.join(HELD_BACK)}"
        raise CorpusError(f"{corpus}: no utterance {which} — choose another path or --split")
    kept = [s for s in splits if s not in skip]
    # Of one split the others need not be decoded.
    one = kept[0] if split is None and len(kept) == 1 and kept[0] is not None else split
    return _Plan(one, skip, size, sum(splits.values()) - size, texts_upper)


def _findings(corpus: Path, plan: _Plan) -> Iterator[Finding]:
    for item in examine(corpus, split=plan.split):
        if isinstance(item, Problem) or item.entry.split not in plan.skip:
            yield usable(item, corpus)


@dataclass(eq=False)
class _Table:
    """The folder as it grows: recordings are written as they come, the rest at the end."""

    folder: Path
    deal: Deal
    rng: Randomness
    candidates: list[Candidate] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    always: int = 0

    def add(self, finding: Finding) -> None:
        """Toss the coin of an utterance of the corpus, and write it where that says."""
        found = finding.utterance
        assert found is not None
        speaker = self._name("speaker", "of the corpus", finding.entry.speaker)
        u = Utterance(
            id=f"{speaker}-{self._name('utterance', 'of the corpus', finding.entry.id)}",
            speaker=speaker,
            samples=found.samples,
            text=" ".join(finding.entry.text.split()),
        )
        unit = unit_key(u, self.deal.unit)
        # 63 bits are enough to tell any two shares apart.
        if self.rng.child("dealt", unit).integer() / 2**63 >= self.deal.audit_fraction:
            self._train_on(u)
            self.always += 1
            return
        self.candidates.append(
            Candidate(
                id=u.id,
                audio=self._deal(u),
                text=u.text,
                member=self._heads(u),
                unit=unit,
                speaker=speaker,
                source=finding.entry.id,
                attributes={k: v for k, v in found.attributes.items() if k in COHORTS},
            )
        )

    def add_canary(self, number: int, canary: Spoken, *, upper: bool) -> None:
        """Toss the coin of a canary, and write it as often as it is said."""
        speaker = self._name("speaker", "voice", canary.voice)

        def cased(text: str) -> str:
            return text.upper() if upper else text

        def copy(n: int) -> Utterance:
            name = self._name("utterance", "canary", number, n)
            return Utterance(f"{speaker}-{name}", speaker, canary.samples, cased(canary.text))

        first = copy(0)
        audio, member = self._deal(first), self._heads(first)
        if member:
            for n in range(1, canary.repetitions):
                self._train_on(copy(n))
        covered = None
        if canary.covered is not None:
            covered = self._write(f"{SECRET}/covered", first.id, canary.covered)
        self.candidates.append(
            Candidate(
                id=first.id,
                audio=audio,
                text=first.text,
                member=member,
                unit=unit_key(first, self.deal.unit),
                speaker=speaker,
                kind="canary",
                template=canary.template,
                repetitions=canary.repetitions,
                form=canary.form,
                secret=canary.secret,
                twin=cased(canary.twin),
                covered=covered,
                heard=cased(canary.heard),
                attributes={"gender": canary.gender},
            )
        )

    def finish(self, left_out: int, seed: int) -> Dealt:
        """Write the tables, the game and the public page."""
        if len({c.member for c in self.candidates}) < 2:
            raise PlantedError(
                f"{len(self.candidates)} candidates: the coins left one side empty — deal more of "
                "the corpus, or plant canaries"
            )
        # By a name that means nothing: the order says neither coin nor kind.
        self.lines.sort(key=lambda line: line.id.rpartition("-")[2])
        self.candidates.sort(key=lambda candidate: candidate.id.rpartition("-")[2])
        write_table(self.deal.format, self.folder / TRAIN, self.lines)
        (self.folder / SECRET).mkdir(exist_ok=True)
        (self.folder / SECRET).chmod(0o700)
        (self.folder / SECRET / "README.txt").write_text(WARNING, encoding="utf-8")
        game = {
            "seed": seed,
            "files": {
                path.relative_to(self.folder).as_posix(): sha256_of(path)
                for path in sorted(self.folder.rglob("*"))
                if path.is_file()
            },
            "candidates": [candidate.to_json(self.folder) for candidate in self.candidates],
        }
        _json(self.folder / GAME, game)
        dealt = self._dealt(left_out)
        public = self._public(dealt)
        public["digest"] = digest(public, sha256_of(self.folder / GAME))
        _json(self.folder / PUBLIC, public)
        # Canaries are written last: by their times they could be told from speech.
        for path in self.folder.rglob("*"):
            os.utime(path, (WRITTEN, WRITTEN))
        return dealt

    def _dealt(self, left_out: int) -> Dealt:
        single = [c for c in self.candidates if is_one_unit(c.repetitions, self.deal.unit)]
        return Dealt(
            candidates=len(self.candidates),
            canaries=sum(c.kind == "canary" for c in self.candidates),
            coins=len({c.unit for c in single}),
            always=self.always,
            left_out=left_out,
        )

    def _public(self, dealt: Dealt) -> dict[str, Any]:
        return {
            "version": VERSION,
            "overheard": metadata.version("overheard"),
            "unit": self.deal.unit,
            "format": self.deal.format,
            "train": f"{TRAIN}/{FILES[self.deal.format]}",
            "candidates": dealt.candidates,
            "canaries": dealt.canaries,
            "coins": dealt.coins,
            "always_trained_on": dealt.always,
            "delta": self.deal.delta,
            "level": LEVEL,
            "ceiling": ceiling(dealt.coins, self.deal.delta),
            "ceiling_gaussian": ceiling(dealt.coins, self.deal.delta, "gaussian"),
            "claimed_epsilon": self.deal.claimed_epsilon,
        }

    def _heads(self, u: Utterance) -> bool:
        return bool(flip([u], self.rng.child("coins"), self.deal.unit)[0])

    def _deal(self, u: Utterance) -> Path:
        """Write an utterance where its coin says, and return the file."""
        if self._heads(u):
            return self._train_on(u)
        return self._write(f"{SECRET}/audio", u.id, u.samples)

    def _train_on(self, u: Utterance) -> Path:
        path = self._write(f"{TRAIN}/audio", u.id, u.samples)
        self.lines.append(Line(u.id, f"audio/{path.name}", u.text, u.speaker, u.size))
        return path

    def _write(self, place: str, name: str, samples: Samples) -> Path:
        path = self.folder / place / f"{name}.{sound_ending(self.deal.format)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
        return path

    def _name(self, *what: str | int) -> str:
        """Return a name that tells nothing: of a speaker, or of an utterance."""
        return f"{str(what[0])[0]}{self.rng.child('names', *what).integer() >> 15:012x}"


def _json(path: Path, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(f"{text}\n", encoding="utf-8")
