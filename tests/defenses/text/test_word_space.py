"""A space of words: within the ball, as dense everywhere, and texts that come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from defenses.text.mechanism import SENSITIVITY, norms
from defenses.text.word_space import NEIGHBOURS, WordSpace, even_places, said_together, spelled
from targets.core.randomness import Randomness

TEXTS = [
    f"{verb} the {thing}{more}"
    for verb in ("open", "close", "paint")
    for thing in ("door", "window", "red box", "gate", "cupboard")
    for more in ("", " now")
]
RNG = Randomness(3)
KINDS = ("laplace", "gaussian")


@pytest.mark.parametrize("noise", KINDS)
def test_texts_come_back_without_noise(noise):
    space = WordSpace(TEXTS, noise, entries=12)
    assert space.decoded(space.encoded(TEXTS), RNG) == TEXTS


@pytest.mark.parametrize("noise", KINDS)
def test_no_two_texts_are_farther_apart_than_the_mechanism_covers(noise):
    """Nor are any rows of words that nobody said: the worst words in every spot."""
    space = WordSpace(TEXTS, noise, entries=6)
    latents = space.encoded([*TEXTS, "zyzzyva", "", "open " * 40, "box " * 40])
    assert torch.isfinite(latents).all()
    assert norms(latents, noise).max() <= 1 + 1e-9
    farthest = norms(space.places, noise).argmax()
    worst = space.places[farthest].repeat(space.longest)
    assert norms(worst, noise).item() == pytest.approx(SENSITIVITY / 2)


def test_a_latent_hides_how_long_a_text_is():
    space = WordSpace(TEXTS, "gaussian", entries=4)
    latents = space.encoded(["open", "paint the red box now"])
    assert latents.shape == (2, space.longest * 4)
    assert latents[0].reshape(space.longest, 4).norm(dim=1).count_nonzero() == space.longest


def test_a_word_that_is_not_public_stands_in_the_middle():
    space = WordSpace(TEXTS, "gaussian", entries=4)
    row = space.encoded(["open zyzzyva"]).reshape(space.longest, 4)
    assert not row[1].any()
    assert row[0].any()


def test_words_are_near_that_are_said_alike():
    rows = [text.split() for text in TEXTS]
    words = sorted({word for row in rows for word in row})
    vectors = said_together(rows, words)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    at = words.index
    assert apart[at("open"), at("close")] < 0.3 < apart[at("open"), at("door")]


def test_words_are_near_that_are_spelled_alike():
    words = ["", "turner", "turned", "o'neill"]
    vectors = spelled(words)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    alike = vectors @ vectors.T
    assert alike[1, 2] > 0.6 > 0.2 > alike[1, 3]
    assert alike[0, 1:].max() == 0


def test_dense_and_lonely_words_are_as_far_from_their_neighbours():
    """A tight cluster and a wide one: ten times as far apart before, about as far after."""
    generator = RNG.numpy()
    tight = generator.normal(size=(30, 3)) * 0.1
    wide = generator.normal(size=(30, 3)) + 20
    vectors = np.concatenate([tight, wide])

    def reach(places):
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        local = np.sort(apart, axis=1)[:, NEIGHBOURS]
        return np.median(local[30:]) / np.median(local[:30])

    assert reach(vectors) > 6
    assert 0.5 < reach(even_places(vectors, 59)) < 2


def test_a_single_word_is_a_space():
    space = WordSpace(["stop", "stop"], "gaussian", entries=3)
    assert space.decoded(space.encoded(["stop", "go"]), RNG) == ["stop", "stop"]
