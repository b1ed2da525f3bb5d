"""The multilingual encoder: padding, and the conformer that it is for each language."""

from __future__ import annotations

import pytest
import torch

from targets.models.multilingual.encoder import MultilingualEncoder
from targets.nn.conformer import ConformerEncoder
from targets.speech.language import LANGUAGES
from targets.speech.language_frames import STEP


def frames(counts, places):
    """Return random frames of such lengths, in languages by place from 1."""
    batch = torch.zeros(len(counts), max(counts), 65)
    for row, (count, place) in enumerate(zip(counts, places, strict=True)):
        batch[row, :count, :64] = torch.randn(count, 64)
        batch[row, :count, 64] = STEP * place
    return batch, torch.tensor(counts)


@torch.no_grad()
def test_an_utterance_is_the_same_alone_as_in_a_padded_batch_of_other_languages():
    torch.manual_seed(3)
    network = MultilingualEncoder(16, 8, 4)
    batch, counts = frames([90, 41, 7], [1, 3, 2])
    states, left = network(batch, counts)
    for row, (count, kept) in enumerate(zip(counts.tolist(), left.tolist(), strict=True)):
        alone, _ = network(batch[row : row + 1, :count], counts[row : row + 1])
        torch.testing.assert_close(states[row, :kept], alone[0], rtol=1e-4, atol=1e-5)
        assert (states[row, kept:] == 0).all()


@pytest.mark.parametrize("number", range(len(LANGUAGES)))
@torch.no_grad()
def test_it_is_the_shared_conformer_with_the_weights_of_one_language(number):
    torch.manual_seed(3)
    network = MultilingualEncoder(16, 8, 4)
    batch, counts = frames([60, 33], [number + 1] * 2)
    shared = ConformerEncoder(16, 8, 4)
    weights = network.state_dict()
    for name, weight in shared.state_dict().items():
        if weight.shape != weights[name].shape:
            weights[name] = weights[name].unflatten(0, (len(LANGUAGES), -1))[number]
    shared.load_state_dict(weights)
    states, _ = shared(batch[..., :64], counts)
    torch.testing.assert_close(network(batch, counts)[0], states)
