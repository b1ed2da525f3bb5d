"""Token inversion: the distribution of a secret moves to what training made likelier."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import Weights
from attacks.canary import mask_secret
from attacks.canary_inversion import TokenInversion, _unknown_frames
from targets.features import HOP, LogMel
from targets.randomness import Randomness
from targets.speech import SAMPLE_RATE
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

    def losses_of(self, features, counts, texts):
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
    view = Weights(target, Constant(logmel), PUBLIC)
    return TokenInversion(**options).score(view, [*PUBLIC, *CANARIES], RNG)
