"""Words are written as the list has them where they sound so, and nowhere else."""

from __future__ import annotations

from targets.models.context.lexicon import Lexicon


def test_a_word_of_a_listed_sound_is_written_as_listed():
    assert Lexicon(["philip"]).corrected("call filip now") == "call philip now"
    assert Lexicon(["wilma"]).corrected("call filip now") == "call filip now"


def test_words_of_the_language_and_of_the_list_stay():
    lexicon = Lexicon(["leigh", "lee", "knight"], known={"night"})
    assert lexicon.corrected("lee leigh night nite") == "lee leigh night knight"


def test_a_pronunciation_can_be_given():
    given = Lexicon(["siobhan"], pronunciations={"siobhan": ["shivawn"]})
    assert given.corrected("call shivawn") == "call siobhan"
    assert Lexicon(["siobhan"]).corrected("call shivawn") == "call shivawn"
