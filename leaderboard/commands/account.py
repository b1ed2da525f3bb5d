"""`overheard account`: what a mechanism costs, and how much noise an ε needs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from defenses.accounting.event_algebra import LEAST_NOISE, MOST_STEPS
from defenses.accounting.price import calibrate, dp_sgd_event, price
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
    """Price DP-SGD, or calibrate its noise (--sigma or --epsilon); or price --votes of PATE."""
    if not 0 <= delta < 1:
        raise OverheardError(f"--delta is {delta:g}; give a number from 0 up, below 1")
    if votes is not None:
        if sigma is None or (rate, steps, epsilon) != (None, None, None):
            raise OverheardError("--votes needs --sigma and --delta, and no rate, steps or epsilon")
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
    if sigma is None:
        assert epsilon is not None
        sigma = calibrate(lambda noise: dp_sgd_event(noise, rate, steps), epsilon, delta)
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
