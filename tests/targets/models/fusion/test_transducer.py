"""The fused transducer: it begins as `rnnt`, and what is trained of it is little and exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.dpsgd.clipping import trained_parameters
from defenses.dpsgd.scheme import EDPSGD
from leaderboard.spec.load import built_in_suites, load_suite
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.fusion.layer import Bottleneck
from targets.models.fusion.transducer import fuse
from targets.models.registry import TARGETS
from targets.training.fit import fit, public_start
from targets.training.recipe import Schedule
from tests.fakes import recipe_for, speech
from tests.targets.one_at_a_time import assert_gradients_are_exact

NAME, SINGLE = "rnnt-fusion", "rnnt-adapters"
MOST = 0.03  # of all weights
FEWEST_CHANNELS = 64  # below, a bottleneck of one number is more than that
PUBLIC, MEMBERS = speech(4, "public"), speech(6, "private")
SIZES = {
    (training.channels, training.hidden)
    for training in (load_suite(suite).training for suite in built_in_suites())
    if training.channels >= FEWEST_CHANNELS
}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for(NAME, PUBLIC)


def trained_up(network):
    """Give the last maps of all adapters values, at whose zero half of the gradients vanish."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in network.named_parameters():
        if ".up." in name:
            with torch.no_grad():
                weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))


def group(number, recipe, heard=(), schedule=None):
    """Return a recogniser with adapters of a group: of what it heard, or any."""
    recognizer = recipe.build()
    if schedule is None:
        generator = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for weight in recognizer.network.adapter_weights():
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    else:
        fit(recognizer, heard, schedule, Randomness(number))
    return recognizer


def fused(groups, rng=None):
    """Return a recogniser that mixes the adapters of others."""
    recognizer = groups[0]
    made = fuse([g.network for g in groups], rng or Randomness(0))
    other = recipe_for(NAME, PUBLIC, size=recognizer.network.encoder.widths[0]).build()
    other.logmel, other.network = recognizer.logmel, made
    return other


def test_its_public_start_is_that_of_rnnt_to_the_bit(recipe):
    plain = replace(recipe, target="rnnt")
    schedule = Schedule(2, 4, 1e-2)
    base, made = (public_start(r, PUBLIC, schedule, Randomness(1)) for r in (plain, recipe))
    weights = made.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in base.state_dict().items())
    assert torch.equal(made.nll(MEMBERS), base.nll(MEMBERS))


@pytest.mark.parametrize("size", sorted(SIZES))
def test_what_is_trained_is_little_at_the_sizes_of_suites(size):
    with torch.device("meta"):
        network = TARGETS.load(NAME)(28, *size)
    few, all_ = (
        sum(p.numel() for p in parameters)
        for parameters in (network.adapter_weights(), network.parameters())
    )
    assert 0 < few < MOST * all_


@pytest.mark.slow
def test_private_training_moves_the_adapters_and_their_fusion_alone(recipe):
    scheme = EDPSGD(epsilon=8, epochs=2, batch_size=4)
    weights = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0)).weights
    changed = {name for name, w in weights.items() if not torch.equal(w, recipe.start[name])}
    assert changed == {name for name in weights if ".adapters." in name}


def test_gradients_are_those_of_one_example_at_a_time(recipe):
    recognizer = recipe.build()
    trained_up(recognizer.network)
    batch, parameters = recognizer.examples(MEMBERS), trained_parameters(recognizer)
    assert parameters == list(recognizer.network.adapter_weights())
    assert_gradients_are_exact(recognizer, batch, parameters)


@pytest.fixture(scope="module")
def single():
    return recipe_for(SINGLE, PUBLIC)


def test_a_fusion_of_one_model_again_and_again_is_that_model(single):
    model = group(1, single)
    torch.testing.assert_close(fused([model] * 3).nll(MEMBERS), model.nll(MEMBERS))
    assert not torch.allclose(model.nll(MEMBERS), single.build().nll(MEMBERS))


def test_each_group_keeps_its_adapters_in_the_order_given(single):
    groups = [group(number, single) for number in range(3)]
    for place, fusion in enumerate(fused(groups).network.encoder.adapters):
        for bottleneck, model in zip(fusion.bottlenecks, groups, strict=True):
            own = model.network.encoder.adapters[place]
            assert isinstance(bottleneck, Bottleneck)
            assert torch.equal(bottleneck.up.weight, own.up.weight)


def test_of_trained_adapters_the_fusion_alone_is_trained_and_exactly(single):
    recognizer = fused([group(number, single) for number in range(2)])
    parameters = trained_parameters(recognizer)
    assert parameters == list(recognizer.network.adapter_weights())
    assert_gradients_are_exact(recognizer, recognizer.examples(MEMBERS), parameters)
    before = {name: w.clone() for name, w in recognizer.network.state_dict().items()}
    fit(recognizer, MEMBERS, Schedule(1, 4, 1e-2), Randomness(0))
    after = recognizer.network.state_dict()
    moved = {name for name, w in after.items() if not torch.equal(w, before[name])}
    assert moved == {n for n in after if ".adapters." in n and (".query." in n or ".key." in n)}


def test_its_attention_follows_from_the_random_numbers_given(single):
    groups = [group(number, single).network for number in range(2)]
    ones, others, new = (fuse(groups, Randomness(n)).state_dict() for n in (0, 0, 1))
    assert all(torch.equal(w, others[name]) for name, w in ones.items())
    assert {name for name, w in ones.items() if not torch.equal(w, new[name])} == {
        name for name in ones if ".query." in name or ".key." in name
    }


def test_adapters_of_different_bases_and_of_one_model_are_refused(single):
    model, other = group(0, single).network, group(1, single).network
    with pytest.raises(OverheardError, match="two networks or more"):
        fuse([model], Randomness(0))
    with torch.no_grad():
        other.output.bias += 1
    with pytest.raises(OverheardError, match="one public start"):
        fuse([model, other], Randomness(0))


@pytest.mark.slow
def test_a_fusion_of_groups_serves_all_of_them_better_than_the_adapters_of_one():
    single = recipe_for(SINGLE, speech(24, "public", speakers=4), public_epochs=60, size=32)
    heard = [speech(4, "one"), speech(4, "other")]
    schedule = Schedule(60, 4, 1e-2)
    groups = [group(n, single, of_group, schedule) for n, of_group in enumerate(heard)]
    everyone = [utterance for of_group in heard for utterance in of_group]
    recognizer = fused(groups)
    start = recognizer.nll(everyone).sum()
    fit(recognizer, everyone, Schedule(60, 4, 1e-2), Randomness(0))
    mixed = recognizer.nll(everyone).sum()
    assert mixed < start
    assert all(mixed < model.nll(everyone).sum() for model in groups)
