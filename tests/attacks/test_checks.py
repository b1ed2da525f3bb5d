"""Every attack keeps the contract, and the contract catches who does not."""

from __future__ import annotations

import inspect
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.base import Findings, References, view_of
from attacks.checks import check_attack
from attacks.references import Comparative
from attacks.registry import ATTACKS
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters, ReadsText, ReportsCompute
from targets.speech.features import LogMel
from targets.training.checks import ContractError
from targets.training.fit import fit
from tests.fakes import ALIKE, COMPOSED, EACH_TARGET, TARGETS, canary, recipe_for, speech
from tests.grid import grid

PUBLIC = speech(4, "public")
CANDIDATES = [*speech(5, "private"), canary(0, 123), canary(1, 7, repetitions=4)]
COMPARATIVE = [name for name in ATTACKS.names() if isinstance(ATTACKS.load(name)(), Comparative)]
OPTIONS = {
    "inversion": {"candidates": 3, "steps": 2},
    "inversion-restoration": {"candidates": 3, "draws": 1},
    "gradient-leakage": {"candidates": 2, "epsilons": (1.0,)},
    "canary-inversion": {"steps": 2},
} | {name: {"references": 2} for name in COMPARATIVE}


@pytest.fixture(scope="module", params=EACH_TARGET)
def target(request):
    recipe = recipe_for(request.param, PUBLIC)
    trained = recipe.build()
    fit(trained, CANDIDATES[:3], recipe.schedule, Randomness(0))
    return trained.requires_grad_(False), recipe.build().requires_grad_(False)


def view_for(attack, target):
    halves = [frozenset(c.id for c in CANDIDATES[k::2]) for k in (0, 1)]
    references = References(
        [view_of("weights", t, target[1], PUBLIC) for t in target], halves, Randomness(0)
    )
    return view_of(attack.access, *target, PUBLIC, references)


@pytest.mark.parametrize(
    ("target", "name"),
    # The hybrid is made of the parts of ctc and las.
    grid(TARGETS, ATTACKS.names(), thin=("hybrid", *COMPOSED), bare=ALIKE, every=4),
    indirect=["target"],
)
def test_every_attack_keeps_the_contract(target, name):
    attack = ATTACKS[name](**OPTIONS.get(name, {}))
    found = check_attack(attack, view_for(attack, target), CANDIDATES)
    network = target[0].network
    if (
        (name == "canary-language-model" and not isinstance(network, ReadsText))
        or (name == "gradient-leakage" and isinstance(network, HasAdapters))
        or (name == "gradient-leakage" and not isinstance(target[0].logmel, LogMel))
        or (name.startswith("membership-compute") and not isinstance(network, ReportsCompute))
    ):
        assert found.candidates == ()
        assert found.reason
        return
    everyone = 2 if name.startswith("canary") else len(CANDIDATES)
    assert len(found.candidates) == OPTIONS.get(name, {}).get("candidates", everyone)


@pytest.mark.parametrize("name", ATTACKS.names())
def test_no_attack_asks_for_coins(name):
    attack = ATTACKS.load(name)(**OPTIONS.get(name, {}))
    assert list(inspect.signature(attack.score).parameters) == ["view", "candidates", "rng"]


class Honest:
    """An attack that knows nothing; what follows spoils it."""

    access = "scores"

    def score(self, view, candidates, rng):  # noqa: ARG002
        return Findings(tuple(candidates), np.array([float(len(c.text)) for c in candidates]))


def spoilt(function):
    class Spoilt(Honest):
        def score(self, view, candidates, rng):
            found = super().score(view, list(candidates), rng)
            other = function(found, view, candidates, rng)
            return found if other is None else other

    Spoilt.__name__ = function.__name__
    return Spoilt


@spoilt
def wrong_type(found, *_):
    return found.scores


@spoilt
def too_few(found, *_):
    return replace(found, scores=found.scores[1:])


@spoilt
def not_finite(found, *_):
    return replace(found, scores=np.where(found.scores > 2, math.nan, found.scores))


@spoilt
def infinite_figure(found, *_):
    return replace(found, figures={"bits": found.scores + math.inf})


@spoilt
def foreigners(found, *_):
    return replace(found, candidates=tuple(PUBLIC), scores=np.zeros(len(PUBLIC)))


@spoilt
def twice(found, *_):
    return replace(
        found, candidates=found.candidates * 2, scores=np.concatenate([found.scores] * 2)
    )


@spoilt
def by_place(found, *_):
    return replace(found, scores=np.arange(float(len(found.scores))))


@spoilt
def picks_by_place(found, *_):
    return replace(found, candidates=found.candidates[:2], scores=found.scores[:2])


