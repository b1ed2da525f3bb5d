"""Rows beside their controls: paired by seed, utterance and coin, or a dash with the reason."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leaderboard.figures.intervals import rate
from leaderboard.figures.paired import (
    Beside,
    counts_of,
    every_difference,
    leakage_difference,
    leakage_less,
    wer_difference,
    wer_less,
)
from tests.leaderboard.figures.making import WORDS, row
from tests.leaderboard.views.test_table import measured, promise

PUBLIC = row("public", rate=0.4)
BETTER = row("dpsgd", 10.0, rate=0.3)
BESIDE = [PUBLIC, BETTER]


def test_counts_are_by_speaker():
    found = counts_of([BETTER, PUBLIC])
    assert found.shape == (2, 8, 2)
    assert (found[..., 1] == 5 * WORDS).all()
    assert rate(found[:1]).value == pytest.approx(BETTER.wer.value)
    assert counts_of([]) is None


def test_the_difference_is_of_the_rates_and_much_narrower_than_they_are():
    found = wer_less([BETTER], Beside.of(BESIDE), "public")
    assert found.value == pytest.approx(BETTER.wer.value - PUBLIC.wer.value)
    assert found.high < 0
    apart = [rate(counts_of([r])) for r in BESIDE]
    assert apart[1].high > apart[0].low  # as two intervals they overlap


def test_the_mean_over_seeds_takes_the_seeds_that_both_have():
    rows = [row("dpsgd", 10.0, seed, rate=0.3) for seed in (0, 1, 2)]
    publics = [row("public", seed=seed, rate=0.4) for seed in (0, 1)]
    found = wer_less(rows, Beside.of([*rows, *publics]), "public")
    less = [r.wer.value - p.wer.value for r, p in zip(rows, publics, strict=False)]
    assert found.value == pytest.approx(np.mean(less))
    assert "8 speakers and 2 seeds" in found.method


@pytest.mark.parametrize(
    ("one", "beside", "control", "reason"),
    [
        (BETTER, BESIDE, "start", "no row start beside it"),
        (PUBLIC, BESIDE, "public", "it is this control itself"),
        (row("dpsgd", 10.0, 5), BESIDE, "public", "no row public with its seed"),
        (
            BETTER,
            [PUBLIC.model_copy(update={"word_errors": {}})],
            "public",
            "before errors were kept for each utterance",
        ),
        (
            BETTER,
            [PUBLIC.model_copy(update={"word_errors": {"x": {"y": (1, 2)}, "z": {"w": (1, 2)}}})],
            "public",
            "other speech than the control's",
        ),
    ],
)
def test_what_cannot_be_compared_is_a_dash_with_the_reason(one, beside, control, reason):
    found = wer_less([one], Beside.of(beside), control)
    assert not found.scored
    assert reason in found.method


def test_leakage_without_a_control_is_a_dash_with_the_same_reason():
    for one, control in ((BETTER, "start"), (PUBLIC, "public"), (row("dpsgd", 1.0, 5), "public")):
        why = leakage_less([one], Beside.of(BESIDE), control, "membership").method
        assert why == wer_less([one], Beside.of(BESIDE), control).method
        assert why.startswith("unscored: ")


def test_other_words_are_other_speech():
    changed = {
        s: {u: (e, n + 1) for u, (e, n) in said.items()} for s, said in PUBLIC.word_errors.items()
    }
    other = PUBLIC.model_copy(update={"word_errors": changed})
    assert "other speech" in wer_difference([BETTER], [other]).method


def test_leakage_is_compared_on_the_same_coins():
    leaks = row("dpsgd", 10.0, leak=0.5)
    found = leakage_less([leaks], Beside.of([PUBLIC]), "public", "membership")
    assert found.low > 0.05
    assert "20 clusters" in found.method
    nothing = leakage_less([BETTER], Beside.of([PUBLIC]), "public", "membership")
    assert nothing.low < 0 < nothing.high
    other = row("public", seed=1).model_copy(update={"cell": PUBLIC.cell})
    assert "coins are not those" in leakage_difference(leaks, other, "membership").method
    assert "in common" in leakage_difference(leaks, PUBLIC, "canary").method


def test_a_record_that_does_not_say_who_spoke_is_compared_by_candidate():
    old = BETTER.model_copy(update={"speakers": {}})
    assert "200 clusters" in leakage_difference(old, PUBLIC, "membership").method


def test_where_a_speaker_has_one_coin_speakers_are_compared():
    def by_speaker(record):
        conditions = record.cell.conditions.model_copy(update={"unit": "speaker"})
        tossed = {c: int(c[1:].split("-")[0]) % 2 == 0 for c in record.coins}
        changes = {
            "coins": tossed,
            "cell": record.cell.model_copy(update={"conditions": conditions}),
        }
        return record.model_copy(update=changes)

    one, other = by_speaker(BETTER), by_speaker(PUBLIC)
    found = leakage_difference(one, other, "membership")
    means = [
        {s: np.mean([r.scores["membership"][c] for c in said]) for s, said in r.speakers.items()}
        for r in (one, other)
    ]
    areas = [
        np.mean([m[f"v{i}"] > m[f"v{o}"] for i in range(0, 20, 2) for o in range(1, 20, 2)])
        for m in means
    ]
    assert found.value == pytest.approx(areas[0] - areas[1])
    old = one.model_copy(update={"speakers": {}})
    assert "who spoke" in leakage_difference(old, other, "membership").method


BITS = np.random.default_rng(0).uniform(0, 9, size=12)


def with_canaries(record, bits):
    tossed = {f"canary-{n:04d}": n % 2 == 0 for n in range(12)}
    scores = dict(zip(tossed, bits, strict=True))
    mean = float(np.mean([bits[n] for n in range(0, 12, 2)]))
    changes = {
        "coins": record.coins | tossed,
        "scores": record.scores | {"canary": scores},
        "leakages": record.leakages | {"canary": {"exposure": measured(mean)}},
        "repetitions": dict.fromkeys(list(tossed)[6:], 16),
        "guarantee": promise(1.0),
    }
    return record.model_copy(update=changes)


def test_exposure_is_compared_secret_by_secret_of_those_said_once():
    one, other = with_canaries(BETTER, BITS + 0.5), with_canaries(PUBLIC, BITS)
    found = leakage_difference(one, other, "canary")
    assert found.value == pytest.approx(0.5)
    assert found.high - found.low < 1e-9
    assert "3 secrets" in found.method


def test_every_attack_is_compared_and_what_is_unknown_is_left_out():
    one, other = with_canaries(BETTER, BITS + 0.5), with_canaries(PUBLIC, BITS)
    found = every_difference(one, Beside.of([one, other]))
    assert found["canary"]["exposure_less_public"].value == pytest.approx(0.5)
    assert found["canary"]["auc_less_public"].value == pytest.approx(0.0)
    assert found["membership"]["auc_less_public"] == leakage_difference(one, other, "membership")
    assert every_difference(other, Beside.of([one, other])) == {}
    assert every_difference(BETTER.model_copy(update={"scores": {}}), Beside.of(BESIDE)) == {}


def test_the_level_is_that_of_the_choice():
    one = leakage_difference(BETTER, PUBLIC, "membership")
    wide = leakage_difference(BETTER, PUBLIC, "membership", 0.99)
    assert wide.value == one.value
    assert wide.high - wide.low > 1.2 * (one.high - one.low)
    assert math.isclose(wide.level, 0.99)


def test_the_control_is_the_first_by_its_label_that_gave_anything():
    public = [
        PUBLIC.model_copy(
            update={"cell": PUBLIC.cell.model_copy(update={"label": label}), "status": status}
        )
        for label, status in (("public-c", "ok"), ("public-b", "ok"), ("public-a", "failed"))
    ]
    assert Beside.of([BETTER, *public]).control_of(BETTER, "public") is public[1]
