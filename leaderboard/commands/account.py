"""`overheard account`: what a mechanism costs, and how much noise an ε needs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from tabulate import tabulate

from defenses.accounting.event_algebra import LEAST_NOISE, MOST_STEPS
from defenses.accounting.price import calibrate, dp_sgd_event, price
from defenses.federated.selection import Selection, device_prices
from leaderboard.audits.votes_account import Votes, account_votes
from leaderboard.records.numbers import to_json
from targets.core.errors import OverheardError

MOST_NOISE = 1 / LEAST_NOISE


def account(
    delta: Annotated[float, typer.Option(help="δ of the guarantee.")],
    rate: Annotated[
        float | None,
        typer.Option(help="Poisson sampling rate of a step, above 0, up to 1.", show_default=False),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Number of steps.", show_default=False)] = None,
    sigma: Annotated[
        float | None,
        typer.Option(help="Noise multiplier, or noise of the votes: price it.", show_default=False),
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="ε: find the least noise for it.", show_default=False)
    ] = None,
    activity: Annotated[
        str | None,
        typer.Option(
            help="Of devices drawn by activity: how many times the average one's utterances some "
            "have, such as 0.2,1,4; the last is the heaviest, --rate the average one's.",
            show_default=False,
        ),
    ] = None,
    votes: Annotated[
        Path | None,
        typer.Option(
            help="CSV or .npy of GNMax votes, one query a row: price them.", show_default=False
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Votes that a noisy count has to reach.", show_default=False),
    ] = None,
    test_sigma: Annotated[
        float | None,
        typer.Option(
            help="Noise on the largest count that is held against --threshold: Confident-GNMax.",
            show_default=False,
        ),
    ] = None,
    answers: Annotated[
        int | None,
        typer.Option(help="Confident-GNMax gives so many answers at most.", show_default=False),
    ] = None,
    unlisted: Annotated[
        bool,
        typer.Option(
            "--unlisted",
            help="Votes are for whatever teachers wrote; counts that reach --threshold are given.",
        ),
    ] = False,
    order: Annotated[
        float | None,
        typer.Option(help="Rényi order of the sanitised ε; not to be chosen by the votes."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the sanitising noise: keep it secret, and use it once.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help='Print JSON; an endless ε is "inf".')
    ] = False,
) -> None:
    """Price DP-SGD, or calibrate its noise (--sigma or --epsilon); or price --votes of PATE.

    Of DP-FedAvg steps are rounds, and devices are what is drawn; --activity where not all alike.
    """
    if not 0 <= delta < 1:
        raise OverheardError(f"--delta is {delta:g}; give a number from 0 up, below 1")
    if votes is not None:
        if sigma is None or (rate, steps, epsilon, activity) != (None,) * 4:
            raise OverheardError(
                "--votes needs --sigma and --delta, and no rate, steps, epsilon or activity"
            )
        answered = Votes(sigma, threshold, test_sigma, answers, unlisted)
        _print_votes(account_votes(votes, answered, delta, order, seed), as_json)
        return
    of_votes = threshold, test_sigma, answers, order, seed
    if unlisted or any(option is not None for option in of_votes):
        raise OverheardError(
            "--threshold, --test-sigma, --answers, --unlisted, --order and --seed belong to --votes"
        )
    if rate is None or steps is None:
        raise OverheardError("give --rate and --steps, or --votes")
    if (sigma is None) == (epsilon is None):
        raise OverheardError("give either --sigma, to price it, or --epsilon, to calibrate to it")
    if not 0 < rate <= 1:
        raise OverheardError(f"--rate is {rate:g}; give a sampling rate above 0 and up to 1")
    if not 1 <= steps <= MOST_STEPS:
        raise OverheardError(f"--steps is {steps}; give a number from 1 to {MOST_STEPS:g}")
    if sigma is not None and sigma != 0 and not LEAST_NOISE <= sigma <= MOST_NOISE:
        raise OverheardError(
            f"--sigma is {sigma:g}; give the noise multiplier: 0, or from {LEAST_NOISE:g} to "
            f"{MOST_NOISE:g}"
        )
    if epsilon is not None and not (0 < epsilon < math.inf and delta > 0):
        raise OverheardError(
            f"--epsilon is {epsilon:g} at --delta {delta:g}; to calibrate, give both above 0"
        )
    devices = None if activity is None else _devices(activity, rate)
    worst = rate if devices is None else devices[0].worst
    if sigma is None:
        assert epsilon is not None
        sigma = calibrate(lambda noise: dp_sgd_event(noise, worst, steps), epsilon, delta)
    if devices is not None:
        _print_devices(*devices, sigma, steps, delta, as_json)
        return
    guarantee = price(dp_sgd_event(sigma, rate, steps), delta)
    if as_json:
        found = {
            "epsilon": guarantee.epsilon,
            "delta": delta,
            "sigma": sigma,
            "rate": rate,
            "steps": steps,
            "unit": guarantee.unit,
            "relation": guarantee.relation,
            "accountant": guarantee.accountant,
        }
        typer.echo(json.dumps(to_json(found), ensure_ascii=False, allow_nan=False))
        return
    typer.echo(f"ε = {guarantee.epsilon:.4g} at δ = {delta:g}, by {guarantee.accountant}")
    typer.echo(f"noise multiplier {sigma:.5g}, rate {rate:g}, {steps} steps")
    typer.echo(f"{guarantee.relation}")


def _devices(activity: str, rate: float) -> tuple[Selection, list[float]]:
    """Return the selection by activity of an average rate, and some activities, rising."""
    try:
        asked = [float(part) for part in activity.split(",")]
    except ValueError:
        asked = []
    if not asked or not all(0 < one < math.inf for one in asked) or asked != sorted(asked):
        raise OverheardError(
            f"--activity is {activity!r}; give rising numbers above 0 with commas, such as 0.2,1,4"
        )
    return Selection("activity", rate, 1.0, max(1.0, asked[-1])), asked


def _print_devices(
    selection: Selection,
    activities: list[float],
    sigma: float,
    steps: int,
    delta: float,
    as_json: bool,
) -> None:
    """Print what devices pay that are drawn by activity, and what a price for all would claim."""
    priced = device_prices(selection, activities, sigma, steps, delta)
    (average,) = device_prices(selection, [1.0], sigma, steps, delta)
    worst = price(dp_sgd_event(sigma, selection.worst, steps), delta, unit="speaker")
    if as_json:
        found = {
            "epsilon": worst.epsilon,
            "delta": delta,
            "sigma": sigma,
            "rate": selection.worst,
            "steps": steps,
            "unit": worst.unit,
            "relation": worst.relation,
            "accountant": worst.accountant,
            "claimed_epsilon": average.epsilon,
            "devices": [asdict(one) for one in priced],
        }
        typer.echo(json.dumps(to_json(found), ensure_ascii=False, allow_nan=False))
        return
    typer.echo(f"ε = {worst.epsilon:.4g} at δ = {delta:g}, by {worst.accountant}")
    typer.echo(f"noise multiplier {sigma:.5g}, {steps} rounds; {worst.relation}")
    typer.echo(f"A price at the average rate would claim ε = {average.epsilon:.4g}.")
    rows = [(f"{p.activity:g}", f"{p.rate:.4g}", f"{p.epsilon:.4g}") for p in priced]
    typer.echo(tabulate(rows, ("activity", "rate", "its ε"), disable_numparse=True))


def _print_votes(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(to_json(found), ensure_ascii=False, allow_nan=False))
        return
    queries, classes = found["queries"], found["classes"]
    typer.echo(f"{found['mechanism']}: {queries} queries among {classes}, δ = {found['delta']:g}")
    for name in ("data_independent", "data_dependent", "sanitised"):
        if name not in found:
            continue
        part = found[name]
        epsilon = f"{float(part['epsilon']):.4g}"
        typer.echo(f"{name.replace('_', '-'):17} ε = {epsilon}, {part['accountant']}")
        typer.echo(f"{'':17} {part['basis']}")
