"""Word errors and leakage of each cohort of speakers, and tests of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.registry import ATTACKS
from leaderboard.cohorts.contrast import Area, Contrast, area, area_gap, holm, rate_gap
from leaderboard.figures.intervals import Counts, mean_over_seeds, rate
from leaderboard.figures.paired import Beside, counts_of
from leaderboard.figures.ranks import auc_influence
from leaderboard.figures.seeds import Repeated
from leaderboard.records.record import FEWEST_CANDIDATES, Record
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

UNDEFENDED = "none"
FEWEST_SPEAKERS = 3  # of a cohort, and of those it is compared with

Group = NDArray[np.bool_]


@dataclass(frozen=True)
class CohortFigures:
    """What a cell gives for one cohort.

    Gaps are the figure of the cohort less that of all others whose attribute is known;
    `wer_gap_less_none` is the gap of word errors less that of plain training. p-values hold for all
    cohorts of the cell together (Holm), each kind by itself; None where nothing was tested.
    """

    cohort: str
    speakers: int
    wer: Estimate
    wer_gap: Estimate
    wer_p: float | None
    wer_gap_less_none: Estimate
    less_none_p: float | None
    candidates: int
    auc: Estimate
    auc_gap: Estimate
    auc_p: float | None


@dataclass(frozen=True)
class _Split:
    """A cohort among some speakers (K,): who is in it, and whom it is compared with."""

    inside: Group
    outside: Group

    @property
    def parts(self) -> frozenset[tuple[bool, ...]]:
        """The two sides, whichever is which: female against male is one test, not two."""
        return frozenset({tuple(self.inside.tolist()), tuple(self.outside.tolist())})

    @property
    def testable(self) -> bool:
        """Whether there are enough speakers on both sides."""
        return min(self.inside.sum(), self.outside.sum()) >= FEWEST_SPEAKERS


def cohort_names(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Return every cohort that some speaker of the records belongs to: attribute and value."""
    known = {
        item for record in records for of_one in record.cohorts.values() for item in of_one.items()
    }
    return sorted(known)


def cohort_figures(cell: Repeated, beside: Beside, attack: str | None) -> list[CohortFigures]:
    """Return the figures of every cohort of a cell that gave anything.

    `beside` has the rows among which that of plain training is found; `attack` is the one whose
    scores rank candidates, or `attack_of` each record's suite.
    """
    rows = cell.measured
    names = cohort_names(rows)
    if not rows or not names:
        return []
    said = rows[0].cohorts
    wer = _word_errors(rows, beside, {name: _split(name, said, rows[0]) for name in names})
    leaks = _leakage(rows, names, attack)
    return [CohortFigures(" ".join(name), *wer[name], *leaks[name]) for name in names]


def attack_of(record: Record) -> str | None:
    """Return the attack that a suite's audit fixed beforehand, or else its first on membership."""
    audit = record.cell.conditions.audit
    if audit is not None and audit.attack in record.scores:
        return audit.attack
    named = (a.name for a in record.cell.conditions.attacks)
    return next(
        (n for n in named if n in record.scores and ATTACKS[n].family == "membership"), None
    )


def _split(name: tuple[str, str], said: Mapping[str, Mapping[str, str]], record: Record) -> _Split:
    attribute, value = name
    known = [said.get(s, {}).get(attribute) for s in sorted(record.word_errors)]
    return _groups(known, value)


def _groups(known: Sequence[str | None], value: str) -> _Split:
    inside = np.array([one == value for one in known], dtype=bool)
    return _Split(inside, np.array([one is not None for one in known], dtype=bool) & ~inside)


_Wer = tuple[int, Estimate, Estimate, float | None, Estimate, float | None]


def _word_errors(
    rows: Sequence[Record], beside: Beside, splits: Mapping[tuple[str, str], _Split]
) -> dict[tuple[str, str], _Wer]:
    counts = counts_of(rows)
    if counts is None:
        nothing = Estimate.unscored("the record is from before errors were kept for each utterance")
        return dict.fromkeys(splits, (0, nothing, nothing, None, nothing, None))
    plain = _of_plain_training(rows, beside, counts)
    few = Estimate.unscored(f"fewer than {FEWEST_SPEAKERS} test speakers on a side")
    gaps, wider = dict[tuple[str, str], Contrast](), dict[tuple[str, str], Contrast]()
    for name, split in splits.items():
        if split.testable:
            sides = split.inside, split.outside
            gaps[name] = rate_gap([(counts, 1.0)], *sides)
            if not isinstance(plain, Estimate):
                wider[name] = rate_gap([(counts, 1.0), (plain, -1.0)], *sides)
    parts = {name: split.parts for name, split in splits.items()}
    gap_p, wider_p = _adjusted(gaps, parts), _adjusted(wider, parts)
    found = {}
    for name, split in splits.items():
        method = _method(split, len(rows))
        own = rate(counts[:, split.inside]) if split.inside.any() else few
        gap = gaps[name].estimate(method) if name in gaps else few
        more = plain if isinstance(plain, Estimate) else few
        more = wider[name].estimate(f"{method}, paired with none") if name in wider else more
        speakers = int(split.inside.sum())
        found[name] = (speakers, own, gap, gap_p.get(name), more, wider_p.get(name))
    return found


def _method(split: _Split, seeds: int) -> str:
    named = f"Student's t over {split.inside.sum()} and {split.outside.sum()} speakers"
    return named + (f" and {seeds} seeds" if seeds > 1 else "")


