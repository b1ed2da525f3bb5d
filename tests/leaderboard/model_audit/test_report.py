from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.model_audit.report import coded, headline, report
from leaderboard.model_audit.result import INVERTED
from leaderboard.model_audit.run import Asked, audit_model
from leaderboard.recognisers.stimuli import Stimulus
from tests.leaderboard.model_audit.fakes import Fake, game


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    planted = game(folder)
    model = Fake(planted.folder / "train", name="<b>mine</b>")
    asked = Asked(1e-5, claimed_epsilon=0.5)
    silence = Stimulus("silence-1s", np.zeros(16_000, np.float32))
    result = audit_model(
        *(planted, model, folder / "out", asked), base=Fake(name="base"), stimuli=[silence]
    )
    return planted, result


def test_the_page_stands_alone_and_names_nobody(audit):
    planted, result = audit
    page = report(result, planted)
    assert "The claim ε = 0.5 is falsified." in page
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert "<b>mine" not in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert str(planted.folder.parent) not in page
    assert "said-0" not in page
    assert "Turn LEFT" not in page
    assert all(name in page for name in result.worst)
    assert page.count("<audio") == 3
    assert '<svg class="roc"' in page
    assert "What it writes when nobody speaks" in page
    assert "<td>silence</td><td>1</td><td>1</td><td>1</td>" in page
    assert "Secrets within many draws" in page
    for path in re.findall(r'd="(M[^"]*)"', page):
        assert "nan" not in path


@pytest.mark.parametrize(
    ("verdict", "claim", "says"),
    [
        ("consistent", 3.0, "ε = 3 is consistent"),
        ("cannot tell: ceiling below the claim", 9.0, "this audit cannot tell: ceiling below"),
        ("nothing claimed", None, "nothing was claimed"),
        (INVERTED, None, "this audit cannot tell: held-out candidates rank above members"),
    ],
)
def test_the_headline_says_the_verdict(audit, verdict, claim, says):
    assert says in headline(replace(audit[1], verdict=verdict, claimed_epsilon=claim))


def test_code_in_advice_is_set_as_code_and_nothing_else_is_let_through():
    assert coded("give `--noise <b>` & `x`") == (
        "give <code>--noise &lt;b&gt;</code> &amp; <code>x</code>"
    )
