"""Promise against proof: the claimed ε beside the audited one, leakage and word error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from leaderboard.figures.headline import HEADLINE
from leaderboard.figures.paired import Beside
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records.attack_result import AttackResult, read_results
from leaderboard.records.board import Board
from leaderboard.records.mechanism_audit import MechanismAudit, read_audits
from leaderboard.records.model_audit import ModelAudit
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.views import controls
from leaderboard.views.model_rows import model_rows, note
from leaderboard.views.rank_correlation import permutation_p, spearman
from leaderboard.views.table import (
    OF_SEEDS,
    PROVEN,
    SEEDS,
    TITLES,
    UNDEFENDED,
    Format,
    Row,
    compact,
    keys_of,
    place,
    render,
    row_of,
)
from targets.core.estimate import Estimate

KEYS = (
    "target", "scheme", "seed", "unit", "epsilon", "audited_epsilon", "ceiling", "ratio",
    *PROVEN[1:], *HEADLINE, "wer", "status",
)  # fmt: skip

HEADERS = TITLES | {"epsilon": "claimed ε", "ratio": "audited/claimed"}

FOOTER = """\
claimed ε        what the mechanism promises, by our accounting; a dash is no promise
audited ε        what an attack, of the suite or submitted later, has proven at least; the JSON
                 gives level and method
