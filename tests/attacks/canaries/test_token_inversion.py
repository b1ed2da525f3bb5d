"""Token inversion: the distribution of a secret moves to what training made likelier."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.canaries.canary import mask_secret
from attacks.canaries.token_inversion import TokenInversion, _unknown_frames
from targets.core.randomness import Randomness
from targets.speech.features import HOP, MELS, LogMel
from targets.speech.utterance import SAMPLE_RATE
from tests.fakes import SECONDS_A_LETTER, Constant, canary, speech

PUBLIC = speech(3, "public")
RNG = Randomness(0)
CANARIES = [canary(n, secret) for n, secret in enumerate((17, 512, 903, 4, 666, 250))]


class Slots(Constant):
    """Finds a text likelier by a nat for every secret word that its stored text has there.

    It knows the text by the sound of the carrier: by how long that is heard.
    """

    def __init__(self, stored, logmel):
        super().__init__(logmel)
        self.stored = {logmel([mask_secret(u, RNG)])[0][0, 20, 0].item(): u.text for u in stored}

    def nll_of(self, features, counts, texts):
        del counts
        known = self.stored.get(features[0, 20, 0].item(), "")
        wrong = [
            sum(a != b for a, b in zip(text.split(), known.split(), strict=False)) if known else 3
            for text in texts
        ]
        return torch.tensor(wrong, dtype=torch.float32) + 0 * features.sum((1, 2))


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def attacked(target, logmel, **options):
    view = view_of("weights", target, Constant(logmel), PUBLIC)
    return TokenInversion(**options).score(view, [*PUBLIC, *CANARIES], RNG)


def test_planted_secrets_are_read_off(logmel):
    found = attacked(Slots(CANARIES[:3], logmel), logmel)
    stored = np.array([c.id in {"canary-0", "canary-1", "canary-2"} for c in found.candidates])
    assert found.scores[stored].min() > found.scores[~stored].max() + 2
    assert found.figures["slots_right"][stored].mean() == 1.0
    assert found.figures["hamming_distance"][stored].sum() == 0
    assert found.figures["slots_right"][~stored].mean() < 0.5


def test_a_constant_recogniser_leaves_the_distribution_where_it_began(logmel):
    found = attacked(Constant(logmel), logmel)
    assert np.abs(found.scores).max() < 0.5
    assert found.figures["exact_match"].sum() == 0


def test_whoever_prefers_secrets_for_no_reason_gives_none_away(logmel):
    whims = [canary(n, 37 * n % 1000) for n in range(40, 46)]
    target = Slots(CANARIES, logmel)
    # It knows the texts of others that have the same carrier: what it prefers is not theirs.
    found = TokenInversion().score(view_of("weights", target, Constant(logmel), PUBLIC), whims, RNG)
    assert found.figures["exact_match"].sum() == 0
    assert found.figures["slots_right"].mean() < 0.5


def test_only_the_unknown_frames_may_be_moved():
    masked = mask_secret(canary(0, 837), RNG)
    features = torch.zeros(1, 1 + len(masked.samples) // HOP, MELS)
    free = _unknown_frames(masked, features)[0, :, 0]
    start = len("my pin code is ") * SECONDS_A_LETTER
    end = start + 3 * 0.4
    assert free.nonzero().min().item() * HOP / SAMPLE_RATE == pytest.approx(start, abs=0.02)
    assert free.nonzero().max().item() * HOP / SAMPLE_RATE == pytest.approx(end, abs=0.02)
    assert free.sum().item() == pytest.approx(1.2 * SAMPLE_RATE / HOP, abs=2)
