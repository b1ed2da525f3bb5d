"""What the first page shows: the rows of its table, the points of its charts, its choices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leaderboard.figures.headline import HEADLINE, headline, membership, short_name
from leaderboard.figures.headline import strongest as strongest_name
from leaderboard.figures.paired import Beside
from leaderboard.figures.seeds import over_seeds
from leaderboard.records.board import Board
from leaderboard.records.numbers import number_to_json
from leaderboard.records.record import Record
from leaderboard.records.strongest import strongest
from leaderboard.site.entries import Entry, Run
from leaderboard.views import glossary
from leaderboard.views.controls import HEADERS, SELF_TRAINED, WER_KEYS, control_columns
from leaderboard.views.repetition_table import columns_of, headers_of, repetition_rows
from leaderboard.views.table import (
    PROVEN,
    SEEDS,
    TITLES,
    Row,
    compact,
    for_reading,
    identity,
    place,
    proven,
    row_of,
)
from targets.core.estimate import Estimate

COLUMNS = ("scheme", "target", "seed", "epsilon", "wer", *HEADLINE, *PROVEN, "status")
NUMBERS = ("seed", "epsilon", "wer", *HEADLINE, *PROVEN)

OVER_SEEDS = (
    "target", "scheme", SEEDS, "epsilon", "wer", *WER_KEYS, *HEADLINE, *PROVEN, "status",
)  # fmt: skip
KINDS = {"telephone": " over the telephone"}  # of embedded speech
RANKED = "membership"  # the column of the attack on all candidates

CHARTS = {
    "audit": (
        "Theory, practice and worst case",
        "What is promised, across, against what is proven, up. Filled: the model as attacked. "
        "With a dot: the model at its worst. Open: the mechanism, watched while it trains. Both "
        "stand there where they were measured. The thin line reaches up to the ceiling, the most "
        "that could have been proven. In the shaded region the promise is false.",
    ),
    "wer-epsilon": (
        "Word errors against the promise",
        "What privacy costs. Lower is better; at ∞ stand entries that promise nothing.",
    ),
    "leak-epsilon": (
        "Leakage against the promise",
        "What the attack got. The dashed line is guessing: there, this attack learned nothing.",
    ),
    "pareto": (
        "Leakage against word errors",
        "Down and left is better. The line joins the entries that no other beats on both.",
    ),
}


@dataclass(frozen=True)
class Shown:
    """A value as a reader sees it: its text, what stands below, its place, why it is missing."""

    shown: str
    below: tuple[str, ...] = ()
    sort: str = ""
    why: str = ""
    number: bool = False
    title: str = ""


def by_suite(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each suite."""
    suites: dict[str, list[Entry]] = {}
    for entry in entries:
        suites.setdefault(entry.suite, []).append(entry)
    return suites


def seen_and_heard(entries: Sequence[Entry]) -> dict[Run, list[str]]:
    """Return the runs in which there is something to see or hear, and their suites."""
    runs: dict[Run, list[str]] = {}
    for entry in entries:
        if entry.run.picture or entry.run.sounds:
            suites = runs.setdefault(entry.run, [])
            if entry.suite not in suites:
                suites.append(entry.suite)
    return runs


