"""Broken mechanisms fall, sound ones never: 200 audits in a row."""

from __future__ import annotations

from functools import partial

import pytest

from defenses.dpsgd.scheme import DPSGD, EDPSGD
from leaderboard.audits.training_audit import SCHEMES, conclude
from targets.core.randomness import Randomness
from tests.zoo.adept import ADEPT
from tests.zoo.artefacts import ARTEFACTS
from tests.zoo.federated import FEDERATED
from tests.zoo.mechanisms import DELTA, ZOO, descent, votes

pytestmark = pytest.mark.one_version

EVERY = (*ZOO, *FEDERATED, *ADEPT, *ARTEFACTS)
AUDITS = 200
LEVEL = 1 - 0.05 / AUDITS  # all of them together err once in twenty sessions
RUNS = 60
# A second or two each, one of most schemes; the others are left to CI.
QUICK = {
    "clipping the mean, not each example", "no normalisation",
    "vocabulary of the members' transcripts", "white noise reused across steps",
    "private gradients not clipped", "noise shared over rounds",
    "ADePT's published sensitivity, 64 entries",
}  # fmt: skip


@pytest.mark.slow
def test_sound_mechanisms_are_never_falsified_in_200_audits():
    # The longest of this folder, which is the last: it begins first, so that nothing waits for it.
    verdicts = []
    for number in range(AUDITS):
        scheme = SCHEMES[number % 4]
        epsilon = (1.0, 2.0, 4.0)[number // 4 % 3]
        rng = Randomness(1).child(scheme, number)
        evidence = sound(scheme, epsilon)(RUNS, rng)
        audit = conclude(scheme, "", evidence, delta=DELTA, level=LEVEL)
        verdicts.append(audit.verdict)
    assert len(verdicts) == AUDITS
    assert set(verdicts) <= {"consistent", "cannot tell: ceiling below the claim"}
    # Most of them could have falsified, and did not; with few runs the ceiling of the bound for
    # Laplace noise is below the larger claims.
    assert verdicts.count("consistent") > 0.8 * AUDITS


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            b, id=f"{b.scheme}: {b.name}", marks=[] if b.name in QUICK else [pytest.mark.slow]
        )
        for b in EVERY
    ],
)
def test_a_broken_mechanism_is_falsified(broken):
    audit = broken.audit()
    assert audit.verdict == "falsified"
    assert audit.audited.level == 0.95


def watched_most(every):
    """Return of those that break one mechanism the one that is watched for most runs.

    Left whole, they are the same audit with fewer runs.
    """
    most = {}
    for broken in sorted(every, key=lambda b: b.runs):
        watch = broken.watch
        key = (watch.func, watch.args) if isinstance(watch, partial) else watch
        most[key] = broken
    return [broken for broken in every if broken in most.values()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    watched_most([b for b in EVERY if not b.slow]),
    ids=lambda b: f"{b.scheme}: {b.name}",
)
def test_the_sound_mechanism_in_its_place_is_consistent(broken):
    assert broken.audit(broken=False).verdict == "consistent"


def sound(scheme, epsilon):
    """Return what watches a sound scheme."""
    if scheme.startswith("pate"):
        return votes({"pate-lnmax": "laplace", "pate-gnmax": "gaussian"}[scheme], epsilon)
    return descent(epsilon, defense=DPSGD if scheme == "dpsgd" else EDPSGD)