ceiling          the most a perfect attack could have proven with so many candidates
worst case       proven from final weights, with start and canary chosen against the scheme
mechanism        proven by watching all that the scheme's mechanism releases
audited/claimed  above 1 the promise is false, near 1 it is tight; far below 1 the attack was weak,
                 its ceiling low or the accounting generous: no proof of more privacy"""

FEWEST = 7  # cells for a rank correlation: of fewer its interval is too narrow where ε ties
# What may rise or fall with ε; where ε ranks leakage rightly, the first ones rise.
RANKED = (*HEADLINE, "audited_epsilon", "wer")
CORRELATION_KEYS = ("cells", *RANKED)
CORRELATION_FOOTER = f"""\
Spearman's ρ between claimed ε and each figure, over cells made under equal conditions;
+1: the figure rises with ε, 0: ε says nothing about it; without DP ε counts as infinite. [95 %
interval of Bonett and Wright (2000)], p of the permutation test: how often chance orders so well.
A dash: fewer than {FEWEST} cells, or all alike."""


def comparison(
    records: Sequence[Record],
    results: Sequence[AttackResult] = (),
    audits: Sequence[MechanismAudit] = (),
) -> list[Row]:
    """Return one row a record: claim, audit, ceiling, their ratio, leakage and WER.

    Where attacks were submitted, the audit is the strongest known.
    """
    ordered = sorted(records, key=place)
    board = Board.of(ordered, results, audits)
    return [_row(cell, board) for cell in each_seed(ordered)]


def _row(cell: Repeated, board: Board) -> Row:
    row = row_of(cell, board)
    if board.found:
        row["audited_epsilon"] = row["strongest_audited"]
    audited, claimed = row["audited_epsilon"], row["epsilon"]
    row["ceiling"] = audited.ceiling
    row["ratio"] = audited.value / claimed if audited.scored and claimed else None
    return row


@dataclass(frozen=True)
class Compared:
    """A folder of records and what is known of them, read once."""

    records: tuple[Record, ...]
    board: Board

    @classmethod
    def of(cls, folder: Path) -> Compared:
        """Read a folder, and what submitted attacks found there."""
        records = tuple(sorted(read_records(folder), key=place))
        return cls(records, Board.of(records, read_results(folder), read_audits(folder)))

    @cached_property
    def each(self) -> list[Row]:
        """A row for each record."""
        return [_row(cell, self.board) for cell in each_seed(self.records)]

    def rows(self, seeds: bool, controlled: bool) -> list[Row]:
        """Return a row a cell, or with `seeds` for each; with its controls where asked for."""
        cells = (each_seed if seeds else over_seeds)(self.records)
        beside = Beside.of(self.records)
        return [
            _row(cell, self.board) | (controls.control_columns(cell, beside) if controlled else {})
            for cell in cells
        ]


def compared(folder: Path) -> list[Row]:
    """Return the comparison of a folder of records, and of what submitted attacks found there."""
    return Compared.of(folder).each


def compare(
    folders: Sequence[Path],
    form: Format,
    *,
    seeds: bool = False,
    models: Sequence[ModelAudit] = (),
) -> str:
    """Return the comparison of folders of records; in text with controls and correlations below.

    A cell of several seeds is one row, or with `seeds` one for each. Several folders give one
    table; correlations stay within each, because figures of different speech and training do not
    compare. Audits of `models` that others trained come last, and take part in none.
    """
    whole = form in (Format.TEXT, Format.JSON, Format.CSV)
    read = [Compared.of(folder) for folder in folders]
    found = [row for one in read for row in one.rows(seeds, whole)]
    several = any(len(row[SEEDS]) > 1 for row in found)
    keys = KEYS if len(folders) == 1 and not models else ("suite", *KEYS)
    if whole and form is not Format.TEXT:
        keys = (*keys, *controls.COLUMNS)
    footer = f"{FOOTER}\n{OF_SEEDS}" if several else FOOTER
    footer = f"{note(models)}\n\n{footer}" if models else footer
    others = [row | controls.WITHOUT for row in model_rows(models)]
    drawn = render([*found, *others], keys_of(keys, form, several), HEADERS, footer, form)
    if form is not Format.TEXT or not folders:
        return drawn
    return "\n\n".join(
        [drawn, controls.drawn(found, form), _correlations([one.each for one in read], form)]
    )


def correlation_table(folders: Sequence[Path], form: Format) -> str:
    """Return the rank correlations within each folder of records, one row a group of cells."""
    return _correlations([compared(folder) for folder in folders], form)


def _correlations(parts: Sequence[Sequence[Row]], form: Format) -> str:
    content = [
        {"cells": f"{found[0]['suite']}: {name} ({len(cells)})"}
        | {figure: _shown(correlation(cells, figure)) for figure in RANKED}
        for found in parts
        for name, cells in groups(found).items()
    ]
    return render(content, CORRELATION_KEYS, TITLES | {"wer": "WER"}, CORRELATION_FOOTER, form)


def groups(found: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows among which ε is ranked: all schemes, these and no DP, each scheme alone.

    Two ε for different units have no order: where there are several, each has its groups. ε = 0
    holds for any.
    """
    promising = [row for row in found if row["epsilon"] is not None]
    undefended = [row for row in found if row["scheme"] == UNDEFENDED]
    schemes = sorted({row["scheme"] for row in promising})
    units = sorted({row["unit"] for row in promising if row["epsilon"]})
    named: dict[str, list[Row]] = {}
    for unit in units or [None]:
        said = f", per {unit}" if len(units) > 1 else ""
        own = [row for row in promising if row["unit"] == unit or not row["epsilon"]]
        named[f"all schemes{said}"] = own
        named[f"all schemes and no DP{said}"] = [*own, *undefended]
    alone = {scheme: [row for row in promising if row["scheme"] == scheme] for scheme in schemes}
    return named | alone


def correlation(found: Sequence[Row], figure: str) -> Estimate:
    """Return Spearman's rank correlation between claimed ε and a figure; no claim is ε = inf.

    The method says the interval's, and the p-value of the permutation test.
    """
    pairs = [(_rounded(row["epsilon"]), row[figure].value) for row in found if row[figure].scored]
    if len(pairs) < FEWEST:
        return Estimate.unscored(f"{len(pairs)} cells with this figure, {FEWEST} are needed")
    claimed, seen = (np.array(side) for side in zip(*pairs, strict=True))
    result = spearman(claimed, seen)
    if not result.scored:
        return result
    return replace(result, method=f"{result.method}; p = {permutation_p(claimed, seen):.2g}")


def _rounded(epsilon: float | None) -> float:
    """Return a claim to two digits: 9.97 and 10.0 are one ε, met with more or less waste."""
    return math.inf if epsilon is None else float(f"{epsilon:.2g}")


def _shown(result: Estimate) -> str:
    return f"{compact(result)}, {result.method.rpartition('; ')[2]}" if result.scored else "-"
