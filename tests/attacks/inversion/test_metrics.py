"""The ruler of reconstructions: known differences, a brute-force error rate, sounds that return."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.inversion.metrics import Likeness, cepstral_distortion, cosines, intelligibility
from attacks.inversion.vocoder import sound
from attacks.inversion.voiceprint import Voiceprint, errors_at_equal_rates
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from tests.fakes import speech, utterance

PUBLIC = speech(12, "public", speakers=3)
CANDIDATES = speech(18, "private", speakers=3)
RNG = Randomness(0)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


@pytest.fixture(scope="module")
def ruler(logmel):
    return Likeness.of(logmel, PUBLIC, CANDIDATES, CANDIDATES[:3], RNG)


def test_the_original_is_like_itself_and_noise_is_not(ruler, logmel):
    originals = CANDIDATES[:3]
    truth, counts = logmel(originals)
    same = ruler.figures(truth, counts, originals)
    noise = ruler.figures(torch.randn(truth.shape), counts, originals)
    np.testing.assert_allclose(same["cosine"], 1.0, rtol=1e-6)
    np.testing.assert_allclose(same["cepstral_distortion"], 0.0, atol=1e-6)
    assert (noise["cepstral_distortion"] > 1).all()
    assert (np.abs(noise["cosine"]) < 0.2).all()
    best = ruler.of_originals(originals)
    np.testing.assert_array_equal(best["heard_wer"], same["heard_wer"])
    np.testing.assert_array_equal(best["speaker_rank"], same["speaker_rank"])
    assert all(1 <= rank <= 3 for rank in same["speaker_rank"])


def test_voices_are_looked_for_by_other_recordings_only(logmel):
    everyone = Likeness.of(logmel, PUBLIC, CANDIDATES, CANDIDATES, RNG)
    assert everyone.speakers == ()
    assert np.isnan(everyone.of_originals(CANDIDATES[:2])["speaker_rank"]).all()
    one = Likeness.of(logmel, PUBLIC[:1], CANDIDATES, CANDIDATES[:2], RNG)  # a single public voice
    assert np.isnan(one.of_originals(CANDIDATES[:2])["speaker_rank"]).all()


def test_the_distortion_of_a_known_ripple():
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.normal(size=(1, 64)), 10, 0)
    angles = np.pi * (np.arange(64) + 0.5) / 64
    ripple = 0.3 * np.cos(5 * angles)  # of log amplitude
    decibels = 20 / np.log(10) * 0.3 / np.sqrt(2)  # root mean square over frequency
    assert cepstral_distortion(frames, frames + 2 * ripple) == pytest.approx(decibels)
    assert cepstral_distortion(frames, frames + 7.0) == pytest.approx(0.0, abs=1e-9)  # louder
    slower = np.repeat(rng.normal(size=(6, 64)), 3, 0)
    assert cepstral_distortion(slower[::3], slower) == pytest.approx(0.0, abs=1e-9)


def test_sound_comes_back_from_its_frames(logmel):
    spoken = utterance("u", "milk two fan dog red ten")
    frames = logmel.raw(spoken).double().numpy()
    heard = sound(frames)
    assert abs(len(heard) - len(spoken.samples)) <= 160
    np.testing.assert_array_equal(heard, sound(frames))
    again = logmel.raw(type(spoken)("a", "b", heard, "")).double().numpy()[: len(frames)]
    loud = frames[: len(again)] > 0
    assert np.abs(again - frames[: len(again)])[loud].mean() < 0.5


def test_intelligibility():
    rng = np.random.default_rng(0)
    clean = (rng.normal(size=32_000) * np.sin(np.arange(32_000) / 1000)).astype(np.float32)
    assert intelligibility(clean, clean) == pytest.approx(1.0, abs=1e-6)
    noisy = clean + 3 * rng.normal(size=32_000).astype(np.float32)
    assert intelligibility(noisy, clean) < 0.7
    assert np.isnan(intelligibility(clean[:1000], clean[:1000]))


def test_voices_are_told_apart_by_what_they_are():
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(6, 16))

    def said(voice):
        return voices[voice] + rng.normal(size=(50, 16))

    public = [v for v in (0, 1, 2) for _ in range(8)]
    voiceprint = Voiceprint.learn([said(v) for v in public], [str(v) for v in public])
    new = [v for v in (3, 4, 5) for _ in range(6)]
    embeddings = voiceprint.embed([said(v) for v in new])
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0)
    assert np.mean(errors_at_equal_rates(embeddings, [str(v) for v in new])) < 0.15
    with pytest.raises(ValueError, match="two speakers"):
        Voiceprint.learn([said(0)], ["0"])


def test_the_equal_error_rate_is_that_of_all_pairs():
    rng = np.random.default_rng(1)
    names = [str(n % 4) for n in range(24)]
    x = rng.normal(size=(24, 5)) + 0.8 * np.array([np.eye(5)[int(n)] for n in names])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [(i, j) for i in range(24) for j in range(24) if i != j]
    scores = np.array([x[i] @ x[j] for i, j in pairs])
    same = np.array([names[i] == names[j] for i, j in pairs])
    gaps = [
        (abs((scores[same] < t).mean() - (scores[~same] >= t).mean()), t) for t in sorted(scores)
    ]
    threshold = min(gaps)[1]
    rate = ((scores[same] < threshold).mean() + (scores[~same] >= threshold).mean()) / 2
    assert np.mean(errors_at_equal_rates(x, names)) == pytest.approx(rate, abs=1e-3)
    assert np.isnan(errors_at_equal_rates(x[:3], ["a", "b", "c"])).all()


def test_cosines_of_batches():
    truth = torch.randn(2, 5, 64)
    guess = truth.clone()
    guess[1, 3:] = 100.0
    assert cosines(guess, truth, torch.tensor([5, 3])) == pytest.approx([1.0, 1.0])
    assert cosines(0 * truth, truth, torch.tensor([5, 3])).tolist() == [0.0, 0.0]