@spoilt
def global_torch(found, *_):
    return replace(found, scores=found.scores + torch.rand(()).item())


@spoilt
def global_python(found, *_):
    return replace(found, scores=found.scores + random.random())


@spoilt
def trains_the_target(found, view, *_):  # noqa: ARG001
    view._target.network.output.bias.add_(0.1)


@spoilt
def reorders_in_place(found, view, candidates, rng):  # noqa: ARG001
    candidates.reverse()


@spoilt
def fears_the_void(found, view, candidates, rng):  # noqa: ARG001
    return replace(found, scores=found.scores - min(found.scores))


@spoilt
def fears_solitude(found, view, candidates, rng):  # noqa: ARG001
    if len(candidates) == 1:
        raise ValueError("one is no population")


@pytest.mark.parametrize(
    ("attack", "complaint"),
    [
        (wrong_type, "returned ndarray, not Findings"),
        (too_few, r"shape \(6,\) for 7 candidates"),
        (not_finite, "the score of private-0 is nan"),
        (infinite_figure, "figure 'bits'"),
        (foreigners, "claims public-0"),
        (twice, "a candidate twice"),
        (by_place, "belongs to the candidate, not to its place"),
        (picks_by_place, "no longer scored"),
        (global_torch, "the same seed gives other scores"),
        (global_python, "the same seed gives other scores"),
        (trains_the_target, "changed its inputs: the target's weights"),
        (reorders_in_place, "changed its inputs: candidates"),
        (fears_the_void, "no candidates: score raised ValueError"),
        (fears_solitude, "one candidate: score raised ValueError"),
    ],
)
def test_the_contract_names_what_is_broken(attack, complaint):
    recipe = recipe_for("ctc", PUBLIC)
    target = recipe.build().requires_grad_(False), recipe.build().requires_grad_(False)
    with pytest.raises(ContractError, match=complaint):
        check_attack(attack(), view_for(Honest, target), CANDIDATES)


def test_the_one_they_spoil_keeps_the_contract():
    recipe = recipe_for("ctc", PUBLIC)
    target = recipe.build().requires_grad_(False), recipe.build().requires_grad_(False)
    check_attack(Honest(), view_for(Honest, target), CANDIDATES)


def test_the_view_must_be_the_one_it_declares(target):
    attack = ATTACKS.load("inversion")(steps=1)
    with pytest.raises(ContractError, match="wants weights, the view is LossScores"):
        check_attack(attack, view_of("scores", *target, PUBLIC), CANDIDATES)
    odd = Honest()
    odd.access = "coins"
    with pytest.raises(ContractError, match="access is 'coins'"):
        check_attack(odd, view_of("scores", *target, PUBLIC), CANDIDATES)


@pytest.mark.parametrize("name", COMPARATIVE)
def test_who_compares_says_how_many_references_are_missing(target, name):
    attack = ATTACKS.load(name)(references=3)
    with pytest.raises(OverheardError, match="3 reference models, the view has 2"):
        attack.score(view_for(attack, target), CANDIDATES, Randomness(0))
    with pytest.raises(OverheardError, match="the view has 0"):
        attack.score(view_of(attack.access, *target, PUBLIC), CANDIDATES, Randomness(0))
    with pytest.raises(OverheardError, match="too few"):
        ATTACKS.load(name)(references=1).score(view_for(attack, target), CANDIDATES, Randomness(0))


def test_views_are_as_narrow_as_they_say(target):
    for access, hidden in {
        "transcripts": ("loss", "score", "recognizer"),
        "scores": ("recognizer",),
        "weights": (),
    }.items():
        view = view_of(access, *target, PUBLIC)
        assert all(not hasattr(view, name) for name in hidden)
        assert view.transcribe(CANDIDATES[:1]) == target[0].transcribe(CANDIDATES[:1])


def test_views_freeze_the_target_and_the_start():
    recipe = recipe_for("ctc", PUBLIC)
    view = view_of("weights", recipe.build(), recipe.build(), PUBLIC)
    for recognizer in (view.recognizer, view.start):
        assert not any(p.requires_grad for p in recognizer.parameters())


def test_views_give_arrays_wherever_the_target_is():
    class Far(torch.nn.Module):
        def nll(self, utterances):
            return torch.ones(len(utterances), requires_grad=True)

    view = view_of("scores", Far(), Far(), PUBLIC)
    assert view.nll(CANDIDATES).tolist() == [1.0] * len(CANDIDATES)


def test_there_are_no_other_views(target):
    with pytest.raises(OverheardError, match="access is 'coins'; use one of transcripts, scores"):
        view_of("coins", *target, PUBLIC)
