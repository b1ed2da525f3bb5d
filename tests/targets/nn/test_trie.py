"""The prefix tree that many transcripts share."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from targets.nn.trie import Trie

CPU = torch.device("cpu")
sequences = st.lists(st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=12)


@given(sequences)
def test_every_sequence_is_spelled_by_the_way_to_its_end(texts):
    trie = Trie.of(texts, CPU)
    for text, (depth, position) in zip(texts, trie.ends, strict=True):
        spelled = []
        for level in reversed(trie.levels[:depth]):
            spelled.append(int(level.labels[position]))
            position = int(level.parents[position])
        assert spelled[::-1] == text
        assert position == 0


@given(sequences)
def test_no_prefix_is_held_twice(texts):
    trie = Trie.of(texts, CPU)
    prefixes = {tuple(t[:n]) for t in texts for n in range(1, len(t) + 1)}
    assert sum(len(level.labels) for level in trie.levels) == len(prefixes)


def test_values_are_collected_in_the_order_of_the_texts():
    trie = Trie.of([[1, 2], [], [1], [1, 2], [3]], CPU)
    finals = [torch.tensor([0.0]), torch.tensor([1.0, 3.0]), torch.tensor([12.0])]
    assert trie.collect(finals).tolist() == [12.0, 0.0, 1.0, 12.0, 3.0]
