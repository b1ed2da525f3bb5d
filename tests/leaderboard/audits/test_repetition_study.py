"""Repeated canaries: what is proven of them, and the line that no audit crosses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from matplotlib.image import imread
from scipy.stats import binom, norm
from typer.testing import CliRunner

from defenses.accounting.groups import group_guarantee
from defenses.accounting.price import dp_sgd_event
from defenses.dpsgd.scheme import DPSGD
from leaderboard.audits import repetition_study
from leaderboard.audits.gradient_canaries import Setting, statistics, train_and_watch
from leaderboard.audits.repetition_study import repeated_audits
from leaderboard.commands.audits.repetitions import BEGIN, END, audit_repetitions, parsed
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

DELTA = 1e-5
RNG = Randomness(0)
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(audit_repetitions)


@pytest.mark.parametrize(("repetitions", "rate"), [(1, 1.0), (3, 1.0), (3, 0.25)])
def test_the_likelihood_is_that_of_every_number_that_may_be_drawn(repetitions, rate):
    updates = RNG.child("updates").numpy().normal(1, 2, size=(4, 5))
    found = statistics(updates, dp_sgd_event(1.3, rate, 4), repetitions)["likelihood"]
    inside = sum(
        binom.pmf(n, repetitions, rate) * norm(n, 1.3).pdf(updates) for n in range(repetitions + 1)
    )
    np.testing.assert_allclose(found, np.log(inside / norm(0, 1.3).pdf(updates)).sum(0))


def test_every_entry_of_a_canary_is_drawn_by_its_own_coin(monkeypatch):
    monkeypatch.setattr("defenses.dpsgd.mechanism.calibrated", lambda *_: 0.0)
    defense = DPSGD(4.0, epochs=300, batch_size=4)
    _, updates = train_and_watch(Setting(defense, 16, DELTA, repetitions=3), [True, False], RNG)
    assert not updates[:, 1].any()
    drawn = updates[:, 0].round(4)
    assert set(np.unique(drawn)) == {0.0, 1.0, 2.0, 3.0}
    assert drawn.mean() == pytest.approx(3 * 0.25, abs=0.1)
    assert drawn.var() == pytest.approx(3 * 0.25 * 0.75, abs=0.1)


@pytest.mark.slow
def test_more_is_proven_of_what_is_repeated_and_never_more_than_of_its_group():
    audits = list(repeated_audits("dpsgd", 2.0, [1, 8], RNG, delta=DELTA, runs=120))
    once, often = audits
    assert once.audited.low < often.audited.low
    # Eight times would refute the guarantee of one, which was never promised to eight.
    assert often.audited.low > often.epsilon
    for audit in audits:
        assert audit.audited.low <= audit.group_epsilon
        assert audit.verdict != "falsified"


def call(*arguments):
    return CliRunner().invoke(app, ["--runs", "60", "--scheme", "dpsgd", *arguments])


@pytest.mark.slow
def test_the_command_writes_table_page_and_picture(tmp_path):
    page, picture = tmp_path / "audits.md", tmp_path / "group.png"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    done = call(
        "--repetitions", "4, 1", "--format", "json", "--page", str(page), "--plot", str(picture)
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [row["repetitions"] for row in found] == [1, 4]
    assert found[0]["epsilon"] == found[1]["epsilon"] < found[1]["group_epsilon"]
    assert "old" not in page.read_text(encoding="utf-8")
    assert imread(picture).shape[1] == 800


@pytest.mark.slow
def test_a_false_guarantee_ends_with_code_three(monkeypatch):
    tiny = dp_sgd_event(30.0, 1.0, 1)
    monkeypatch.setattr(
        repetition_study, "group_guarantee", lambda *_: group_guarantee(tiny, 1e-5, 1)
    )
    done = call("--repetitions", "16")
    assert done.exit_code == 3
    assert "falsified" in done.stdout


@pytest.mark.parametrize("text", ["", "0", "1,x", "1,,2", "-1", "1.5"])
def test_repetitions_that_are_none_are_refused(text):
    with pytest.raises(OverheardError, match="give whole numbers above 0"):
        parsed(text)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--repetitions", "2,2"], "is there twice"),
        (["--scheme", "pate-gnmax"], "--scheme pate-gnmax: there is dpsgd"),
        (["--epsilon", "0"], "--epsilon"),
        (["--delta", "0"], "--delta and --level"),
        (["--plot", "group.pdf"], "is a PNG file"),
        (["--rate", "2"], "sampling rate 2"),
    ],
)
def test_mistakes_are_said(arguments, complaint):
    assert complaint in str(call(*arguments).exception)
