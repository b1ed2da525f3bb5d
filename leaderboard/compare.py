"""Promise against proof: the claimed ε beside the audited one, leakage and word error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from leaderboard.record import Record, read_records
from leaderboard.table import HEADLINE, TITLES, Format, Row, render, rows
from targets.estimate import Estimate

KEYS = (
    "target", "scheme", "seed", "unit", "epsilon", "audited_epsilon", "ceiling", "ratio",
    "membership", "canary", "inversion", "wer", "status",
)  # fmt: skip

HEADERS = TITLES | {"epsilon": "claimed ε", "ratio": "audited/claimed"}

FOOTER = """\
claimed ε        what the mechanism promises, by our accounting; a dash is no promise
audited ε        what an attack has proven at least; the JSON gives level and method
ceiling          the most a perfect attack could have proven with so many candidates
audited/claimed  above 1 the promise is false, near 1 it is tight; far below 1 the attack was weak,
                 its ceiling low or the accounting generous: no proof of more privacy"""

FEWEST = 4  # cells that promise an ε, for a rank correlation
LEVEL = 0.95


def comparison(records: Sequence[Record]) -> list[Row]:
    """Return one row a record: claim, audit, ceiling, their ratio, leakage and WER."""
    found = rows(records)
    for row in found:
        audited, claimed = row["audited_epsilon"], row["epsilon"]
        row["ceiling"] = audited.ceiling
        row["ratio"] = audited.value / claimed if audited.scored and claimed else None
    return found


def compare(folder: Path, form: Format) -> str:
    """Return the comparison of a folder of records, with correlations below the text form."""
    found = comparison(read_records(folder))
    drawn = render(found, KEYS, HEADERS, FOOTER, form)
    if form is not Format.TEXT:
        return drawn
    return "\n".join([drawn, "", *correlation_lines(found)])


def correlation_lines(found: Sequence[Row]) -> list[str]:
    """Return one line a leakage figure: does it rise with the ε that is promised?"""
    lines = []
    for attack in HEADLINE:
        result = correlation(found, attack)
        shown = (
            f"{result.value:+.2f} [{result.low:+.2f}, {result.high:+.2f}] ({result.method})"
            if result.scored
            else result.method
        )
        lines.append(f"rank correlation of claimed ε and {TITLES[attack]}: {shown}")
    return lines


def correlation(found: Sequence[Row], attack: str) -> Estimate:
    """Return Spearman's rank correlation between claimed ε and an attack's figure."""
    pairs = [
        (row["epsilon"], row[attack].value)
        for row in found
        if row["epsilon"] is not None and row[attack].scored
    ]
    if len(pairs) < FEWEST:
        return Estimate.unscored(f"{len(pairs)} cells with ε and this figure, {FEWEST} are needed")
    claimed, leaked = (np.array(side) for side in zip(*pairs, strict=True))
    return spearman(claimed, leaked)


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> Estimate:
    """Return Spearman's ρ of two arrays (N,) with the interval of Bonett and Wright (2000).

    Fisher's transform with standard error sqrt((1 + ρ²/2) / (N - 3)). A perfect ρ would give an
    interval of no width; it is taken a step back, by one exchange of neighbouring ranks.
    """
    n = len(x)
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return Estimate.unscored("all values are equal")
    rho = float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])
    rho = min(1.0, max(-1.0, rho))
    most = 1 - 12 / (n * (n**2 - 1))
    inner = min(most, max(-most, rho))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inner) - half), math.tanh(math.atanh(inner) + half)
    return Estimate(
        rho, min(low, rho), max(high, rho), LEVEL, f"Spearman, {n} cells, Bonett-Wright interval"
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks (N,) from 1; equal values share the mean of theirs."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return below + (equal + 1) / 2
