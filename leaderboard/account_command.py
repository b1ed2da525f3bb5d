"""`overheard account`: what a mechanism costs, and how much noise an ε needs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from defenses.accounting import calibrate, dp_sgd_event, price
from leaderboard.record import number_to_json
from targets.errors import OverheardError


def account(
    rate: Annotated[float, typer.Option(help="Poisson sampling rate of a step, above 0, up to 1.")],
    steps: Annotated[int, typer.Option(help="Number of steps.")],
    delta: Annotated[float, typer.Option(help="δ of the guarantee.")],
    sigma: Annotated[
        float | None, typer.Option(help="Noise multiplier: price it.", show_default=False)
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="ε: find the least noise for it.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Price DP-SGD, or calibrate its noise: give --sigma or --epsilon."""
    if (sigma is None) == (epsilon is None):
        raise OverheardError("give either --sigma, to price it, or --epsilon, to calibrate to it")
    if not 0 < rate <= 1:
        raise OverheardError(f"--rate is {rate:g}; give a sampling rate above 0 and up to 1")
    if steps < 1:
        raise OverheardError(f"--steps is {steps}; give at least 1")
    if sigma is None:
        assert epsilon is not None
        sigma = calibrate(lambda noise: dp_sgd_event(noise, rate, steps), epsilon, delta)
    guarantee = price(dp_sgd_event(sigma, rate, steps), delta)
    if as_json:
        found = {
            "epsilon": number_to_json(guarantee.epsilon),
            "delta": delta,
            "sigma": sigma,
            "rate": rate,
            "steps": steps,
            "unit": guarantee.unit,
            "relation": guarantee.relation,
            "accountant": guarantee.accountant,
        }
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"ε = {guarantee.epsilon:.4g} at δ = {delta:g}, by {guarantee.accountant}")
    typer.echo(f"noise multiplier {sigma:.5g}, rate {rate:g}, {steps} steps")
    typer.echo(f"{guarantee.relation}")
