"""Rules of how a text may have been said: what people spell is on the list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.public.pseudo_labels import Shortlist
from defenses.public.verbalisation import readings, verbalised
from targets.speech.tokens import ALPHABET


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("pittsburgh", "p i t t s b u r g h"),
        ("yes", "yes"),
        ("enter cat", "enter c a t"),
        ("15217", "one five two one seven"),
        ("go 507", "go five oh seven"),
        ("1962", "nineteen sixty two"),
        ("june 3 1962", "june three nineteen sixty two"),
        ("june 3rd", "june third"),
        ("21", "twenty first"),
        ("20", "twentieth"),
        ("12", "twelfth"),
        ("508", "five oh eight"),
        ("512", "five twelve"),
        ("300", "three hundred"),
        ("4021", "four thousand twenty one"),
        ("1900", "nineteen hundred"),
        ("k9", "k nine"),
    ],
)
def test_what_was_said_is_among_the_readings(written, said):
    found = readings(written)
    assert said in found
    assert found[0] == written
    assert len(set(found)) == len(found)


@given(text=st.text(ALPHABET + "0123456789", max_size=12))
def test_readings_are_texts_of_the_alphabet_but_for_what_was_written(text):
    for said in readings(text)[1:]:
        assert set(said) <= set(ALPHABET)
        assert said == " ".join(said.split())


def test_the_ways_of_a_text_share_its_probability_and_no_text_is_lost():
    shortlist = Shortlist(["on 5", "off", "on five"], np.log([0.5, 0.3, 0.2]))
    found = verbalised(shortlist)
    assert set(shortlist.texts) < set(found.texts)
    assert len(set(found.texts)) == len(found.texts) == len(found.log_probs)
    assert np.all(np.diff(found.log_probs) <= 0)
    assert np.exp(found.log_probs).sum() <= 1 + 1e-9
    by_text = dict(zip(found.texts, found.log_probs, strict=True))
    ways = readings("off")
    assert by_text["off"] == pytest.approx(np.log(0.3 / len(ways)))


def test_an_empty_list_stays_a_list():
    assert verbalised(Shortlist([""], np.array([-1.0]))).texts == [""]


def test_a_sign_that_is_no_number_stays_as_it_is():
    assert readings("m²")[0] == "m²"
    assert readings("²") == ["²"]
