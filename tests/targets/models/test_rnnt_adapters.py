"""The adapted transducer: it begins as `rnnt`, few weights move, and only they are trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.dpsgd.clipping import trained_parameters
from defenses.dpsgd.microbatch import clip_norms, layers_of
from defenses.dpsgd.scheme import EDPSGD
from defenses.pate.scheme import PATE
from defenses.public.nonprivate import NonPrivate
from leaderboard.spec.load import built_in_suites, load_suite
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters, train_adapters_alone
from targets.models.registry import TARGETS
from targets.nn.residual_adapters import ResidualAdapter
from targets.training.ensemble import fit_ensemble
from targets.training.fit import fit, public_start
from targets.training.recipe import Schedule
from tests.fakes import recipe_for, speech, without_text
from tests.targets.one_at_a_time import assert_gradients_are_exact

NAME = "rnnt-adapters"
MOST = 0.03  # of all weights
PUBLIC = speech(4, "public")
MEMBERS = speech(6, "private")


@pytest.fixture(scope="module")
def recipe():
    return recipe_for(NAME, PUBLIC, public_epochs=8)


def is_adapter(name):
    return ".adapters." in name


def moved(recipe, weights):
    """Return the names of the weights that training changed."""
    return {name for name, w in weights.items() if not torch.equal(w, recipe.start[name])}


def test_its_public_start_is_that_of_rnnt_to_the_bit(recipe):
    plain = replace(recipe, target="rnnt")
    schedule = Schedule(8, 4, 1e-2)
    base, adapted = (
        public_start(r, PUBLIC, schedule, Randomness(1), augment=True) for r in (plain, recipe)
    )
    weights = adapted.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in base.state_dict().items())
    assert {name for name in weights if is_adapter(name)} == set(weights) - set(base.state_dict())
    assert torch.equal(adapted.nll(MEMBERS), base.nll(MEMBERS))
    assert adapted.transcribe(MEMBERS, 3) == base.transcribe(MEMBERS, 3)


@pytest.mark.parametrize("suite", built_in_suites())
def test_adapters_are_few_at_the_size_of_every_suite(suite):
    training = load_suite(suite).training
    with torch.device("meta"):
        network = TARGETS.load(NAME)(28, training.channels, training.hidden)
    few, all_ = (
        sum(p.numel() for p in parameters)
        for parameters in (network.adapter_weights(), network.parameters())
    )
    assert 0 < few < MOST * all_


@pytest.mark.parametrize(
    "scheme",
    [
        NonPrivate(),
        EDPSGD(epsilon=8, epochs=2, batch_size=4),
        EDPSGD(epsilon=8, epochs=2, batch_size=4, weights="low-rank", rank=1),
        EDPSGD(epsilon=8, epochs=2, batch_size=4, weights="biases"),
    ],
)
def test_schemes_train_the_adapters_alone(recipe, scheme):
    trained = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    changed = moved(recipe, trained.weights)
    assert changed
    assert all(map(is_adapter, changed))


def test_teachers_and_their_student_train_the_adapters_alone(recipe):
    models = fit_ensemble(recipe, [MEMBERS[:3], MEMBERS[3:]], Schedule(2, 4), Randomness(0))
    for k in range(2):
        changed = moved(recipe, models.recognizer(k).state_dict())
        assert changed
        assert all(map(is_adapter, changed))
    scheme = PATE(epsilon=8, teachers=2, teacher_epochs=1, student_epochs=1)
    public = [*PUBLIC, *without_text(speech(4, "audio"))]
    assert all(
        map(is_adapter, moved(recipe, scheme.train(recipe, MEMBERS, public, Randomness(0)).weights))
    )


def test_the_public_start_leaves_the_adapters_alone(recipe):
    drawn = recipe.untrained(Randomness(1).child("weights")).state_dict()
    for name, weight in recipe.start.items():
        if name.startswith("network"):
            assert torch.equal(weight, drawn[name]) == is_adapter(name)


def test_gradients_are_those_of_one_example_at_a_time(recipe):
    """The oracle is automatic differentiation, an example at a time, over the adapters."""
    recognizer = recipe.build()
    for module in recognizer.modules():
        if isinstance(module, ResidualAdapter):  # at zero half of the gradients would vanish
            torch.nn.init.normal_(module.up.weight, std=0.3)
    batch, parameters = recognizer.examples(MEMBERS), trained_parameters(recognizer)
    assert parameters == list(recognizer.network.adapter_weights())
    assert_gradients_are_exact(recognizer, batch, parameters)


def test_a_layer_that_begins_at_zero_is_not_clipped_to_nothing(recipe):
    norms = clip_norms(layers_of(recipe.build()), 1.0)
    assert min(norms.values()) > 0


def test_a_network_without_adapters_is_trained_whole():
    network = recipe_for("rnnt", PUBLIC).build().network
    assert not isinstance(network, HasAdapters)
    train_adapters_alone(network)
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.slow
def test_adapters_alone_learn_what_a_base_does_not_know():
    recipe = recipe_for(NAME, speech(24, "public", speakers=4), public_epochs=60, size=32)
    recognizer, heard = recipe.build(), speech(4, "private")
    before = recognizer.nll(heard)
    assert recognizer.transcribe(heard) != [u.text for u in heard]
    fit(recognizer, heard, Schedule(80, 4, 1e-2), Randomness(0))
    assert recognizer.nll(heard).sum() < before.sum() / 3
    assert recognizer.transcribe(heard) == [u.text for u in heard]
