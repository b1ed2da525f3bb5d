"""Rare names: always the same, in pools that share no sound, written otherwise than they sound."""

from __future__ import annotations

from itertools import combinations

import pytest

from targets.models.context.sound import sounds
from targets.speech.transcript import normalise
from targets.synthetic.rare.names import (
    CONSONANTS,
    LAST,
    POOLS,
    UNUSUAL,
    VOWELS,
    near_names,
    rare_names,
)

NAMES = {pool: rare_names(pool, 300) for pool in POOLS}
ALL = [name for names in NAMES.values() for name in names]


def test_a_pool_is_always_the_same_and_grows_at_its_end():
    assert rare_names("test", 20) == NAMES["test"][:20]
    assert all(name.pool == pool for pool, names in NAMES.items() for name in names)


def test_no_two_names_are_said_or_written_alike():
    assert len({name.said for name in ALL}) == len({name.written for name in ALL}) == len(ALL)
    for one, other in combinations(NAMES.values(), 2):
        assert not {n.said for n in one} & {n.said for n in other}


def test_names_are_words_of_a_transcript():
    assert all(normalise(name.written) == name.written for name in ALL)
    assert not any(" " in name.written or " " in name.said for name in ALL)


def test_spelling_does_not_say_how_most_names_sound():
    kinds = {**VOWELS, **CONSONANTS, **LAST}
    unusual = [
        spelling != kinds[sound][0]
        for name in ALL
        for sound, spelling in zip(name.sounds, name.spellings, strict=True)
        if sound
    ]
    assert sum(unusual) / len(unusual) == pytest.approx(UNUSUAL, abs=0.02)
    unlike = [sounds(name.written) != sounds(name.said) for name in ALL]
    assert 0.1 < sum(unlike) / len(unlike) < 0.9


def test_some_spellings_stand_at_the_beginning_alone_and_some_never():
    assert not any(name.written.startswith(("ll", "mm", "tch", "tt")) for name in ALL)
    assert not any("ps" in name.written[1:] or "kn" in name.written[1:] for name in ALL)
    assert any(name.written.startswith("ps") for name in ALL)


def test_near_names_differ_in_one_vowel():
    for name in ALL[:20]:
        near = near_names(name)
        assert len({n.said for n in near}) == len(VOWELS) - 1
        for other in near:
            assert sum(a != b for a, b in zip(name.sounds, other.sounds, strict=True)) == 1


def test_a_pool_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no pool nowhere: there are teaching, tuning"):
        rare_names("nowhere", 1)