def _of_plain_training(rows: Sequence[Record], beside: Beside, counts: Counts) -> Counts | Estimate:
    """Return the counts of plain training with the same seeds and test speech, or why not."""
    controls = [beside.control_of(row, UNDEFENDED) for row in rows]
    found = [control for control in controls if isinstance(control, Record)]
    if len(found) < len(rows):
        return next(control for control in controls if isinstance(control, Estimate))
    other = counts_of(found)
    if other is None or other.shape != counts.shape or (other[..., 1] != counts[..., 1]).any():
        return Estimate.unscored("its test speech is other speech than that of plain training")
    return other


def _adjusted(
    contrasts: Mapping[tuple[str, str], Contrast],
    parts: Mapping[tuple[str, str], frozenset[tuple[bool, ...]]],
) -> dict[tuple[str, str], float]:
    """Return the p-value of each that was tested, adjusted for how many different ones."""
    tested = {name: contrast.p for name, contrast in contrasts.items() if contrast.varies}
    each = {parts[name]: p for name, p in tested.items()}
    adjusted = dict(zip(each, holm(list(each.values())), strict=True))
    return {name: adjusted[parts[name]] for name in tested}


_Leak = tuple[int, Estimate, Estimate, float | None]


def _leakage(
    rows: Sequence[Record], names: Sequence[tuple[str, str]], attack: str | None
) -> dict[tuple[str, str], _Leak]:
    played = [_Played.of(row, attack or attack_of(row)) for row in rows]
    if any(one is None for one in played):
        nothing = Estimate.unscored("a record has no scores of such an attack, or not who spoke")
        return dict.fromkeys(names, (0, nothing, nothing, None))
    games = [one for one in played if one is not None]
    few = Estimate.unscored(
        f"fewer than {FEWEST_SPEAKERS} speakers, or than {FEWEST_CANDIDATES} members or held-out "
        "candidates, on a side"
    )
    gaps, owns = dict[tuple[str, str], Contrast](), dict[tuple[str, str], Estimate]()
    sides = {name: [_groups(game.known(name[0]), name[1]) for game in games] for name in names}
    for name, splits in sides.items():
        pairs = [game.areas(split) for game, split in zip(games, splits, strict=True)]
        both = [pair for pair in pairs if pair is not None]
        if len(both) == len(games):
            inside, outside = zip(*both, strict=True)
            groups = [split.inside for split in splits]
            owns[name] = _own(area(inside), games, groups)
            gaps[name] = area_gap(inside, outside)
    adjusted = _adjusted(gaps, {name: sides[name][0].parts for name in names})
    return {
        name: (
            int(sides[name][0].inside.sum()),
            owns.get(name, few),
            gaps[name].estimate("DeLong over speakers, unpaired") if name in gaps else few,
            adjusted.get(name),
        )
        for name in names
    }


def _own(found: Contrast, games: Sequence[_Played], groups: Sequence[Group]) -> Estimate:
    """Return the AUC of a cohort; where nothing varies, with the interval that has a width."""
    if not found.varies:
        each = [game.separated(group) for game, group in zip(games, groups, strict=True)]
        return mean_over_seeds(each, least=0.0, shared=True)
    known = found.estimate("DeLong over speakers")
    low, high = max(0.0, known.low), min(1.0, known.high)
    return Estimate(known.value, low, high, known.level, known.method)


@dataclass(frozen=True, eq=False)
class _Played:
    """The candidates (N,) of a game that an attack gave scores, each with its coin and speaker."""

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    members: Group
    speakers: tuple[str, ...]
    cohorts: Mapping[str, Mapping[str, str]]
    unit: Unit

    @classmethod
    def of(cls, record: Record, attack: str | None) -> _Played | None:
        """Return all but the canaries; where a speaker has one coin, each speaker as one."""
        scores = record.scores.get(attack or "", {})
        said_by = {c: name for name, said in record.speakers.items() for c in said}
        conditions = record.cell.conditions
        canaries = {*conditions.canaries.ids}
        kept = [c for c in scores if c in said_by and c not in canaries]
        if not kept:
            return None
        names, speakers = tuple(kept), tuple(said_by[c] for c in kept)
        values = np.array([scores[c] for c in kept])
        members = np.array([record.coins[c] for c in kept], dtype=bool)
        if conditions.unit == "speaker":
            found, index = np.unique(speakers, return_inverse=True)
            values = np.bincount(index, values) / np.bincount(index)
            members = np.bincount(index, members) > 0
            names = speakers = tuple(map(str, found))
        return cls(names, values, members, speakers, record.cohorts, conditions.unit)

    def known(self, attribute: str) -> list[str | None]:
        """Return the value of an attribute for each candidate."""
        return [self.cohorts.get(s, {}).get(attribute) for s in self.speakers]

    def areas(self, split: _Split) -> tuple[Area, Area] | None:
        """Return the AUC within a cohort, and that within the others."""
        inside, outside = self._area(split.inside), self._area(split.outside)
        return None if inside is None or outside is None else (inside, outside)

    def separated(self, group: Group) -> Estimate:
        """Return the AUC of a group with the interval that has a width where nothing varies."""
        # Here, since they need scipy, and reading records does not.
        from attacks.statistics.evidence import Trials
        from attacks.statistics.ranking import auc

        speakers = np.array(self.speakers)
        inside, outside = group & self.members, group & ~self.members
        return auc(
            Trials(
                self.scores[inside],
                self.scores[outside],
                self.unit,
                "one_run",
                speakers[inside],
                speakers[outside],
            )
        )

    def _area(self, group: Group) -> Area | None:
        members = self.members[group]
        chosen = np.flatnonzero(group)
        speakers = {self.names[i]: self.speakers[i] for i in chosen}
        enough = min(members.sum(), (~members).sum()) >= FEWEST_CANDIDATES
        if not enough or len(set(speakers.values())) < FEWEST_SPEAKERS:
            return None
        value, influence = auc_influence(self.scores[group], members)
        return Area(value, dict(zip(speakers, influence.tolist(), strict=True)), speakers)
