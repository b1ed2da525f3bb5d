"""A `convrnnt` from samples to states: nothing that is said later is known earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from targets.core.randomness import Randomness
from targets.models.recognizer import untrained
from targets.speech.features import HOP, MELS, WINDOW
from targets.speech.tokens import Characters
from tests.fakes import utterance
from tests.studies.architecture.streaming import fresh

SLOWING = 8  # frames from one state to the next
SEEN = 11  # frames from where a state begins to the last that it sees


@pytest.mark.parametrize("cut", [8_000, 12_345])
@torch.no_grad()
def test_states_of_the_first_part_of_a_recording_are_those_of_the_whole(cut):
    whole = utterance("long", "red dog on ten milk tea")
    first = replace(whole, samples=whole.samples[:cut].copy())
    assert cut < len(whole.samples)
    recognizer = untrained("convrnnt", Characters(), 8, 8, Randomness(0))
    recognizer.logmel.calibrate([whole])
    known, heard = (
        recognizer.network.encode(*recognizer.logmel([u]))[0][0] for u in (first, whole)
    )
    # Those whose windows end before the cut.
    frames = (cut - WINDOW // 2) // HOP + 1  # each is heard around its middle
    states = (frames - SEEN) // SLOWING + 1
    assert states >= 5
    torch.testing.assert_close(known[:states], heard[:states])
    assert not torch.allclose(known[-1], heard[len(known) - 1])


@pytest.mark.parametrize("name", ["one-way", "stacked"])
@torch.no_grad()
def test_what_it_is_compared_with_streams_too_and_has_as_many_weights(name):
    plain, convrnnt = fresh(name), fresh("convrnnt")
    sizes = [sum(p.numel() for p in r.network.parameters()) for r in (plain, convrnnt)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.002)
    features = torch.randn(1, 96, MELS, generator=torch.Generator().manual_seed(0))
    changed = features.clone()
    changed[:, 64:] += 1
    counts = torch.tensor([96])
    first, second = (plain.network.encoder(x, counts)[0][0] for x in (features, changed))
    same = (64 - SEEN) // SLOWING + 1
    torch.testing.assert_close(first[:same], second[:same])
    assert not torch.allclose(first[-1], second[-1])
