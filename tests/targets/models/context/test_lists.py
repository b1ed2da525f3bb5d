"""Lists that training draws: of the transcript and of words that are nobody's."""

from __future__ import annotations

import torch

from targets.models.context import lists
from targets.speech.tokens import Characters

TOKENS = Characters()


def drawn(text):
    entries = lists.drawn_list(tuple(TOKENS.encode(text)), TOKENS.size)
    return [TOKENS.decode(entry) for entry in entries]


def test_a_list_follows_from_the_transcript_alone():
    before = drawn("call zebulon quist")
    lists.drawn_list.cache_clear()
    assert drawn("call zebulon quist") == before
    assert drawn("call zebulon quint") != before


def test_rare_words_are_on_most_lists_and_common_ones_on_none():
    texts = [f"call zebulon at {'on ' * n}the house" for n in range(60)]
    found = [drawn(text) for text in texts]
    assert all(len(entries) == lists.SIZE for entries in found)
    listed = sum("zebulon" in entries for entries in found)
    assert 30 < listed < 58
    assert not any({"call", "house", "the", "at", "on"} & set(entries) for entries in found)


def test_labels_that_are_no_letters_have_lists_too():
    found = lists.drawn_list((5, 9, 200, 7), 256)
    assert len(found) == lists.SIZE
    assert all(entry and all(0 < u < 256 for u in entry) for entry in found)
    assert len(lists.drawn_list((), 256)) == lists.SIZE


def test_entries_are_padded_with_a_zero_between_them():
    batch = lists.padded([[(3, 4, 5)], [(6,), (7, 8)]], torch.device("cpu"))
    assert batch.tolist() == [[[3, 4, 5, 0], [0, 0, 0, 0]], [[6, 0, 0, 0], [7, 8, 0, 0]]]
