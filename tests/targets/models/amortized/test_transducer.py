"""The amortised transducer: it pays for its compute in training, and says what it computed."""

from __future__ import annotations

import pytest
import torch

from targets.core.randomness import Randomness
from targets.models.base import ReportsCompute, TrainsOnMore
from targets.models.recognizer import Example
from targets.speech.tokens import Characters
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule
from tests.fakes import recipe_for, speech
from tests.targets.one_at_a_time import assert_gradients_are_exact

FRAMES = (90, 41, 25)
PUBLIC = speech(12, "public")


@pytest.fixture
def recognizer():
    """Return one whose switches are as often off as on."""
    recipe = Recipe("amortized", Characters(), 16, 8, Schedule(1), 1e-2, 8)
    made = recipe.untrained(Randomness(5))
    torch.manual_seed(2)
    with torch.no_grad():
        for block in made.network.encoder.blocks:
            block.arbitrator.weight.normal_(std=0.3)
            block.arbitrator.bias.fill_(0.3)
    return made


def examples():
    torch.manual_seed(1)
    labels = ([3, 4], [5], [])
    return [Example(torch.randn(n, 64), row) for n, row in zip(FRAMES, labels, strict=True)]


def as_batch(some):
    features = torch.nn.utils.rnn.pad_sequence([e.features for e in some], batch_first=True)
    return features, torch.tensor([len(e.features) for e in some])


def test_gradients_are_those_of_one_example_at_a_time(recognizer):
    """The oracle is automatic differentiation, an example at a time; the compute term is in it."""
    recognizer.network.compute_weight = 3.0
    assert_gradients_are_exact(recognizer, examples(), list(recognizer.network.parameters()))


def test_training_pays_for_each_utterance_by_itself(recognizer):
    network, batch = recognizer.network, examples()
    assert isinstance(network, TrainsOnMore)
    network.compute_weight = 2.0
    losses = recognizer.example_nll(batch)
    for row, example in enumerate(batch):
        features, counts = as_batch([example])
        paid = network.encoder.soft_compute(network.encoder.traced(features, counts)[2])
        assert 0 < paid.item() < -(-counts.item() // 8)
        alone = network.nll(features, counts, [example.labels]) + 2.0 * paid
        torch.testing.assert_close(losses[row], alone[0], rtol=1e-4, atol=1e-4)


def test_compute_is_what_each_utterance_takes_by_itself(recognizer):
    network, batch = recognizer.network, examples()
    assert isinstance(network, ReportsCompute)
    used, most = network.compute(*as_batch(batch))
    for row, example in enumerate(batch):
        alone = network.compute(*as_batch([example]))
        assert (used[row], most[row]) == alone
    assert (used < most).all()
    with torch.no_grad():
        for block in network.encoder.blocks:
            block.arbitrator.bias.fill_(9.0)
    used, most = network.compute(*as_batch(batch))
    assert torch.equal(used, most)


@pytest.mark.slow
def test_who_pays_more_computes_less():
    """The switches follow the weight of the compute term: hardly at all, and far, closed."""
    shares = []
    for weight in (0.0, 3.0):
        recognizer = recipe_for("amortized", PUBLIC, size=16).build()
        recognizer.network.compute_weight = weight
        fit(recognizer, PUBLIC, Schedule(40, 4, 1e-2), Randomness(0))
        used, most = recognizer.network.compute(*recognizer.logmel(PUBLIC))
        shares.append(float(used.sum() / most.sum()))
    assert shares[1] < shares[0] - 0.2
