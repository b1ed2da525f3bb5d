"""`overheard audit`: what scores and coins in a CSV file prove about ε."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from tabulate import tabulate

from attacks.statistics.audit import audited_epsilon, every_bound
from attacks.statistics.evidence import Design, Noise, Trials
from attacks.statistics.ranking import auc, tpr_at_fpr
from attacks.statistics.verdict import verdict
from leaderboard.records.numbers import estimate_to_json, number_to_json
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate

FALSIFIED = 3  # exit code of a claim that the scores contradict
MISTAKE = 2  # exit code of what the user can mend

# In place of a verdict: an attack that ranks the wrong way round could not have contradicted.
INVERTED = "cannot tell: held-out candidates rank above members"

_COINS = {"1": True, "true": True, "0": False, "false": False}
_MEANING: dict[Design, str] = {
    "one_run": "every candidate had its own fair coin in one training run",
    "many_runs": "every score comes from a training run of its own",
    "observational": "nobody flipped coins, so that nothing is proven about ε",
}


def audit(
    scores: Annotated[
        Path,
        typer.Argument(
            metavar="SCORES.csv",
            help="Columns score,member (higher = member; 1/0/true/false) and, if you like, group.",
        ),
    ],
    delta: Annotated[float, typer.Option(help="δ of the guarantee.")],
    level: Annotated[float, typer.Option(help="Confidence level of each bound.")] = 0.95,
    claimed_epsilon: Annotated[
        float | None, typer.Option(help="The ε to be checked.", show_default=False)
    ] = None,
    design: Annotated[Design, typer.Option(help="How the coins were flipped.")] = "one_run",
    noise: Annotated[
        Noise,
        typer.Option(
            help="'gaussian' if the mechanism's noise is (DP-SGD, GNMax): stronger bounds."
        ),
    ] = "any",
    losses: Annotated[
        bool,
        typer.Option(
            "--losses", help="The scores are losses: lower = member. The column may be named loss."
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help='Print JSON: "inf" or "-inf" is an endless bound, null not measured.'
        ),
    ] = False,
) -> None:
    """Bound ε from below by scores and coins, and hold a claimed ε against the bound.

    Exit code 3: the claim is falsified. Exit code 2: the input is wrong, or seems to be losses.
    """
    if not 0.0 <= delta < 1.0:
        raise OverheardError(f"--delta is {delta:g}; give a number in [0, 1)")
    if not 0.0 < level < 1.0:
        raise OverheardError(f"--level is {level:g}; give a number strictly between 0 and 1")
    if claimed_epsilon is not None and not claimed_epsilon >= 0.0:
        raise OverheardError(f"--claimed-epsilon is {claimed_epsilon:g}; give at least 0")

    trials = read_scores(scores, design, losses=losses)
    audited = audited_epsilon(trials, delta=delta, level=level, noise=noise)
    bounds = every_bound(trials, delta=delta, level=level, noise=noise)
    found: str | None = None
    if claimed_epsilon is not None:
        found = verdict(audited, claimed_epsilon)
    ranking = {"AUC": auc(trials, level), "TPR at 1 % FPR": tpr_at_fpr(trials, 0.01, level)}
    inverted = ranking["AUC"].high < 0.5
    if inverted and found not in (None, "falsified"):
        found = INVERTED
    report = _json if as_json else _text
    typer.echo(report(trials, delta, level, audited, bounds, ranking, claimed_epsilon, found))
    if inverted:
        typer.echo(_question(scores, ranking["AUC"], losses), err=True)
    if found == "falsified":
        raise typer.Exit(FALSIFIED)
    if found == INVERTED:
        raise typer.Exit(MISTAKE)


def read_scores(path: Path, design: Design, *, losses: bool = False) -> Trials:
    """Return the trials in a CSV file; of `losses` the sign is turned, so that higher = member.

    Raises:
        OverheardError: in one line that names the file, the line and what to do.
    """
    sides: dict[bool, list[float]] = {True: [], False: []}
    groups: dict[bool, list[str]] = {True: [], False: []}
    for score, member, group in _rows(path, losses):
        sides[member].append(-score if losses else score)
        if group is not None:
            groups[member].append(group)
    for member, what in ((True, "member (member = 1)"), (False, "held-out candidate (member = 0)")):
        if not sides[member]:
            raise OverheardError(f"{path}: no {what}; an audit needs both kinds")
    grouped = bool(groups[True])
    return Trials(
        sides[True],  # type: ignore[arg-type]  # Trials makes the array
        sides[False],  # type: ignore[arg-type]
        "utterance",
        design,
        groups[True] if grouped else None,  # type: ignore[arg-type]
        groups[False] if grouped else None,  # type: ignore[arg-type]
    )


def _question(path: Path, area: Estimate, losses: bool) -> str:
    """Return what to ask of scores that rank the wrong way round, in one line."""
    remedy = (
        "are these scores after all? Then leave out --losses"
        if losses
        else "are these losses, lower for members? Then give --losses"
    )
    return (
        f"overheard: {path}: held-out candidates rank above members (AUC {_interval(area)}): "
        f"{remedy}; a bound of 0 says nothing here"
    )


def _rows(path: Path, losses: bool) -> Iterator[tuple[float, bool, str | None]]:
    try:
        # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            if losses and "score" not in header:
                header = ["score" if name == "loss" else name for name in header]
            for name in ("score", "member"):
                if header.count(name) != 1:
                    raise OverheardError(
                        f"{path}, line 1: need one column {name!r}; make the header score,member"
                    )
            for row in reader:
                if not row or not "".join(row).strip():
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(row) != len(header):
                    raise OverheardError(
                        f"{where}: {len(row)} fields where the header has {len(header)}; "
                        "mend that line"
                    )
                fields = dict(zip(header, map(str.strip, row), strict=True))
                if fields.get("group") == "":
                    raise OverheardError(f"{where}: group is empty; name the candidate's speaker")
                yield (
                    _score(fields["score"], where),
                    _member(fields["member"], where),
                    fields.get("group"),
                )
    except OSError as error:
        raise OverheardError(f"{path}: {error.strerror}; give a readable CSV file") from None
    except UnicodeDecodeError:
        raise OverheardError(f"{path}: not UTF-8 text; export it as CSV in UTF-8") from None
    except csv.Error as error:
        raise OverheardError(f"{path}, line {reader.line_num}: {error}; mend that line") from None


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise OverheardError(f"{where}: score is {text!r}; give a finite number")
    return score


def _member(text: str, where: str) -> bool:
    try:
        return _COINS[text.lower()]
    except KeyError:
        raise OverheardError(f"{where}: member is {text!r}; give 1, 0, true or false") from None


def _text(
    trials: Trials,
    delta: float,
    level: float,
    audited: Estimate,
    bounds: dict[str, Estimate],
    ranking: dict[str, Estimate],
    claimed_epsilon: float | None,
    found: str | None,
) -> str:
    rows = [
        [name, _number(bound.low), _number(bound.ceiling), bound.method]
        for name, bound in bounds.items()
    ]
    lines = [
        f"{trials.n_in} members, {trials.n_out} held out; "
        f"design {trials.design}: {_MEANING[trials.design]}.",
        *(f"{name}: {_interval(figure)}; {figure.method}" for name, figure in ranking.items()),
        "",
        tabulate(rows, ["bound", "ε ≥", "ceiling", "method"], disable_numparse=True),
        "",
        f"audited ε at δ={delta:g}, {level:.6g} confidence: {_number(audited.low)}"
        f" (ceiling {_number(audited.ceiling)}); {audited.method}",
    ]
    if found is not None:
        lines.append(f"claimed ε: {claimed_epsilon:g}. Verdict: {found}")
    return "\n".join(lines)


def _interval(figure: Estimate) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]" if figure.scored else "—"


def _number(value: float | None) -> str:
    return "—" if value is None or math.isnan(value) else f"{value:.3f}"


def _json(
    trials: Trials,
    delta: float,
    level: float,
    audited: Estimate,
    bounds: dict[str, Estimate],
    ranking: dict[str, Estimate],
    claimed_epsilon: float | None,
    found: str | None,
) -> str:
    return json.dumps(
        {
            "members": trials.n_in,
            "held_out": trials.n_out,
            "design": trials.design,
            "delta": delta,
            "level": level,
            "audited_epsilon": estimate_to_json(audited),
            "bounds": {name: estimate_to_json(bound) for name, bound in bounds.items()},
            "ranking": {name: estimate_to_json(figure) for name, figure in ranking.items()},
            "claimed_epsilon": number_to_json(claimed_epsilon),
            "verdict": found,
        },
        ensure_ascii=False,
        indent=2,
        allow_nan=False,
    )
