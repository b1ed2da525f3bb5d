import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from leaderboard.commands.account import account
from targets.core.errors import OverheardError

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
        *(
            (("--sigma", value), f"^--sigma is {float(value):g}; give the".replace("+", "."))
            for value in ("-1", "nan", "inf", "-inf", "1e-200", "1e200")
        ),
        *((("--epsilon", value), f"^--epsilon is {value} ") for value in ("0", "-1", "nan", "inf")),
        (("--epsilon", "1", "--delta", "0"), "^--epsilon is 1 at --delta 0"),
        (("--sigma", "1", "--rate", "nan"), "^--rate"),
        (("--sigma", "1", "--delta", "nan"), "^--delta"),
        (("--sigma", "1", "--steps", str(10**18)), "^--steps"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(OverheardError, match=message):
        CliRunner().invoke(app, [*MECHANISM, *arguments], catch_exceptions=False)


CLEAR = np.random.default_rng(0).multinomial(1000, [0.9] + [0.1 / 15] * 15, size=500)
VOTES = ("--sigma", "100", "--delta", "1e-5")


def test_votes_are_priced_three_ways(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "votes.csv", CLEAR, fmt="%d", delimiter=",")
    np.save(tmp_path / "votes.npy", CLEAR)
    found = run("--votes", str(tmp_path / "votes.csv"), *VOTES, "--seed", "7")
    assert found == run("--votes", str(tmp_path / "votes.npy"), *VOTES, "--seed", "7")
    private, any_votes, released = (
        found[name] for name in ("data_dependent", "data_independent", "sanitised")
    )
    assert private["epsilon"] < released["epsilon"] < any_votes["epsilon"]
    assert (private["publish"], released["publish"], any_votes["publish"]) == (False, True, True)
    assert released["basis"] == "data-dependent, sanitised by smooth sensitivity"
    assert "not to be published" in private["basis"]


def test_without_a_seed_the_noise_is_another_each_time(tmp_path: Path) -> None:
    np.save(tmp_path / "votes.npy", CLEAR)
    arguments = ("--votes", str(tmp_path / "votes.npy"), *VOTES)
    assert len({run(*arguments)["sanitised"]["epsilon"] for _ in range(3)}) > 1


def test_votes_in_words(tmp_path: Path) -> None:
    np.save(tmp_path / "votes.npy", CLEAR)
    arguments = ["--votes", str(tmp_path / "votes.npy"), *VOTES]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert "500 queries among 16" in shown
    assert "data-dependent" in shown
    assert "not to be published" in shown


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("a,b", VOTES, "no table of votes"),
        ("1,2.5", VOTES, "whole numbers"),
        ("-1,2", VOTES, "whole numbers"),
        ("3,1\n1,1", VOTES, "4 teachers"),
        ("3,1", ("--delta", "1e-5"), "--sigma"),
        ("3,1", ("--sigma", "0", "--delta", "1e-5"), "--sigma"),
        ("3,1", (*VOTES, "--rate", "0.1"), "no rate"),
        ("3,1", (*VOTES, "--order", "1"), "order"),
    ],
)
def test_mistakes_in_votes_are_named(
    tmp_path: Path, text: str, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(OverheardError, match=message):
        CliRunner().invoke(app, ["--votes", str(path), *arguments], catch_exceptions=False)


def test_votes_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(b"\xef\xbb\xbf3,1\r\n2,2\r\n")
    assert run("--votes", str(path), *VOTES)["queries"] == 2
