"""Lists are read from a recogniser that gives them away, and from none that does not."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.membership.contact_lists import (
    Extraction,
    extracted,
    judged,
    membership,
    over_users,
    scores_of_scores,
    scores_of_transcripts,
)
from targets.core.randomness import Randomness

NAMES = [f"{a}{b}{c}" for a in "bdkt" for b in ("ana", "olo", "iri") for c in ("x", "v", "m", "s")]
USERS = 6


def misheard(name):
    """Return what is written of a name that nobody listed."""
    return name[:-1] + "q"


def snapping(words):
    """Answer with the list's word where its probe is heard, and surely."""
    return [
        (f"call {n if n in words else misheard(n)}", -1.0 if n in words else -5.0) for n in NAMES
    ]


def bare():
    return [(f"call {misheard(n)}", -5.0) for n in NAMES]


def lists():
    """Return half of the names for each user."""
    return [
        set(Randomness(4).child(user).numpy().choice(NAMES, len(NAMES) // 2, replace=False))
        for user in range(USERS)
    ]


def asked(answer, score):
    """Return the AUC over all users of a score, of answers that know the list."""
    scores, on_list, users = [], [], []
    for user, words in enumerate(lists()):
        scores.append(score(answer(words), bare()))
        on_list += [name in words for name in NAMES]
        users += [user] * len(NAMES)
    return membership(np.concatenate(scores), on_list, users, Randomness(0))


def of_transcripts(ours, theirs):
    return scores_of_transcripts(NAMES, ours, theirs)


@pytest.mark.parametrize("score", [of_transcripts, scores_of_scores])
def test_a_recogniser_that_snaps_to_the_list_gives_it_away(score):
    found = asked(snapping, score)
    assert found.value == 1
    assert found.low > 0.5
    assert found.high <= 1


@pytest.mark.parametrize("score", [of_transcripts, scores_of_scores])
def test_one_that_ignores_its_list_gives_nothing_away(score):
    found = asked(lambda _: bare(), score)
    assert found.value == 0.5
    assert found.low <= 0.5 <= found.high


def test_whims_are_no_evidence():
    def whimsical(words):
        rng = Randomness(9).child(*sorted(words)).numpy()
        return [(text, score + rng.normal()) for text, score in bare()]

    found = asked(whimsical, scores_of_scores)
    assert found.low <= 0.5 <= found.high


def test_a_transcript_that_comes_nearer_counts_for_its_share():
    ours, theirs = [("call banax", 0.0)], [("call bonaq", 0.0)]
    assert scores_of_transcripts(["banax"], ours, theirs) == pytest.approx([0.4])
    assert scores_of_transcripts(["banax"], [("", 0.0)], ours) == pytest.approx([-1.0])


def test_a_list_is_extracted_and_judged():
    words = lists()[0]
    assert extracted(snapping(words), bare()) == words
    assert judged(words, words) == Extraction(1.0, 1.0)
    assert judged(extracted(bare(), bare()), words) == Extraction(0.0, None)
    assert judged({"banax", "nobody"}, {"banax", "dolov"}) == Extraction(0.5, 0.5)
    with pytest.raises(ValueError, match="nothing to find"):
        judged(words, [])


def test_what_no_user_lost_is_no_proof_that_none_will():
    none, all_ = over_users([0.0] * 10), over_users([1.0] * 10)
    # 0.975 = 1 - (1 - p)^10
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert (none.value, none.low) == (0, 0)
    assert (all_.low, all_.high) == (pytest.approx(1 - none.high), 1)
    assert over_users([0.5, 0.5]).high == 1
    assert not over_users([0.5]).scored


def test_an_interval_over_users_holds_the_truth_as_often_as_it_says():
    rng = Randomness(12).numpy()
    found = [over_users(list(rng.binomial(12, 0.3, size=8) / 12)) for _ in range(400)]
    held = np.mean([e.low <= 0.3 <= e.high for e in found])
    assert 0.92 < held < 0.98
    assert over_users([0.0, 0.1]).low == 0
