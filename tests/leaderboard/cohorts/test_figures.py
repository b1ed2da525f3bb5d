"""Cohorts of a cell: who is in them, what they pay, and what is not tested."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.cohorts.figures import attack_of, cohort_figures
from leaderboard.figures.paired import Beside
from leaderboard.figures.seeds import over_seeds
from leaderboard.spec.cell import Audit
from tests.leaderboard.figures.making import row

# Test speakers t0 to t7, private speakers v0 to v19.
SAID = {
    **{f"t{k}": {"accent": "en", "gender": "female" if k < 4 else "male"} for k in range(8)},
    **{f"v{k}": {"accent": "en", "gender": "female" if k < 10 else "male"} for k in range(20)},
}


def is_female(name):
    return SAID[name.partition("-")[0]]["gender"] == "female"


def cell(*records):
    (one,) = over_seeds(records)
    return one


def worse_for_women(record):
    """Return the record with three more word errors in every utterance of a woman."""
    errors = {
        speaker: {u: (e + 3 * is_female(speaker), n) for u, (e, n) in said.items()}
        for speaker, said in record.word_errors.items()
    }
    return record.model_copy(update={"word_errors": errors})


def figures(record, *beside, attack=None):
    found = cohort_figures(cell(record), Beside.of([record, *beside]), attack)
    return {one.cohort: one for one in found}


def test_the_two_sides_of_one_attribute_are_one_test():
    plain = row("none", cohorts=SAID)
    private = worse_for_women(row("dpsgd", 10, cohorts=SAID))
    found = figures(private, plain)
    assert list(found) == ["accent en", "gender female", "gender male"]
    women, men = found["gender female"], found["gender male"]
    assert women.speakers == men.speakers == 4
    assert women.wer_gap.value == pytest.approx(-men.wer_gap.value)
    assert women.wer_gap.value == pytest.approx(women.wer.value - men.wer.value)
    assert women.wer_p == men.wer_p
    assert women.wer_gap_less_none.value == pytest.approx(0.3, abs=0.15)
    assert women.less_none_p == pytest.approx(2 / 70)  # of all ways to divide eight speakers
    # Nobody has another accent, so that there is nothing to compare with.
    assert not found["accent en"].wer_gap.scored
    assert found["accent en"].wer_p is None
    assert found["accent en"].speakers == 8


def test_without_plain_training_beside_it_nothing_is_wider():
    found = figures(row("dpsgd", 10, cohorts=SAID))
    assert "no row none" in found["gender female"].wer_gap_less_none.method
    assert found["gender female"].wer_gap.scored


def test_a_cohort_that_leaks_more_is_found():
    record = row("none", cohorts=SAID)
    scores = {
        c: s + 5 * record.coins[c] * is_female(c) for c, s in record.scores["membership"].items()
    }
    leaky = record.model_copy(update={"scores": {"membership": scores}})
    women, men = (figures(leaky)[f"gender {g}"] for g in ("female", "male"))
    assert women.auc.value > 0.95
    assert men.auc.value == pytest.approx(0.5, abs=0.15)
    assert women.auc_gap.value == pytest.approx(women.auc.value - men.auc.value)
    assert women.auc_p < 1e-3
    assert women.candidates + men.candidates == len(record.coins)


def test_canaries_are_left_out_also_those_said_once():
    record = row("none", cohorts=SAID)
    conditions = record.cell.conditions
    canaries = conditions.canaries.model_copy(update={"count": 30})
    cell = record.cell.model_copy(
        update={"conditions": conditions.model_copy(update={"canaries": canaries})}
    )
    renamed = dict(zip(list(record.coins)[:30], canaries.ids, strict=True))

    def named(of_each):
        return {renamed.get(c, c): value for c, value in of_each.items()}

    changes = {
        "cell": cell,
        "coins": named(record.coins),
        "scores": {"membership": named(record.scores["membership"])},
        "speakers": {
            s: tuple(renamed.get(c, c) for c in said) for s, said in record.speakers.items()
        },
    }
    found = figures(record.model_copy(update=changes))
    assert found["gender female"].candidates + found["gender male"].candidates == 170


def test_an_area_of_one_has_an_interval_with_a_width_and_no_test():
    record = row("none", cohorts=SAID)
    scores = {
        c: float(record.coins[c]) if is_female(c) else s
        for c, s in record.scores["membership"].items()
    }
    women = figures(record.model_copy(update={"scores": {"membership": scores}}))["gender female"]
    assert women.auc.value == women.auc.high == 1
    assert women.auc.low < 1
    assert "nothing varies" in women.auc_gap.method
    assert women.auc_p is None


def test_where_a_speaker_has_one_coin_each_is_one():
    said = {f"v{k}": {"gender": "female" if k % 2 else "male"} for k in range(200)}
    record = row("none", cohorts=said)
    speakers = {f"v{k}": (c,) for k, c in enumerate(record.coins)}
    # Two utterances of each: only their mean tells.
    twice = {
        "coins": {f"{c}{x}": coin for c, coin in record.coins.items() for x in "ab"},
        "speakers": {s: (f"{c}a", f"{c}b") for s, (c,) in speakers.items()},
        "scores": {
            "membership": {
                f"{c}{x}": coin + sign * 9
                for c, coin in record.coins.items()
                for x, sign in (("a", 1), ("b", -1))
            }
        },
    }
    conditions = record.cell.conditions.model_copy(update={"unit": "speaker"})
    cell = record.cell.model_copy(update={"conditions": conditions})
    women = figures(record.model_copy(update={**twice, "cell": cell}))["gender female"]
    assert women.candidates == 100
    assert women.auc.value == 1


def test_without_cohorts_there_are_no_rows():
    assert figures(row("none")) == {}


def test_the_attack_is_the_first_on_membership_or_the_one_asked_for():
    record = row("none", cohorts=SAID)
    assert attack_of(record) == "membership"
    assert figures(record)["gender female"].auc.scored
    assert not figures(record, attack="nothing")["gender female"].auc.scored
    audit = Audit(attack="membership-calibrated", guesses=0.125, side="held-out")
    conditions = record.cell.conditions.model_copy(update={"audit": audit})
    audited = record.model_copy(
        update={
            "cell": record.cell.model_copy(update={"conditions": conditions}),
            "scores": dict.fromkeys(("membership", audit.attack), record.scores["membership"]),
        }
    )
    assert attack_of(audited) == audit.attack


def test_seeds_are_one_row_and_the_same_speakers_in_it():
    each = [row("none", seed=seed, cohorts=SAID) for seed in (0, 1, 2)]
    found = {f.cohort: f for f in cohort_figures(cell(*each), Beside.of(each), None)}
    together = found["gender female"]
    assert "3 seeds" in together.wer_gap.method
    alone = [figures(one)["gender female"].auc_gap for one in each]
    assert together.auc_gap.value == pytest.approx(np.mean([one.value for one in alone]))
    # One seed three times says no more of how speakers differ than once.
    same = [each[0].model_copy(update={"cell": one.cell}) for one in each]
    again = {f.cohort: f for f in cohort_figures(cell(*same), Beside.of(same), None)}
    gap = again["gender female"].auc_gap
    assert (gap.low, gap.high) == pytest.approx((alone[0].low, alone[0].high))
