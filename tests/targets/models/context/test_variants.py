"""Other spellings of listed words, and the way back."""

from __future__ import annotations

from targets.models.context.variants import MOST, Respelled, variants


def test_other_spellings_are_few_and_different():
    found = variants("philippa")
    assert {"filippa", "philipa", "filipa"} <= set(found)
    assert "philippa" not in found
    assert len(set(found)) == len(found) <= MOST


def test_a_variant_stands_for_its_word_unless_it_is_a_word_itself():
    respelled = Respelled(["knora", "philip"], known={"nora"})
    assert "filip" in respelled.spellings
    assert respelled.corrected("filip and nora") == "philip and nora"
    assert Respelled(["knora"]).corrected("filip and nora") == "filip and knora"


def test_a_listed_word_is_no_variant_of_another():
    both = Respelled(["philip", "filip"])
    assert both.corrected("filip philip") == "filip philip"
