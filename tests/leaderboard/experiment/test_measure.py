"""From findings and coins to figures: which candidates may speak, and what is always there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from attacks.base import Findings
from leaderboard.experiment.measure import AUDITED_WITH, audit, leakage
from leaderboard.figures.headline import HEADLINE
from targets.core.randomness import Randomness
from tests.fakes import canary, utterance

RNG = Randomness(0)


def game(count, repeated=0):
    """Return candidates, the last `repeated` of them canaries said often, and fair coins."""
    spoken = [utterance(f"u{n}", "a", f"s{n % 20}") for n in range(count)]
    spoken += [canary(n, n, repetitions=16) for n in range(repeated)]
    coins = {c.id: bool(RNG.child(c.id).integer() & 1) for c in spoken}
    return spoken, coins


def findings(spoken, scores, **figures):
    return Findings(tuple(spoken), np.asarray(scores, float), figures)


def perfect(spoken, coins):
    return findings(spoken, [coins[c.id] for c in spoken])


def test_every_attack_has_its_headline():
    spoken, coins = game(30)
    names = {name for name in HEADLINE.values() if name != "auc"}
    found = findings(spoken, np.arange(30), **{n: np.arange(30.0) for n in names})
    figures = leakage(found, coins, RNG)
    assert set(HEADLINE.values()) <= set(figures)
    assert {"tpr_at_1pct_fpr", "balanced_accuracy"} <= set(figures)
    assert all(figures[name].scored for name in HEADLINE.values())


def test_figures_are_of_members_of_the_held_out_and_of_their_difference():
    spoken, coins = game(40)
    bits = np.array([7.0 if coins[c.id] else 2.0 for c in spoken])
    bits[0] = math.nan
    figures = leakage(findings(spoken, bits > 3, exposure=bits), coins, RNG)
    assert figures["exposure"].value == pytest.approx(7.0)
    assert figures["exposure_held_out"].value == pytest.approx(2.0)
    assert figures["exposure_difference"].value == pytest.approx(5.0)


@pytest.mark.parametrize("heads", [True, False])
def test_one_sided_coins_leave_the_attack_unscored(heads):
    spoken, _ = game(6)
    coins = dict.fromkeys((c.id for c in spoken), heads)
    figures = leakage(findings(spoken, range(6)), coins, RNG)
    assert not figures["auc"].scored
    assert "one side of the coin" in figures["auc"].method
    assert not audit({"membership": findings(spoken, range(6))}, coins, 1e-3, "any").scored


def test_an_attack_without_candidates_is_unscored():
    (auc,) = leakage(findings([], []), {}, RNG).values()
    assert not auc.scored
    assert "nothing that this attack looks at" in auc.method


def test_an_attack_that_does_not_apply_says_why():
    found = Findings((), np.zeros(0), reason="the target has no part that reads text")
    (auc,) = leakage(found, {}, RNG).values()
    assert not auc.scored
    assert auc.method == "unscored: the target has no part that reads text"


def test_repeated_canaries_do_not_enter_the_audit():
    spoken, coins = game(60, repeated=60)
    scores = [
        (coins[c.id] if c.attributes else 0) + RNG.child("noise", c.id).numpy().normal() / 100
        for c in spoken
    ]
    found = findings(spoken, scores)
    # The canaries are betrayed perfectly; the utterances not at all, and only they count.
    assert leakage(found, coins, RNG)["auc"].value > 0.7
    assert audit({"membership": found}, coins, 1e-3, "any").low < 1.0
    alone = findings(spoken[60:], scores[60:])
    assert not audit({"membership": alone}, coins, 1e-3, "any").scored


def test_a_perfect_attack_proves_something_and_never_above_its_ceiling():
    spoken, coins = game(400)
    found = {"membership": perfect(spoken, coins)}
    for noise in ("any", "gaussian"):
        proven = audit(found, coins, 1e-4, noise)
        assert 2.0 < proven.low <= proven.ceiling
        assert proven.level == 0.95
    two = audit({name: perfect(spoken, coins) for name in AUDITED_WITH}, coins, 1e-4, "any")
    one = audit(found, coins, 1e-4, "any")
    assert two.low < one.low, "two attacks share the level"
    # Also where the other one failed: how many were tried does not depend on how they went.
    failed = audit(found, coins, 1e-4, "any", planned=(*AUDITED_WITH, "canary"))
    assert failed.low == two.low


def test_only_membership_attacks_audit():
    spoken, coins = game(60)
    unscored = audit({"inversion": perfect(spoken, coins)}, coins, 1e-4, "any")
    assert not unscored.scored
    assert "no membership attack" in unscored.method


def test_pure_noise_seldom_proves_anything():
    spoken, coins = game(200)
    rng = np.random.default_rng(0)
    false = sum(
        audit({"membership": findings(spoken, rng.normal(size=200))}, coins, 1e-4, "any").low > 0
        for _ in range(100)
    )
    assert false <= 12


def test_the_order_of_candidates_does_not_matter():
    spoken, coins = game(50)
    scores = {c.id: RNG.child("score", c.id).numpy().normal() for c in spoken}

    def figures(order):
        found = findings(order, [scores[c.id] for c in order])
        return leakage(found, coins, RNG)["auc"].value, audit(
            {"membership": found}, coins, 1e-3, "any"
        )

    assert figures(spoken) == figures(spoken[::-1])


def test_scores_that_are_not_finite_are_no_evidence():
    spoken, coins = game(30)
    with pytest.raises(ValueError, match="not finite"):
        leakage(findings(spoken, [math.nan, *range(29)]), coins, RNG)


def test_cohorts_with_enough_of_both_sides_are_ranked_by_themselves():
    spoken, coins = game(240)
    genders = ["female", "male", "male", ""]
    spoken = [replace(c, attributes={"gender": genders[n % 4]}) for n, c in enumerate(spoken)]
    spoken[0] = replace(spoken[0], attributes={"accent": "rare"})
    # Only women leak.
    women = [c.attributes.get("gender") == "female" for c in spoken]
    noise = RNG.child("noise").numpy().random(len(spoken)) / 2
    scores = noise + [coins[c.id] and woman for c, woman in zip(spoken, women, strict=True)]
    figures = leakage(findings(spoken, scores), coins, RNG)
    assert figures["auc, gender female"].value == 1.0
    assert figures["auc, gender male"].low < 0.5 < figures["auc, gender male"].high
    assert 0.5 < figures["auc"].value < 0.9
    assert {n.partition(", ")[2] for n in figures} == {"", "gender female", "gender male"}
    assert not figures["tpr_at_1pct_fpr, gender female"].scored  # too few to resolve 1 %


def speakers_game(speakers=60, each=5):
    spoken = [utterance(f"u{s}-{n}", "a", f"s{s}") for s in range(speakers) for n in range(each)]
    coins = {c.id: bool(RNG.child(c.speaker).integer() & 1) for c in spoken}
    rng = RNG.child("scores").numpy()
    return spoken, coins, [coins[c.id] + 1.5 * rng.normal() for c in spoken]


def test_speakers_are_ranked_by_the_mean_of_what_they_said():
    spoken, coins, scores = speakers_game()
    found = findings(spoken, scores)
    pooled, single = (leakage(found, coins, RNG, unit)["auc"] for unit in ("speaker", "utterance"))
    means = {s: np.mean(scores[5 * s : 5 * s + 5]) for s in range(60)}
    sides = [[m for s, m in means.items() if coins[f"u{s}-0"] == heads] for heads in (True, False)]
    slow = np.mean([a > b for a in sides[0] for b in sides[1]])
    assert pooled.value == pytest.approx(slow)
    assert pooled.value > single.value + 0.1


def test_an_audit_of_speakers_needs_a_guarantee_of_speakers():
    spoken, coins, _ = speakers_game(300, 2)
    found = {"membership": perfect(spoken, coins)}
    proven = audit(found, coins, 1e-4, "any", "speaker", "speaker")
    assert proven.low > 2
    for units in (("speaker", "utterance"), ("utterance", "speaker")):
        refused = audit(found, coins, 1e-4, "any", *units)
        assert not refused.scored
        assert "the guarantee is per" in refused.method


def test_where_a_speaker_is_the_unit_their_utterances_are_one_value():
    """Twenty speakers of ten equal values are twenty values, not two hundred."""
    said = [utterance(f"u{n}-{k}", "a", f"s{n}") for n in range(20) for k in range(10)]
    by_speaker = {u.speaker: n % 2 == 0 for n, u in enumerate(said[::10])}
    values = np.repeat(Randomness(0).numpy().normal(size=20), 10)
    found = Findings(tuple(said), np.zeros(200), {"exposure": values})
    coins = {u.id: by_speaker[u.speaker] for u in said}
    of_speakers = leakage(found, coins, Randomness(0), "speaker")["exposure"]
    of_utterances = leakage(found, coins, Randomness(0), "utterance")["exposure"]
    assert of_speakers.value == pytest.approx(of_utterances.value)
    assert of_speakers.high - of_speakers.low > 2 * (of_utterances.high - of_utterances.low)
