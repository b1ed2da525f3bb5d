"""SpecAugment hides a little of a spectrogram, and nothing of the original."""

from __future__ import annotations

import pytest
import torch

from targets.speech.augmentation import LONGEST_SPAN, MASKS, WIDEST_BAND, masked


@pytest.mark.parametrize("frames", [1, 7, 200])
def test_what_is_hidden_is_a_few_bands_and_spans(frames):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(frames, 64, generator=generator)
    before = features.clone()
    shares = []
    for _ in range(200):
        seen = masked(features, generator)
        assert seen.shape == features.shape
        hidden = seen != features
        assert (seen[hidden] == 0).all()
        spans, bands = hidden.all(1), hidden.all(0)
        assert spans.sum() <= MASKS * LONGEST_SPAN * frames
        if not spans.all():
            assert hidden[~spans].all(0).sum() <= MASKS * WIDEST_BAND
        assert (hidden == (spans[:, None] | bands[None])).all()
        shares.append(hidden.float().mean().item())
    assert torch.equal(features, before)
    assert 0.1 < sum(shares) / len(shares) < 0.4


def test_the_same_generator_hides_the_same():
    features = torch.ones(50, 64)
    one, other = (masked(features, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