def board(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return what the template of the first page asks for."""
    suites = by_suite(entries)
    return {
        "suites": [
            {"name": name, "count": len(held), "conditions": conditions(held[0].record)}
            for name, held in suites.items()
        ],
        "choices": {
            "target": sorted({e.record.cell.target for e in entries}),
            "scheme": sorted({e.record.cell.label for e in entries}),
            "status": sorted({e.status for e in entries}),
        },
        "columns": [
            {
                "key": key,
                "title": TITLES.get(key, key),
                "number": key in NUMBERS,
                "meaning": glossary.COLUMNS[key],
            }
            for key in COLUMNS
        ],
        "rows": [{"entry": entry, "cells": cells(entry)} for entry in entries],
        "summaries": list(summaries(suites)),
        "intervals": glossary.INTERVALS,
        "attacks": [{"key": attack, "title": TITLES[attack]} for attack in HEADLINE],
        "charts": [{"key": k, "title": t, "meaning": m} for k, (t, m) in CHARTS.items()],
        "runs": [
            {"name": run.name, "run": run, "suites": ", ".join(names)}
            for run, names in seen_and_heard(entries).items()
        ],
    }


def summaries(suites: Mapping[str, Sequence[Entry]]) -> Iterator[dict[str, Any]]:
    """Return the further tables of each suite: its cells over their seeds, its repeated secrets."""
    for suite, entries in suites.items():
        records = [entry.record for entry in entries if not entry.superseded_by]
        results = [result for entry in entries for result in entry.results]
        audits = [audit for entry in entries[:1] for audit in entry.board.audits]
        board = Board.of(records, results, audits)
        beside = Beside.of(records)
        over = [
            row | control_columns(cell, beside)
            for cell in over_seeds(sorted(records, key=place))
            for row in [row_of(cell, board)]
        ]
        if any(len(row[SEEDS]) > 1 for row in over):
            yield {
                "id": f"{suite}-seeds",
                "suite": suite,
                "title": f"Over seeds: {suite}",
                "hint": "One row for each cell, the mean of its seeds: intervals hold seeds and "
                "test speakers. The rows of single seeds are in the table above.",
                **shown(over, OVER_SEEDS, HEADERS),
            }
        repeated, numbers = repetition_rows(records)
        if repeated:
            yield {
                "id": f"{suite}-repetitions",
                "suite": suite,
                "title": f"Secrets by how often they are said: {suite}",
                "hint": "Exposure in bits of secrets that were trained on. A secret said n times "
                "is a group of n utterances, and what is promised to it is the ε of n.",
                **shown(
                    repeated,
                    ("target", "scheme", SEEDS, *columns_of(numbers)),
                    headers_of(numbers),
                ),
            }


def shown(rows: Sequence[Row], keys: Sequence[str], titles: Mapping[str, str]) -> dict[str, Any]:
    """Return a table as texts: its headings, and its rows."""
    return {
        "headings": [titles.get(key, key) for key in keys],
        "lines": [[for_reading(key, row) for key in keys] for row in rows],
    }


def conditions(record: Record) -> str:
    """Return in a sentence or two what all entries of a suite share."""
    shared = record.cell.conditions
    speech = [
        f"{split} speech {source.source}{KINDS.get(source.channel, '')}"
        for split in ("private", "public", "untranscribed", "test")
        if (source := shared.speech.named.get(split))
    ]
    attacks = ", ".join(attack.name for attack in shared.attacks)
    canaries = f"{shared.canaries.count} spoken secrets" if shared.canaries.count else "no secrets"
    members = sum(record.coins.values())
    dealt = f"; {members} members of {len(record.coins)} candidates" if record.coins else ""
    return f"{', '.join(speech)}; {canaries}{dealt}; attacks: {attacks}."


def overview(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return what charts and comparisons need of every entry."""
    return {
        "details": {},
        "attacks": {
            attack: {"title": TITLES[attack], "chance": glossary.CHANCE.get(attack)}
            for attack in HEADLINE
        },
        "entries": [_point(entry) for entry in entries],
    }


def _point(entry: Entry) -> dict[str, Any]:
    who, bounds = identity(entry.record), proven(entry.record, entry.board.audits)
    return {
        "name": entry.name,
        "title": entry.title,
        "suite": entry.suite,
        "target": who["target"],
        "scheme": who["scheme"],
        "epsilon": who["epsilon"],
        "unit": who["unit"],
        "status": entry.status,
        "wer": bar(entry.record.wer),
        "audited": bar(strongest(entry.record, entry.results)["strongest_audited"]),
        "proofs": {proof: bar(found) for proof in PROVEN[1:] if (found := bounds[proof]).scored},
        "leak": {attack: bar(headline(entry.record, attack)) for attack in HEADLINE},
    }


def bar(estimate: Estimate) -> list[float | str | None]:
    """Return value, low, high and ceiling."""
    parts = (estimate.value, estimate.low, estimate.high, estimate.ceiling)
    return [number_to_json(part) for part in parts]


def cells(entry: Entry) -> list[Shown]:
    """Return the row of an entry, in the order of COLUMNS."""
    record, who = entry.record, identity(entry.record)
    epsilon = who["epsilon"]
    shown = [
        Shown(who["scheme"], sort=who["scheme"]),
        Shown(who["target"], sort=who["target"]),
        Shown(str(who["seed"]), sort=str(who["seed"]), number=True),
        Shown("-", sort="Infinity", number=True, why="nothing is promised", title=TITLES["epsilon"])
        if epsilon is None
        else Shown(
            f"{epsilon:.3g}",
            _promise(record),
            repr(epsilon),
            number=True,
            title=TITLES["epsilon"],
        ),
        _beside(_measured(record.wer, TITLES["wer"], percent=True), entry, WER_KEYS),
        *(
            _beside(
                _measured(headline(record, attack), TITLES[attack]),
                entry,
                [f"{attack}_less_{SELF_TRAINED}"],
                _said_of(entry, attack),
            )
            for attack in HEADLINE
        ),
        *(_proven(bound, TITLES[key]) for key, bound in proven(record, entry.board.audits).items()),
        Shown(entry.status, sort=entry.status),
    ]
    if not entry.results:
        return shown
    # Below what the suite's attacks found stands what is strongest known, and that sorts.
    known = strongest(record, entry.results)
    later = {
        RANKED: _measured(known["strongest_auc"], ""),
        "audited_epsilon": _proven(known["strongest_audited"], TITLES["audited_epsilon"]),
    }
    return [
        replace(cell, below=(*cell.below, f"strongest {best.shown}"), sort=best.sort)
        if (best := later.get(key))
        else cell
        for key, cell in zip(COLUMNS, shown, strict=True)
    ]


def _beside(cell: Shown, entry: Entry, keys: Sequence[str], first: Sequence[str] = ()) -> Shown:
    """Return a cell with the differences from its controls below it, those that are known."""
    less = [
        f"{signed(found, percent=key in WER_KEYS)} less {key.rpartition('_')[2]}"
        for key in keys
        if (found := entry.controls[key]).scored
    ]
    return replace(cell, below=(*cell.below, *first, *less))


def _said_of(entry: Entry, attack: str) -> list[str]:
    """Return what is said below membership: by which attack, and how much the mechanism allows."""
    if attack != RANKED:
        return []
    aucs = membership(entry.record)
    name, allowed = strongest_name(aucs), entry.record.auc_allowed
    named = [f"by {short_name(name)}, of {len(aucs)}"] if name and len(aucs) > 1 else []
    return named + ([] if allowed is None else [f"at most {allowed:.3f} allowed"])


def signed(estimate: Estimate, *, percent: bool = False) -> str:
    """Return a difference with its sign, as `+0.04 [0.00, 0.09]`."""
    text = compact(estimate, percent=percent)
    return text if text.startswith(("-", "0.0 ", "0.00 ")) else f"+{text}"


def _promise(record: Record) -> tuple[str, ...]:
    """Return what is said below ε: δ, and the unit where it is not an utterance."""
    promise = record.guarantee
    if promise is None:
        return ("asked for",)
    small = () if promise.delta is None else (f"δ = {promise.delta:g}",)
    return small if promise.unit == "utterance" else (*small, f"per {promise.unit}")


def _measured(estimate: Estimate, title: str, *, percent: bool = False) -> Shown:
    if not estimate.scored:
        return Shown("-", why=estimate.method, number=True, title=title)
    value, _, interval = compact(estimate, percent=percent).partition(" ")
    below = (interval,) if interval else ()
    return Shown(value, below, repr(float(estimate.value)), number=True, title=title)


def _proven(audited: Estimate, title: str) -> Shown:
    """Return an audited ε: a bound from below says so by its sign, its ceiling is below it."""
    shown = _measured(audited, title)
    if audited.low == audited.value and audited.high == math.inf:
        shown = replace(shown, shown=f"≥ {shown.shown}", below=())
    if audited.scored and audited.ceiling is not None:
        shown = replace(shown, below=(*shown.below, f"ceiling {audited.ceiling:.2f}"))
    return shown
