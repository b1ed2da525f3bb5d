"""What the page of one entry shows: the verdict, all figures, the curves, where it comes from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from attacks.statistics.roc import roc
from leaderboard.figures.headline import HEADLINE
from leaderboard.figures.seeds import Repeated
from leaderboard.records.numbers import guarantee_to_json
from leaderboard.records.record import Record
from leaderboard.site.board import Shown, bar, cells
from leaderboard.site.entries import Entry
from leaderboard.views import glossary
from leaderboard.views.controls import COLUMNS, HEADERS
from leaderboard.views.repetition_table import EPSILON, EXPOSURE, repeats, repetition_columns
from leaderboard.views.table import PROVEN, TITLES, identity, proven
from targets.core.estimate import Estimate

TARGET = "the target itself"
CONTROLS = "beside its controls, on the same speech and coins (WER as a fraction)"
REPEATED = "secrets by how often they are said, exposure in bits"
TILES = [TITLES[key] for key in ("epsilon", "wer", *HEADLINE, *PROVEN)]


def tiles(entry: Entry) -> list[Shown]:
    """Return the figures that stand for an entry."""
    return [cell for cell in cells(entry) if cell.title in TILES]


def verdict(record: Record) -> str:
    """Return in words what was promised and what was proven."""
    promise, proof = record.guarantee, record.audited_epsilon
    if promise is None:
        return "Nothing could be measured."
    said = "It promises nothing."
    if promise.promised is not None:
        failing = "" if promise.delta is None else f" at δ = {promise.delta:g}"
        said = f"It promises ε = {promise.promised:.3g}{failing} per {promise.unit}."
    if not proof.scored:
        return f"{said} Nothing was audited: {proof.method.removeprefix('unscored: ')}."
    most = "" if proof.ceiling is None else f", of at most {_number(proof.ceiling)}"
    return f"{said} Attacks proved at least ε = {_number(proof.value)}{most} (the ceiling)."


def curves(entry: Entry) -> dict[str, list[list[float]]]:
    """Return false and true positive rates of every attack that has both kinds of candidates.

    None where the unit is the speaker: a record does not say who spoke.
    """
    record, curves = entry.record, {}
    if record.cell.conditions.unit == "speaker":
        return {}
    submitted = {result.label: result.scores for result in entry.results}
    for attack, scores in (record.scores | submitted).items():
        member = np.array([record.coins[candidate] for candidate in scores], dtype=bool)
        found = np.array(list(scores.values()), dtype=float)
        if member.any() and not member.all() and np.isfinite(found).all():
            curves[attack] = [
                rates.round(6).tolist() for rates in roc(found[member], found[~member])
            ]
    return curves


def facts(entry: Entry) -> dict[str, str]:
    """Return what distinguishes two entries."""
    record, who = entry.record, identity(entry.record)
    seconds = record.training_seconds
    return {
        "status": entry.status,
        "suite": entry.suite,
        "promised ε": "-" if who["epsilon"] is None else f"{who['epsilon']:.3g}",
        "δ": "-" if who["delta"] is None else f"{who['delta']:g}",
        "unit": who["unit"] or "-",
        "options": _as_text(record.cell.options) or "-",
        "training, seconds": "-" if seconds is None else f"{seconds:g}",
    }


def beside_controls(entry: Entry) -> dict[str, Estimate]:
    """Return how it compares with its controls, by the title of each column."""
    found = entry.controls
    return {HEADERS[key]: found[key] for key in COLUMNS if isinstance(found[key], Estimate)}


def by_repetitions(entry: Entry) -> dict[str, Estimate]:
    """Return the exposure of secrets by how often they are said, with the ε of such a group."""
    numbers = repeats(entry.record)
    found = repetition_columns(Repeated((entry.record,)), numbers)
    named = {}
    for often in numbers:
        epsilon = found[EPSILON.format(often)]
        promise = "nothing is promised" if epsilon is None else f"ε of {often} is {epsilon:.3g}"
        named[f"said {often} times, {promise}"] = found[EXPOSURE.format(often)]
    return named


def figures(entry: Entry) -> dict[str, dict[str, list[Any]]]:
    """Return of every attack every figure: its text, its interval and its bar."""
    return {
        title: {
            name: [_number(estimate.value), _interval(estimate), bar(estimate)[:3]]
            for name, estimate in figures.items()
        }
        for title, figures in _all(entry).items()
    }


def groups(entry: Entry) -> list[dict[str, Any]]:
    """Return the table of all figures: of the target itself, then of each attack."""
    return [
        {
            "title": title,
            "figures": [_figure(name, estimate) for name, estimate in figures.items()],
        }
        for title, figures in _all(entry).items()
    ]


def _figure(name: str, estimate: Estimate) -> dict[str, str]:
    level = f"{100 * estimate.level:g} %, " if math.isfinite(estimate.level) else ""
    return {
        "name": name,
        "meaning": glossary.explained(name),
        "value": _number(estimate.value),
        "interval": _interval(estimate),
        "ceiling": "" if estimate.ceiling is None else _number(estimate.ceiling),
        "method": f"{level}{estimate.method}",
    }


def _all(entry: Entry) -> dict[str, dict[str, Estimate]]:
    record, own = entry.record, ("wer", "wer_members", "wer_held_out")
    submitted = {
        f"{result.label}, submitted later from {result.file}": result.leakage
        | {"audited_epsilon": result.audited_epsilon}
        for result in entry.results
    }
    own_figures = {name: getattr(record, name) for name in own}
    own_figures |= proven(record, entry.board.audits)
    further = {CONTROLS: beside_controls(entry), REPEATED: by_repetitions(entry)}
    less = entry.differences
    return {
        TARGET: own_figures,
        **{title: found for title, found in further.items() if found},
        **{attack: found | less.get(attack, {}) for attack, found in record.leakages.items()},
        **submitted,
    }


def provenance(entry: Entry) -> list[dict[str, Any]]:
    """Return where an entry comes from: by topic, labels and texts; what is empty is left out."""
    record = entry.record
    cell, code, made_on = record.cell, record.code, record.hardware
    stated = {} if record.guarantee is None else guarantee_to_json(record.guarantee)
    state = {None: "", False: ", unchanged", True: ", with changes that were not committed"}
    shared = cell.conditions.model_dump(mode="json")
    parts: dict[str, dict[str, Any]] = {
        "The record": {
            "made": record.made,
            "digest": entry.digest,
            "supersedes": record.supersedes,
            "schema version": str(record.schema_version),
            "code": f"{code.commit or 'unknown'}{state[code.dirty]}",
            "hardware": f"{made_on.cpu}, {made_on.cores} cores, {made_on.ram_gib:g} GiB"
            + (f", {made_on.accelerator}" if made_on.accelerator else ""),
            "seed": str(cell.seed),
            "options": _as_text(cell.options),
        },
        "The promise": {
            "event": record.event,
            **{key: _as_text(value) for key, value in stated.items()},
        },
        "Notes of the mechanism": {key: _as_text(value) for key, value in record.notes.items()},
        "Conditions of the suite": {key: _as_text(value) for key, value in shared.items()},
        "Speech (SHA-256)": record.corpora,
        "Code and weights (SHA-256)": {**record.fingerprints, "weights": record.weights},
        "Seconds": {stage: f"{seconds:g}" for stage, seconds in record.seconds.items()},
        "Packages": record.packages,
    }
    return [
        {"title": title, "facts": [(k, v) for k, v in facts.items() if v is not None and v != ""]}
        for title, facts in parts.items()
        if facts
    ]


def _as_text(value: Any) -> str:
    """Return a value of a record as text: mappings as `key: value` pairs."""
    if isinstance(value, dict):
        held = {k: _as_text(v) for k, v in value.items() if v is not None and v != {}}
        return "; ".join(f"{k}: {v}" for k, v in held.items())
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(item) for item in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:z.3g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    left = "(-∞" if math.isinf(estimate.low) else f"[{_number(estimate.low)}"
    right = "∞)" if math.isinf(estimate.high) else f"{_number(estimate.high)}]"
    return f"{left}, {right}"
