import json
from pathlib import Path

import numpy as np
import pytest
import typer
from dp_accounting import ComposedDpEvent, GaussianDpEvent
from typer.testing import CliRunner

from defenses.accounting.price import price
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


@pytest.mark.parametrize(
    ("queries", "epsilon", "sigma"),
    # By ε = ρ + 2 sqrt(ρ ln 1/δ), ρ = queries / σ² (Bun and Steinke 2016): from above.
    [(100, 1, 69), (1_000, 1, 219), (5_000, 1, 490), (100, 10, 8.0), (1_000, 10, 25)],
)
def test_votes_cost_what_zero_concentrated_privacy_bounds(
    tmp_path: Path, queries: int, epsilon: float, sigma: float
) -> None:
    path = tmp_path / "votes.npy"
    np.save(path, np.tile([40, 0], (queries, 1)))
    found = run("--votes", str(path), "--sigma", str(sigma), "--delta", "1e-5")
    assert 0.7 * epsilon < found["data_independent"]["epsilon"] <= 1.01 * epsilon


CONFIDENT = ("--sigma", "60", "--threshold", "500", "--test-sigma", "120", "--delta", "1e-5")


def test_confident_votes_are_priced_three_ways_and_refused_ones_are_cheap(tmp_path: Path) -> None:
    split = np.random.default_rng(1).multinomial(1000, [1 / 16] * 16, size=500)
    path = tmp_path / "votes.npy"
    np.save(path, np.concatenate([CLEAR, split]))
    found = run("--votes", str(path), *CONFIDENT, "--answers", "700", "--seed", "7")
    assert (found["mechanism"], found["answers"]) == ("confident gnmax", 700)
    private, any_votes, released = (
        found[name] for name in ("data_dependent", "data_independent", "sanitised")
    )
    assert private["epsilon"] < released["epsilon"] < any_votes["epsilon"]
    assert (private["publish"], released["publish"]) == (False, True)
    event = ComposedDpEvent([GaussianDpEvent(120 / 1000**0.5), GaussianDpEvent(60 / 1400**0.5)])
    assert any_votes["epsilon"] == pytest.approx(price(event, 1e-5).epsilon)
    plain = run("--votes", str(path), "--sigma", "60", "--delta", "1e-5", "--seed", "7")
    assert private["epsilon"] < plain["data_dependent"]["epsilon"]
    without_a_cap = run("--votes", str(path), *CONFIDENT)
    assert without_a_cap["answers"] == 1000
    assert without_a_cap["data_independent"]["epsilon"] > any_votes["epsilon"]


def test_unlisted_votes_pay_for_what_one_teacher_alone_wrote(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    np.savetxt(path, np.tile([30, 8, 2], (40, 1)), fmt="%d", delimiter=",")
    arguments = ("--votes", str(path), "--unlisted", "--sigma", "4.2", "--delta", "1e-4")
    found = run(*arguments, "--threshold", "22")
    listed = run("--votes", str(path), "--sigma", "4.2", "--delta", "1e-4")["data_independent"]
    assert listed["epsilon"] < found["data_independent"]["epsilon"] < listed["epsilon"] + 1
    assert 0 < found["delta_of_new"] < 1e-4
    assert "new texts" in found["data_independent"]["accountant"]
    assert "sanitised" not in found
    shown = CliRunner().invoke(app, [*arguments, "--threshold", "22"], catch_exceptions=False)
    assert shown.stdout.startswith("unlisted votes: 40 queries")
    with pytest.raises(OverheardError, match=r"threshold 10 .* raise the threshold"):
        run(*arguments, "--threshold", "10")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--threshold", "5"), "both --threshold and --test-sigma"),
        (("--test-sigma", "5"), "both --threshold and --test-sigma"),
        (("--answers", "5"), "--answers belongs to"),
        (("--threshold", "5", "--test-sigma", "0"), "^--test-sigma is 0"),
        (("--threshold", "5", "--test-sigma", "9", "--answers", "0"), "^--answers is 0"),
        (("--unlisted",), "--unlisted needs --threshold"),
        (("--unlisted", "--threshold", "99", "--answers", "3"), "--unlisted needs --threshold"),
        (("--unlisted", "--threshold", "nan"), "^--threshold is nan"),
        (("--unlisted", "--threshold", "9999", "--seed", "3"), "--order and --seed"),
    ],
)
def test_mistakes_in_how_votes_are_answered_are_named(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("3,1")
    with pytest.raises(OverheardError, match=message):
        run("--votes", str(path), *VOTES, *arguments)


def test_options_of_votes_without_votes_are_refused() -> None:
    with pytest.raises(OverheardError, match="belong to --votes"):
        run(*MECHANISM, "--sigma", "1", "--threshold", "5")


def test_votes_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(b"\xef\xbb\xbf3,1\r\n2,2\r\n")
    assert run("--votes", str(path), *VOTES)["queries"] == 2


def test_devices_by_activity_pay_each_at_their_rate_and_the_heaviest_is_the_epsilon():
    rounds = ("--rate", "0.1", "--steps", "20", "--delta", "1e-5")
    found = run(*rounds, "--epsilon", "4", "--activity", "0.5,1,4")
    assert 3.9 < found["epsilon"] <= 4
    assert found["unit"] == "speaker"
    rates = [device["rate"] for device in found["devices"]]
    assert rates == pytest.approx([0.05, 0.1, 0.4])
    sigma = str(found["sigma"])
    for device in found["devices"]:
        alone = run("--rate", str(device["rate"]), *rounds[2:], "--sigma", sigma)
        assert device["epsilon"] == pytest.approx(alone["epsilon"])
    assert found["devices"][-1]["epsilon"] == found["epsilon"]
    assert found["claimed_epsilon"] == found["devices"][1]["epsilon"] < 0.5 * found["epsilon"]
    said = CliRunner().invoke(app, [*rounds, "--sigma", sigma, "--activity", "0.5,1,4"]).stdout
    assert f"would claim ε = {found['claimed_epsilon']:.4g}" in said
    assert "add or remove one speaker" in said


@pytest.mark.parametrize("activity", ["", "a", "1,0", "4,1", "1,inf", "-1"])
def test_activities_that_mean_nothing_are_refused(activity):
    arguments = ["--rate", "0.1", "--steps", "2", "--delta", "1e-5", "--sigma", "1"]
    with pytest.raises(OverheardError, match=r"--activity is .*; give rising numbers above 0"):
        CliRunner().invoke(app, [*arguments, "--activity", activity], catch_exceptions=False)
