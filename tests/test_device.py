"""Every tensor is made on a device that was named: nothing relies on the default one.

Two proofs that need no accelerator. What makes a tensor without naming a device is refused, with
its line; and all of it runs on a pretended device, whose tensors may not meet those of the CPU,
and gives the same numbers there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.base import References, view_of
from attacks.references import Comparative
from attacks.registry import ATTACKS
from defenses.dpsgd.microbatch import MicrobatchDPSGD
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from targets.core.randomness import Randomness
from targets.speech.utterance import Word
from targets.training.ensemble import fit_ensemble
from targets.training.fit import fit, public_start
from targets.training.recipe import Schedule
from tests.devices import Far, named, pretended
from tests.fakes import ALIKE, COMPOSED, EACH_TARGET, TARGETS, canary, recipe_for, speech
from tests.grid import grid

PUBLIC = speech(3, "public")
SPOKEN = speech(3, "private", words=1)
SLOW = canary(0, 123)
HURRIED = tuple(Word(w.text, w.start / 2, w.end / 2) for w in SLOW.words)
CANARY = replace(SLOW, samples=SLOW.samples[::2], words=HURRIED)
RNG = Randomness(0)
SMALL = {
    "inversion": {"candidates": 2, "steps": 1, "components": 2},
    "inversion-restoration": {"candidates": 2, "draws": 1},
    "gradient-leakage": {"candidates": 2, "epsilons": (1.0,)},
    "canary-inversion": {"candidates": 1, "steps": 2, "spectrogram_rate": 0.1},
} | {
    name: {"references": 2} for name in ATTACKS.names() if isinstance(ATTACKS[name](), Comparative)
}


PRIVATE = {
    "dpsgd": DPSGD(8.0, epochs=1, batch_size=8),
    "edpsgd": EDPSGD(8.0, epochs=1, batch_size=8),
    "microbatch": MicrobatchDPSGD(8.0, epochs=1, batch_size=8, micro_batch_size=2),
}
# The hybrid is made of the parts of ctc and las.
SLOWER = ("hybrid", *COMPOSED)
OF_PARTS = [
    pytest.param(t, marks=[pytest.mark.slow] if t in SLOWER else [])
    for t in TARGETS
    if t not in ALIKE
]


@pytest.fixture
def device():
    """Return a pretended accelerator, where whatever names no device is refused."""
    with pretended() as name, named():
        yield name


@pytest.fixture(scope="module", params=EACH_TARGET)
def recipe(request):
    return recipe_for(request.param, PUBLIC, expected_members=8)


@pytest.fixture(scope="module")
def trained(recipe):
    """Return a target that differs from its start."""
    recognizer = recipe.build()
    fit(recognizer, SPOKEN[:2], recipe.schedule, RNG)
    return recognizer


@pytest.fixture(scope="module")
def there(recipe, trained):
    """Return the same target, and its start, on the pretended device."""
    with pretended() as device:
        target, start = (replace(recipe, device=device).build() for _ in range(2))
        target.load_state_dict(trained.state_dict())
    return target, start


def contents(weights):
    return {name: w.near if isinstance(w, Far) else w for name, w in weights.items()}


def same(found, expected):
    assert list(found) == list(expected)
    return all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.one_version
def test_plain_training(recipe, device):
    far, near = (
        public_start(
            replace(recipe, device=where), PUBLIC, recipe.schedule, RNG, augment=True
        ).state_dict()
        for where in (device, "cpu")
    )
    assert all(isinstance(w, Far) for w in far.values())
    assert same(contents(far), near)


@pytest.mark.one_version
@pytest.mark.parametrize(
    ("recipe", "name"), grid(TARGETS, list(PRIVATE), thin=COMPOSED), indirect=["recipe"]
)
def test_private_training(recipe, name, device):
    scheme = PRIVATE[name]
    far, near = (
        scheme.train(replace(recipe, device=where), SPOKEN[:2], PUBLIC, RNG).weights
        for where in (device, "cpu")
    )
    assert same(contents(far), near)


@pytest.mark.one_version
@pytest.mark.usefixtures("device")
def test_decoding_and_scoring(trained, there):
    far, near = there[0], trained
    assert far.transcribe(SPOKEN) == near.transcribe(SPOKEN)
    assert far.hypotheses(SPOKEN, 3) == near.hypotheses(SPOKEN, 3)
    assert torch.equal(far.nll(SPOKEN), near.nll(SPOKEN))
    asked = SPOKEN[0], ["on", "on off", ""]
    assert torch.equal(far.nll_of_texts(*asked), near.nll_of_texts(*asked))


@pytest.mark.one_version
@pytest.mark.parametrize("recipe", OF_PARTS, indirect=True)
def test_ensembles(recipe, device):
    shards, schedule = [SPOKEN[:1], [], SPOKEN[1:]], Schedule(1, 2)
    far, near = (
        fit_ensemble(replace(recipe, device=where), shards, schedule, RNG)
        for where in (device, "cpu")
    )
    assert same(contents(far.weights), near.weights)
    assert torch.equal(far.nll(SPOKEN), near.nll(SPOKEN))
    assert far.transcribe(SPOKEN) == near.transcribe(SPOKEN)
    assert same(contents(far.recognizer(2).state_dict()), near.recognizer(2).state_dict())
    stored = replace(far, weights=near.weights)  # as they are loaded from a file
    assert torch.equal(stored.nll(SPOKEN[:1]), near.nll(SPOKEN[:1]))


@pytest.mark.one_version
@pytest.mark.slow
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    ("recipe", "name"),
    grid(TARGETS, ATTACKS.names(), thin=TARGETS, bare=ALIKE, every=4),
    indirect=["recipe"],
)
def test_attacks(there, name):
    attack = ATTACKS[name](**SMALL.get(name, {}))
    candidates = [*SPOKEN, CANARY] if name.startswith("canary") else SPOKEN
    halves = [frozenset(c.id for c in candidates[k::2]) for k in (0, 1)]
    views = [view_of("weights", recognizer, there[1], PUBLIC) for recognizer in there]
    view = view_of(attack.access, *there, PUBLIC, References(views, halves, RNG))
    found = attack.score(view, candidates, RNG)
    assert np.isfinite(found.scores).all()
    assert {type(values) for values in (found.scores, *found.figures.values())} <= {np.ndarray}


def test_what_names_no_device_is_seen(device):
    there = torch.ones(3, device=device)
    assert (there + torch.ones(3, device=device)).tolist() == [2.0] * 3
    with pytest.raises(AssertionError, match=r"torch.zeros without a device: .*test_device, line"):
        torch.zeros(3)
    with torch.device("cpu"):
        elsewhere = torch.zeros(3)
    with pytest.raises(RuntimeError, match="tensors on two devices"):
        there + elsewhere
    with pytest.raises(RuntimeError, match="not supported"):
        there.numpy()
    with pytest.raises(RuntimeError, match="generator is of another device"):
        torch.randn(3, generator=RNG.torch(), device=device)
    with pytest.raises(TypeError):
        torch.Generator()
