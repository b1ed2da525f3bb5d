"""An auto-encoder of public text: what it may know, and that it says what a latent says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.text.autoencoder import UNKNOWN, Vocabulary, taught_autoencoder
from defenses.text.mechanism import NoisyLatents, norms
from targets.core.randomness import Randomness

TEXTS = [f"{verb} the {thing}" for verb in ("open", "close") for thing in ("door", "red box")]
RNG = Randomness(2)
QUIET = NoisyLatents("gaussian", 4, scale=0.01)


@pytest.fixture(scope="module")
def taught():
    return taught_autoencoder(TEXTS * 8, QUIET, entries=4, hidden=24, epochs=120, rng=RNG)


def test_a_vocabulary_is_of_public_words():
    words = Vocabulary(TEXTS)
    assert len(words) == 2 + 6
    assert words.longest == 4
    assert words.text(words.labels("close the red box")) == "close the red box"
    assert UNKNOWN in words.labels("open the secret")
    assert len(words.labels("open " * 50)) == words.longest + 1


def test_without_noise_a_text_comes_back(taught):
    latents = QUIET.noisy(taught.encoded(TEXTS * 5), RNG.torch())
    said = taught.decoded(latents, RNG)
    assert sum(a == b for a, b in zip(said, TEXTS * 5, strict=True)) >= 14  # by chance: 5


def test_with_all_the_noise_a_text_is_what_is_usual():
    """The decoder then has nothing but public text: whatever is private, it writes alike."""
    loud = replace(QUIET, scale=100.0)
    codec = taught_autoencoder(TEXTS * 8, loud, entries=4, hidden=24, epochs=120, rng=RNG)
    latents = loud.noisy(codec.encoded([TEXTS[0]] * 200), RNG.torch())
    said = codec.decoded(latents, RNG)
    assert sum(text in TEXTS for text in said) > 140
    assert max(map(said.count, TEXTS)) < 100


def test_no_word_that_is_not_public_is_ever_written(taught):
    latents = taught.encoded(["open the zyzzyva", "zyzzyva zyzzyva", ""] * 30)
    said = {word for text in taught.decoded(latents, RNG) for word in text.split()}
    assert said <= {word for text in TEXTS for word in text.split()}


@pytest.mark.parametrize("noise", ["laplace", "gaussian"])
def test_latents_are_finite_and_within_the_ball_whatever_is_said(noise):
    codec = taught_autoencoder(
        TEXTS, NoisyLatents(noise, 4), entries=4, hidden=8, epochs=1, rng=RNG
    )
    latents = codec.encoded(["", "open the door", "unknown words alone", "open " * 100])
    assert latents.shape == (4, 4)
    assert torch.isfinite(latents).all()
    assert norms(latents, noise).max() <= 1 + 1e-6
    assert codec.encoded([]).shape == (0, 4)


def test_a_latent_is_of_its_own_text_alone(taught):
    together = taught.encoded(TEXTS)
    alone = torch.cat([taught.encoded([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone)


def test_the_same_stream_the_same_auto_encoder():
    torch.manual_seed(1)
    one = taught_autoencoder(TEXTS, QUIET, entries=2, hidden=4, epochs=2, rng=RNG)
    torch.manual_seed(2)
    other = taught_autoencoder(TEXTS, QUIET, entries=2, hidden=4, epochs=2, rng=RNG)
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    assert one.decoded(one.encoded(TEXTS), RNG) == other.decoded(other.encoded(TEXTS), RNG)
