"""Every scheme keeps the contract, and the contract catches who does not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
import torch
from dp_accounting import GaussianDpEvent, NonPrivateDpEvent, UnsupportedDpEvent

from defenses.accounting.price import price
from defenses.base import Trained, weights_of
from defenses.checks import check_defense
from defenses.registry import SCHEMES
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.training.checks import ContractError, global_randomness
from tests.fakes import ALIKE, COMPOSED, TARGETS, recipe_for, speech, without_text
from tests.grid import grid

PUBLIC = [*speech(4, "public"), *without_text(speech(3, "audio"))]
MEMBERS = speech(5, "private")
OPTIONS = {
    "none": {},
    "dpsgd": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "edpsgd": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "edpsgd-self-trained": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "edpsgd-microbatch": {"epsilon": 4, "epochs": 1, "batch_size": 4, "micro_batch_size": 2},
    "dp-ftrl": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "adamix": {"epsilon": 4, "epochs": 1, "batch_size": 4, "components": 2},
    "oversampled": {},
    "edpsgd-oversampled": {
        "epsilon": 4,
        "epochs": 1,
        "batch_size": 4,
        "cohort": "en",
        "factor": 1.5,
    },
    "elastic-weight-consolidation": {},
    "adversarial-reweighting": {},
    "fedavg": {"clients": 2, "per_round": 2, "rounds": 2},
    "dp-fedavg": {"epsilon": 4, "clients": 4, "per_round": 2, "rounds": 2},
    "fedavg-replay": {"clients": 2, "per_round": 2, "rounds": 2, "periods": 2, "budget": 1},
    "dp-fedavg-replay": {
        "epsilon": 4,
        "clients": 4,
        "per_round": 2,
        "rounds": 2,
        "periods": 2,
        "budget": 1,
    },
    "public": {"student_epochs": 1},
    "start": {},
    "adept": {"epsilon": 4, "hidden": 8, "text_epochs": 1},
    "word-noise": {"epsilon": 4, "entries": 2},
    "spoken-public": {},
    "voice-shifted": {},
    "voice-replaced": {},
    "pate-lnmax": {"epsilon": 4, "teachers": 2, "teacher_epochs": 1, "student_epochs": 1},
    "pate-gnmax": {"epsilon": 4, "teachers": 2, "teacher_epochs": 1, "student_epochs": 1},
    "pate-confident-gnmax": {
        "epsilon": 4,
        "teachers": 2,
        "teacher_epochs": 1,
        "student_epochs": 1,
        "answers": 2,
    },
}
NOISY = sorted(n for n in SCHEMES.names() if SCHEMES[n].takes_epsilon)
OF_TEXT = ("adept", "word-noise")
OF_GRADIENTS = [n for n in NOISY if not n.startswith(("pate", "dp-fedavg")) and n not in OF_TEXT]


SLOW = {"edpsgd-microbatch"}  # pricing micro-batches takes long


def each(names):
    """Return schemes as parameters, slow ones left to CI."""
    return [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in names]


@pytest.fixture(scope="module")
def recipe(request):
    return recipe_for(request.param, PUBLIC)


@pytest.mark.parametrize(
    ("recipe", "name"),
    # The hybrid is made of the parts of ctc and las.
    grid(TARGETS, SCHEMES.names(), slow=SLOW, thin=("hybrid", *COMPOSED), bare=ALIKE, every=4),
    indirect=["recipe"],
)
def test_every_scheme_keeps_the_contract(recipe, name):
    options = OPTIONS.get(name, {"epsilon": 4})
    trained = check_defense(partial(SCHEMES.load(name), **options), recipe, MEMBERS, PUBLIC)
    if not SCHEMES[name].takes_epsilon and name not in ("public", "start", "spoken-public"):
        assert trained.event == NonPrivateDpEvent()
    learnt = any(not torch.equal(w, recipe.start[n]) for n, w in trained.weights.items())
    assert learnt == (name != "start")


@pytest.mark.parametrize("name", each(SCHEMES.names()))
def test_a_scheme_begins_where_its_entry_says(name):
    """Few small steps end near where they began."""
    recipe = recipe_for("ctc", PUBLIC)
    moved = {n: w + 0.3 if w.is_floating_point() else w for n, w in recipe.start.items()}
    statistics = {n: w for n, w in recipe.start.items() if n.startswith("logmel.")}
    recipe = replace(recipe, student=moved | statistics)
    options = OPTIONS.get(name, {"epsilon": 4})
    trained = SCHEMES.load(name)(**options).train(recipe, MEMBERS, PUBLIC, Randomness(0))
    from_start, from_student = (
        math.hypot(*(float((w - trained.weights[n]).norm()) for n, w in begun.items()))
        for begun in (recipe.start, recipe.student)
    )
    assert (from_student < from_start) == SCHEMES[name].begins_at_student


def trained_by(name, epsilon, delta=1e-2):
    recipe = replace(recipe_for("ctc", PUBLIC), delta=delta)
    scheme = SCHEMES.load(name)(**{**OPTIONS[name], "epsilon": epsilon})
    return scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0)), recipe


@pytest.mark.parametrize("name", each(NOISY))
@pytest.mark.parametrize("epsilon", [pytest.param(1e-4, marks=pytest.mark.slow), 1e4])
def test_absurd_noise_survives(name, epsilon):
    trained, recipe = trained_by(name, epsilon)
    assert all(torch.isfinite(weight).all() for weight in trained.weights.values())
    assert price(trained.event, recipe.delta).epsilon <= epsilon


@pytest.mark.parametrize("name", each(NOISY))
def test_an_epsilon_out_of_reach_is_a_clear_error(name):
    with pytest.raises(OverheardError, match=r"out of reach: with noise .* it is still"):
        trained_by(name, 1e-9, delta=1e-200)


@pytest.mark.parametrize("name", OF_GRADIENTS)
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch_size": 0}, "batch_size is 0; give at least 1"),
        ({"batch_size": 99}, "batch_size 99 is above the 8 expected members"),
        ({"epochs": 0}, "epochs is 0; give a number above 0"),
        ({"epochs": math.nan}, "epochs is nan"),
        ({"epsilon": math.nan}, "epsilon must be above 0"),
    ],
)
def test_options_out_of_range_are_refused_in_words(name, options, complaint):
    recipe = recipe_for("ctc", PUBLIC)
    scheme = SCHEMES.load(name)(**{**OPTIONS[name], **options})
    with pytest.raises(OverheardError, match=complaint):
        scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))


@pytest.mark.parametrize("name", [*each(OF_GRADIENTS), "dp-fedavg"])
def test_empty_batches_still_move_the_weights(name):
    recipe = recipe_for("ctc", PUBLIC)
    weights = SCHEMES.load(name)(**OPTIONS[name]).train(recipe, [], PUBLIC, Randomness(0)).weights
    trained = dict(recipe.build().network.named_parameters(prefix="network"))
    assert {n for n, w in weights.items() if not torch.equal(w, recipe.start[n])} == set(trained)


@dataclass
class Honest:
    """A defense that returns the start; what follows spoils it."""

    calls: list[int] = field(default_factory=list)

    def train(self, recipe, members, public, rng):  # noqa: ARG002
        return Trained(weights_of(recipe.build()), GaussianDpEvent(1.0))


class Spoilt(Honest):
    """A defense with one defect, done to what the honest one returns."""

    def train(self, recipe, members, public, rng):
        trained = super().train(recipe, members, public, rng)
        return self.spoil(trained, recipe, members, public, rng) or trained


def spoilt(function):
    return type(function.__name__, (Spoilt,), {"spoil": staticmethod(function)})


@spoilt
def WrongType(trained, *_):  # noqa: N802
    return trained.weights


@spoilt
def MissingWeight(trained, *_):  # noqa: N802
    del trained.weights["network.output.bias"]


@spoilt
def ForeignWeight(trained, *_):  # noqa: N802
    trained.weights["network.spare"] = torch.zeros(3)


@spoilt
def WrongShape(trained, *_):  # noqa: N802
    trained.weights["network.output.bias"] = torch.zeros(3)


@spoilt
def WrongPrecision(trained, *_):  # noqa: N802
    trained.weights["network.output.bias"] = trained.weights["network.output.bias"].double()


@spoilt
def NotFinite(trained, *_):  # noqa: N802
    trained.weights["network.output.bias"][0] = math.nan


@spoilt
def GlobalTorch(trained, *_):  # noqa: N802
    trained.weights["network.output.bias"] += torch.rand(())


@spoilt
def GlobalNumpy(trained, *_):  # noqa: N802
    trained.weights["network.output.bias"] += np.random.normal()  # noqa: NPY002


@spoilt
def TouchesSpeech(trained, recipe, members, public, rng):  # noqa: N802, ARG001
    members.sort(key=lambda m: m.text)


@spoilt
def LosesPublic(trained, recipe, members, public, rng):  # noqa: N802, ARG001
    public.clear()


@spoilt
def TouchesStart(trained, recipe, *_):  # noqa: N802, ARG001
    recipe.start["network.output.bias"].add_(1)


@spoilt
def RefusesNobody(trained, recipe, members, public, rng):  # noqa: N802, ARG001
    if not members:
        raise ZeroDivisionError("division by zero")


@spoilt
def CountsMembers(trained, recipe, members, public, rng):  # noqa: N802, ARG001
    return replace(trained, event=GaussianDpEvent(1.0 + len(members)))


@spoilt
def NoEvent(trained, *_):  # noqa: N802
    return replace(trained, event=0.5)


@spoilt
def NoPrice(trained, *_):  # noqa: N802
    return replace(trained, event=UnsupportedDpEvent())


@spoilt
def NotANumberOfNoise(trained, *_):  # noqa: N802
    return replace(trained, event=GaussianDpEvent(math.nan))


@spoilt
def BadNote(trained, *_):  # noqa: N802
    return replace(trained, notes={"loss": math.inf})


class Remembers(Honest):
    """Its result depends on how often it was asked."""

    def train(self, recipe, members, public, rng):
        trained = super().train(recipe, members, public, rng)
        self.calls.append(1)
        trained.weights["network.output.bias"] += len(self.calls)
        return trained


@pytest.mark.parametrize(
    ("defense", "complaint"),
    [
        (WrongType, "returned dict, not Trained"),
        (MissingWeight, "missing .'network.output.bias'"),
        (ForeignWeight, "foreign .'network.spare'"),
        (WrongShape, r"network.output.bias is \(3,\)"),
        (WrongPrecision, "float64"),
        (NotFinite, "network.output.bias is not finite"),
        (GlobalTorch, "other weights: network.output.bias"),
        (GlobalNumpy, "other weights: network.output.bias"),
        (Remembers, "the same defense, trained again"),
        (TouchesSpeech, "changed its inputs: members"),
        (LosesPublic, "changed its inputs: public"),
        (TouchesStart, "changed its inputs: recipe.start"),
        (RefusesNobody, "no members: train raised ZeroDivisionError"),
        (CountsMembers, "must not depend on the private speech"),
        (NoEvent, "event is float"),
        (NoPrice, "event has no price"),
        (NotANumberOfNoise, "event has no price"),
        (BadNote, "note 'loss' is inf"),
    ],
)
def test_the_contract_names_what_is_broken(defense, complaint):
    recipe = recipe_for("ctc", PUBLIC)
    with pytest.raises(ContractError, match=complaint):
        check_defense(defense, recipe, MEMBERS, PUBLIC)


def test_the_one_they_spoil_keeps_the_contract():
    check_defense(Honest, recipe_for("ctc", PUBLIC), MEMBERS, PUBLIC)


def test_a_broken_contract_is_one_line_for_the_user():
    assert issubclass(ContractError, OverheardError)


def test_the_check_leaves_the_global_generators_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with global_randomness(5):
        torch.rand(2), np.random.normal()  # noqa: NPY002
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
