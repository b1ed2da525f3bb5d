"""Other languages of the embedded voices: their phrases, their letters, and their speech."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from leaderboard.spec.speech import OtherAccent
from targets.core.randomness import Randomness
from targets.speech.language import LANGUAGES
from targets.speech.utterance import Corpus
from targets.synthetic.corpus import SpeechRequest, say_phrases, speak
from targets.synthetic.languages import SENTENCES, phrase_in, written
from targets.synthetic.phrases import phrase
from targets.synthetic.voices import OTHER_LANGUAGES, voice

TEXT = re.compile(r"[a-z']+( [a-z']+)*")
OTHERS = tuple(OTHER_LANGUAGES)
SPOKEN = {0: "es", 1: "de", 2: "en"}


@pytest.fixture(scope="module")
def said():
    return say_phrases(range(4), 8, seed=0, cache=None, languages=SPOKEN)


def test_every_language_that_is_told_apart_is_spoken():
    assert set(SENTENCES) == set(LANGUAGES) == {"en", *OTHERS}


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_are_as_many_as_in_english_and_their_letters_are_known(language):
    english, here = SENTENCES["en"], SENTENCES[language]
    for kind in ("commands", "personal"):
        ours, theirs = getattr(here, kind), getattr(english, kind)
        assert [t.name for t in ours] == [t.name for t in theirs]
        for template in ours:
            for options in template.options:
                assert len(set(map(written, options))) == len(options)
            assert template.space_size >= 6
            text = template.fill(template.space_size - 1)
            assert TEXT.fullmatch(written(text)), text
            words = {w for options in template.options for o in options for w in o.split()}
            assert all(TEXT.fullmatch(written(word)) for word in words)


def test_german_letters_become_two_and_spanish_ones_lose_their_accents():
    assert written("die tür ist größer als äpfel") == "die tuer ist groesser als aepfel"
    assert written("añade panes, está aquí") == "anade panes, esta aqui"
    # Not German ü: it would become ue.
    assert not any("ü" in t.fill(n) for t in SENTENCES["es"].personal for n in range(6))


def test_english_is_what_it_was():
    for n in range(20):
        assert phrase_in("en", Randomness(n)) == phrase(Randomness(n))


def test_speech_is_in_the_language_and_says_so(said):
    languages = [u.attributes.get("language") for u in said]
    assert languages == ["es", "de", "en", None] * 2
    # An accent is of English alone.
    assert ["accent" in u.attributes for u in said] == [False, False, True, True] * 2
    for u in said:
        assert TEXT.fullmatch(u.text)
        assert [w.text for w in u.words] == u.text.split()
        assert u.words[-1].end <= u.duration


def test_a_voice_has_another_accent_in_english_alone():
    accents = get_args(OtherAccent)
    text = "call the water board in bath"
    requests = [SpeechRequest(str(a), 0, text, accent=a) for a in (None, *accents)]
    said = speak(requests, seed=0, cache=None)
    assert [u.attributes["accent"] for u in said] == [voice(0).accent, *accents]
    assert len({u.samples.tobytes() for u in said}) == len(said)
    spanish = SpeechRequest("es", 0, "hola", language="es")
    own, other = (speak([replace(spanish, accent=a)], seed=0, cache=None) for a in (None, "en-029"))
    assert np.array_equal(own[0].samples, other[0].samples)


def test_speech_is_the_same_again_and_english_is_untouched(said):
    again = say_phrases(range(4), 8, seed=0, cache=None, languages=SPOKEN)
    assert Corpus("", tuple(again)).digest == Corpus("", tuple(said)).digest
    english = say_phrases(range(4), 8, seed=0, cache=None)
    for one, other in zip(said, english, strict=True):
        same = one.size == other.size and np.array_equal(one.samples, other.samples)
        assert same == (one.attributes.get("language", "en") == "en")


def test_the_same_voice_speaks_every_language_by_its_own_rules():
    files = {voice(0).speaking(language).language for language in OTHERS}
    assert files == {"roa/es", "gmw/de"}
    assert {voice(0).speaking(language).variant for language in OTHERS} == {voice(0).variant}
