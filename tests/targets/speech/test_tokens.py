"""Units: every transcript can be written and read back, and nothing else gets in."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.tokens import ALPHABET, BLANK, Characters, Subwords
from targets.synthetic.phrases import phrase

PUBLIC = [phrase(Randomness(0).child(i))[1] for i in range(200)]
SUBWORDS = Subwords.learn(PUBLIC, 96)
TOKENS = [Characters(), SUBWORDS]

texts = st.lists(st.text(ALPHABET.strip(), min_size=1, max_size=8), max_size=5).map(" ".join)


@pytest.mark.parametrize("tokens", TOKENS, ids=["characters", "subwords"])
@given(text=texts)
def test_round_trip(tokens, text):
    units = tokens.encode(text)
    assert all(BLANK < unit < tokens.size for unit in units)
    assert tokens.decode(units) == text


@pytest.mark.parametrize("tokens", TOKENS, ids=["characters", "subwords"])
@given(data=st.data())
def test_any_units_decode_to_a_normal_text(tokens, data):
    units = data.draw(st.lists(st.integers(0, tokens.size - 1), max_size=8))
    text = tokens.decode(units)
    assert text == " ".join(text.split())
    assert set(text) <= set(ALPHABET)
    assert tokens.decode([u for u in units if u != BLANK]) == text


@pytest.mark.parametrize("tokens", TOKENS, ids=["characters", "subwords"])
@pytest.mark.parametrize("text", ["seven 7", "café", "Upper", "…"])
def test_foreign_characters_are_refused(tokens, text):
    with pytest.raises(OverheardError, match="characters outside"):
        tokens.encode(text)


def test_subwords_are_shorter_and_reproducible():
    assert SUBWORDS.size <= 96
    assert len(SUBWORDS.encode(PUBLIC[0])) < len(Characters().encode(PUBLIC[0]))
    assert Subwords.learn(PUBLIC, 96) == SUBWORDS
    assert pickle.loads(pickle.dumps(SUBWORDS)).encode(PUBLIC[1]) == SUBWORDS.encode(PUBLIC[1])


def test_every_letter_has_a_unit_though_the_public_never_says_it():
    scarce = Subwords.learn(["on off"] * 5, 64)
    assert scarce.decode(scarce.encode("quiz o'jay")) == "quiz o'jay"
