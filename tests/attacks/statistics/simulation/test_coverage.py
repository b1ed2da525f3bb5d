"""No bound claims more than the truth more often than it may, and the test can tell."""

# ruff: noqa: ARG001 - planted bounds take the protocol's arguments and ignore some

import math

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from attacks.statistics.gdp import gdp_bound
from attacks.statistics.one_run import epsilon_from_guesses
from attacks.statistics.simulation.coverage import CONTENDERS, Contender, Coverage, measure_coverage
from attacks.statistics.simulation.games import GAMES, Gaussian, RandomisedResponse
from leaderboard.commands.audits.coverage import BY_HAND, coverage, measure_table, render_table
from targets.core.estimate import Estimate


def measured(contender, game, epsilon, n=200, runs=400):
    rng = np.random.default_rng(0)
    (row,) = measure_coverage(
        game, contender.design, n, epsilon, runs=runs, rng=rng, contenders=(contender,)
    )
    return row


WHOLE = pytest.param(((50, 400), (0.1, 1.0, 10.0)), marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[((400,), (10.0,)), WHOLE], ids=["corner", "whole"])
def reduced(request):
    sizes, epsilons = request.param
    return measure_table(150, sizes=sizes, epsilons=epsilons)


@pytest.mark.one_version
def test_reduced_table_holds_for_every_bound(reduced):
    assert {row.bound for row in reduced} == {contender.name for contender in CONTENDERS}
    assert {row.game for row in reduced} == {game.name for game in GAMES}
    assert [row for row in reduced if not row.holds] == []


@pytest.mark.one_version
def test_bounds_find_something(reduced):
    # Zero would cover perfectly: at ε = 10 and n = 400 every bound must find part of it.
    strong = [r for r in reduced if r.epsilon == 10.0 and r.n == 400 and r.game == "Gaussian"]
    assert len(strong) == len(CONTENDERS)
    assert min(row.power for row in strong) > 0.15


def guess_everything(trials, delta, level, rng):
    """Take the best of all numbers of guesses without paying for the choice."""
    order = np.argsort(np.concatenate([trials.in_scores, trials.out_scores]))[::-1]
    correct = np.cumsum(order < trials.n_in)
    bounds = [
        epsilon_from_guesses(trials.size, r, int(correct[r - 1]), delta, 1 - level)
        for r in range(8, trials.size // 2, 4)
    ]
    return Estimate(max(bounds), max(bounds), math.inf, level, "uncorrected")


def point_estimate(trials, delta, level, rng):
    """Report the ratio seen, with no confidence limit at all."""
    threshold = np.median(trials.out_scores)
    tpr, fpr = (np.mean(s > threshold) for s in (trials.in_scores, trials.out_scores))
    low = math.log(tpr / fpr) if tpr > fpr > 0 else 0.0
    return Estimate(low, low, math.inf, level, "point")


def believe_it_gaussian(trials, delta, level, rng):
    """Use the Gaussian bound where the noise is not Gaussian."""
    return gdp_bound(trials, delta=delta, level=level, noise="gaussian")


@pytest.mark.one_version
@pytest.mark.parametrize(
    ("bound", "design", "game", "epsilon"),
    [
        (guess_everything, "one_run", RandomisedResponse(), 0.1),
        (point_estimate, "many_runs", Gaussian(), 0.1),
        (believe_it_gaussian, "many_runs", RandomisedResponse(), 4.0),
    ],
)
def test_planted_optimists_are_caught(bound, design, game, epsilon):
    assert not measured(Contender("optimist", design, bound), game, epsilon).holds


def test_bookkeeping():
    always = Contender(
        "always", "one_run", lambda *_: Estimate(2.0, 2.0, math.inf, 0.95, "constant")
    )
    row = measured(always, Gaussian(), 1.0, runs=40)
    assert (row.false_claims, row.median, row.power, row.holds) == (40, 2.0, 2.0, False)
    never = Contender("never", "one_run", lambda *_: Estimate.unscored("refused"))
    row = measured(never, Gaussian(), 1.0, runs=40)
    assert (row.false_claims, row.median, row.holds) == (0, 0.0, True)
    # 5 % of 2000 and three standard deviations.
    assert Coverage("b", "g", "one_run", 50, 1.0, 0.95, 2000, 0, 0.0).allowed == pytest.approx(
        130, abs=3
    )


def test_cells_do_not_depend_on_each_other_and_repeat():
    few = measure_table(5, sizes=(50,), epsilons=(1.0,))
    assert few == measure_table(5, sizes=(50,), epsilons=(1.0,))
    assert few != measure_table(5, sizes=(50,), epsilons=(1.0,), seed=1)


def test_page_shows_figures_dashes_and_breaches():
    rows = measure_table(5, sizes=(50,), epsilons=(1.0,))
    page = render_table(rows)
    assert "`overheard coverage --runs 5`" in page
    assert f"All {len(rows)} figures hold" in page
    assert "| —" in page
    broken = Coverage("one-run", "Gaussian", "one_run", 50, 1.0, 0.95, 100, 50, 1.2)
    page = render_table([broken])
    assert "50.0% **!** · 1.20" in page
    assert "1 of 1 figures do not hold" in page


def test_command_writes_the_page_and_leaves_what_is_written_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr("leaderboard.commands.audits.coverage.SIZES", (50,))
    monkeypatch.setattr("leaderboard.commands.audits.coverage.EPSILONS", (1.0,))
    app = Typer()
    app.command()(coverage)
    out = tmp_path / "docs" / "coverage.md"
    for rows in (0, 1):
        result = CliRunner().invoke(app, ["--runs", "2", "--out", str(out)])
        assert result.exit_code == 0, result.output
        page = out.read_text(encoding="utf-8")
        assert "Coverage and power" in page
        assert "| own curve |" in " ".join(page.split())
        assert page.count("| 95 |") == rows
        if not rows:
            out.write_text(f"{page}\n{BY_HAND}\n\n| 95 |\n", encoding="utf-8")
