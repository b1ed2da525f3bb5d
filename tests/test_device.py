"""Every tensor is made on a device that was named: nothing relies on the default one.

Two proofs that need no accelerator. The default device is "meta" throughout, where tensors have no
content; and what makes a tensor without naming a device is refused, so that the line is known.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch.overrides import TorchFunctionMode

from attacks.base import view_of
from attacks.references import Comparative, References
from attacks.registry import ATTACKS
from defenses.dpsgd.microbatch import MicrobatchDPSGD
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from targets.core.device import device_name, resolve_device
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.training.ensemble import fit_ensemble
from targets.training.fit import fit
from targets.training.recipe import Schedule
from tests.fakes import TARGETS, canary, recipe_for, speech

PUBLIC = speech(3, "public")
CANDIDATES = [*speech(3, "private"), canary(0, 123), canary(1, 7, repetitions=4)]
RNG = Randomness(0)
FACTORIES = {
    getattr(torch, name)
    for name in (
        "arange as_tensor asarray bartlett_window blackman_window empty empty_permuted "
        "empty_strided eye full hamming_window hann_window kaiser_window linspace logspace normal "
        "ones rand randint randn randperm range scalar_tensor tensor tril_indices triu_indices "
        "zeros"
    ).split()
}
SMALL = {
    "inversion": {"candidates": 2, "steps": 1, "components": 2},
    "inversion-restoration": {"candidates": 2, "draws": 1},
    "gradient-leakage": {"candidates": 2, "epsilons": (1.0,)},
    "canary-inversion": {"candidates": 1, "steps": 2, "spectrogram_rate": 0.1},
} | {
    name: {"references": 2} for name, make in ATTACKS.items() if isinstance(make(), Comparative)
}


class Named(TorchFunctionMode):
    """Refuses to make a tensor where no device is named.

    A named device is an argument, or a `with torch.device(...)` around it. Torch's own optimisers
    are excused: they count their steps on the default device.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in FACTORIES and kwargs.get("device") is None and not _named_around():
            frame = sys._getframe(1)
            where = frame.f_globals["__name__"]
            if not where.startswith("torch.optim."):
                raise AssertionError(
                    f"torch.{func.__name__} without a device: {where}, line {frame.f_lineno}"
                )
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


def _named_around():
    return torch.get_default_device().type != "meta"


@pytest.fixture
def named(monkeypatch):
    """Refuse whatever relies on a default device, generators too."""
    make = torch.Generator

    def generator(*device):
        assert device, "torch.Generator() without a device"
        return make(*device)

    monkeypatch.setattr(torch, "Generator", generator)
    with torch.device("meta"), Named():
        yield


@pytest.fixture(scope="module", params=TARGETS)
def recipe(request):
    return recipe_for(request.param, PUBLIC, expected_members=8)


@pytest.fixture(scope="module")
def recognizers(recipe):
    trained = recipe.build()
    fit(trained, CANDIDATES[:3], recipe.schedule, RNG)
    return trained, recipe.build()


@pytest.mark.usefixtures("named")
def test_training(recipe):
    fresh = recipe_for(recipe.target, PUBLIC)
    fit(fresh.build(), CANDIDATES, Schedule(1, 2), RNG, augment=True)


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    "scheme",
    [
        DPSGD(8.0, epochs=1, batch_size=8),
        EDPSGD(8.0, epochs=1, batch_size=8),
        MicrobatchDPSGD(8.0, epochs=1, batch_size=8, micro_batch_size=2),
    ],
    ids=lambda scheme: type(scheme).__name__,
)
def test_private_training(recipe, scheme):
    scheme.train(recipe, CANDIDATES, PUBLIC, RNG)


@pytest.mark.usefixtures("named")
def test_decoding_and_scoring(recognizers):
    for recognizer in recognizers:
        recognizer.transcribe(CANDIDATES)
        recognizer.hypotheses(CANDIDATES, 3)
        assert recognizer.loss(CANDIDATES).device.type == "cpu"
        assert recognizer.score(CANDIDATES[0], ["on", "on off", ""]).device.type == "cpu"


@pytest.mark.usefixtures("named")
def test_ensembles(recipe):
    ensemble = fit_ensemble(recipe, [CANDIDATES[:2], [], CANDIDATES[1:]], Schedule(1, 2), RNG)
    assert ensemble.loss(CANDIDATES).device.type == "cpu"
    ensemble.transcribe(CANDIDATES)
    ensemble.recognizer(1).loss(CANDIDATES[:1])


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(recognizers, name):
    attack = ATTACKS[name](**SMALL.get(name, {}))
    halves = [frozenset(c.id for c in CANDIDATES[k::2]) for k in (0, 1)]
    views = [view_of("weights", r, recognizers[1], PUBLIC) for r in recognizers]
    references = References(views, halves, RNG)
    attack.score(view_of(attack.access, *recognizers, PUBLIC, references), CANDIDATES, RNG)
