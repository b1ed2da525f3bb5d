import json

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.account_command import account
from targets.errors import OverheardError

app = typer.Typer()
app.command()(account)


def run(*arguments: str) -> dict:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


MECHANISM = ("--rate", "0.01", "--steps", "1000", "--delta", "1e-5")


def test_calibrated_noise_prices_at_the_epsilon_asked_for() -> None:
    calibrated = run(*MECHANISM, "--epsilon", "3")
    assert 2.95 < calibrated["epsilon"] <= 3
    priced = run(*MECHANISM, "--sigma", str(calibrated["sigma"]))
    assert priced["epsilon"] == pytest.approx(calibrated["epsilon"], rel=1e-6)


def test_more_noise_costs_less() -> None:
    costs = [run(*MECHANISM, "--sigma", sigma)["epsilon"] for sigma in ("0.8", "1.1", "4")]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--sigma"),
        (("--sigma", "1", "--epsilon", "1"), "--sigma"),
        (("--sigma", "1", "--rate", "2"), "--rate"),
        (("--sigma", "1", "--steps", "0"), "--steps"),
        (("--epsilon", "-1"), "epsilon"),
        (("--sigma", "1", "--delta", "2"), "delta"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(OverheardError, match=message):
        CliRunner().invoke(app, [*MECHANISM, *arguments], catch_exceptions=False)
