"""Alignments, and listed words that take the place of others."""

from __future__ import annotations

import itertools

import pytest
import torch

from targets.models.context.rescoring import PhoneticRescoring, aligned, word_spans
from tests.targets.models.context.frames import heard, labels, sure

FRAMES = heard(*sure("call "), {"k": 0.7, "c": 0.3}, *sure("arl"))


def test_a_word_gives_way_to_a_listed_one_of_its_sound():
    assert PhoneticRescoring(["carl"]).corrected("call karl", FRAMES) == "call carl"


def test_nothing_gives_way_to_what_sounds_otherwise_or_does_not_fit():
    for words in (["wilma"], ["marc"], []):
        assert PhoneticRescoring(words).corrected("call karl", FRAMES) == "call karl"
    # It sounds alike, but nothing like an "h" was heard: that costs more than the bonus.
    far = PhoneticRescoring(["kharrl"], nats=0.5)
    assert far.corrected("call karl", FRAMES) == "call karl"


def test_words_of_the_language_and_of_the_list_stay():
    known = PhoneticRescoring(["carl"], known={"karl"})
    assert known.corrected("call karl", FRAMES) == "call karl"
    assert PhoneticRescoring(["carl", "karl"]).corrected("call karl", FRAMES) == "call karl"


def test_words_have_the_frames_between_spaces():
    assert word_spans(FRAMES, "call karl") == [(0, 8), (9, 18)]


@pytest.mark.parametrize("seed", range(6))
def test_an_alignment_is_the_best_of_all_paths(seed):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(6, 3, generator=generator, dtype=torch.float64).log_softmax(-1)
    text = [1, 1, 2]
    paths = [
        path
        for path in itertools.product(range(3), repeat=6)
        if [u for u, _ in itertools.groupby(path) if u] == text
    ]
    best = max(paths, key=lambda path: sum(log_probs[t, u] for t, u in enumerate(path)))
    runs = [
        [t for t, _ in run]
        for label, run in itertools.groupby(enumerate(best), key=lambda item: item[1])
        if label
    ]
    assert aligned(log_probs, text) == [(run[0], run[-1] + 1) for run in runs]


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="4 labels do not fit into 3 frames"):
        aligned(torch.zeros(3, 28), labels("four"))
