"""Quantised networks: few values forwards, exact gradients, and few values in what they release."""

from __future__ import annotations

import copy

import pytest
import torch

from defenses.dpsgd.scheme import EDPSGD
from defenses.pate.scheme import PATE
from defenses.public.nonprivate import NonPrivate
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import ReadsText
from targets.models.conformer import ConformerCTC
from targets.models.ctc import CTC
from targets.models.las import LAS
from targets.models.quantised.network import quantised, quantised_weights
from targets.models.rnnt import Transducer
from targets.models.rnnt_adapters import AdaptedTransducer
from targets.nn.stacked import stacked
from targets.nn.tape import recording
from targets.speech.tokens import Characters
from targets.training.fit import fit
from targets.training.recipe import Schedule
from tests.fakes import recipe_for, speech, without_text
from tests.targets.nn.test_tape import network, ragged
from tests.targets.one_at_a_time import assert_gradients_are_exact

pytestmark = pytest.mark.one_version

PUBLIC, MEMBERS = speech(4, "public"), speech(6, "private")
NAME = "ctc-2bit"
BASES = [
    ("ctc", CTC),
    ("rnnt", Transducer),
    pytest.param("las", LAS, marks=pytest.mark.slow),
    pytest.param("conformer", ConformerCTC, marks=pytest.mark.slow),
    pytest.param("rnnt-adapters", AdaptedTransducer, marks=pytest.mark.slow),
]
BATCH = ragged(0, [(40, [1]), (96, [2, 3]), (60, [4, 4])])


@pytest.fixture(scope="module")
def recipe():
    return recipe_for(NAME, PUBLIC)


def few_in(weights, bits, quantised_names):
    return all(len(weights[name].unique()) <= 2**bits for name in quantised_names)


def made(target, base, bits):
    """Return a recogniser whose network is `base`, quantised, and the names that are."""
    recognizer = network(target)
    plain = recognizer.network
    with torch.random.fork_rng():
        recognizer.network = quantised(base, bits)(Characters().size, 8, 8)
    recognizer.network.load_state_dict(plain.state_dict())
    return recognizer, plain, set(quantised_weights(recognizer.network))


@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize(("target", "base"), BASES)
def test_gradients_are_those_of_one_example_at_a_time(target, base, bits):
    recognizer, _, _ = made(target, base, bits)
    parameters = [p for p in recognizer.network.parameters() if p.requires_grad]
    assert_gradients_are_exact(recognizer, BATCH, parameters)
    named = recognizer.network.named_parameters()
    biases = [p for n, p in named if p.requires_grad and n.endswith("bias")]
    assert_gradients_are_exact(recognizer, BATCH, biases)


@pytest.mark.parametrize(("target", "base"), BASES)
def test_it_answers_as_the_plain_network_does_with_its_few_values(target, base):
    recognizer, plain, names = made(target, base, 2)
    released = recognizer.network.state_dict()
    assert few_in(released, 2, names)
    assert not any(weight.requires_grad for weight in released.values())
    assert not few_in(dict(recognizer.network.named_parameters()), 2, names)
    assert all(p.dim() > 1 for n, p in plain.named_parameters() if n in names)
    before = recognizer.example_nll(BATCH)
    plain.load_state_dict(released)
    features = torch.nn.utils.rnn.pad_sequence([e.features for e in BATCH], batch_first=True)
    counts = torch.tensor([len(e.features) for e in BATCH])
    labels = [e.labels for e in BATCH]
    assert torch.equal(before, plain.nll(features, counts, labels))
    mine = recognizer.network
    assert mine.greedy(features, counts) == plain.greedy(features, counts)
    assert mine.beam(features, counts, 2) == plain.beam(features, counts, 2)
    one = features[:1], counts[:1], labels
    assert torch.equal(mine.nll_of_each(*one), plain.nll_of_each(*one))
    assert isinstance(mine, ReadsText) == isinstance(plain, ReadsText)


def test_what_is_released_computes_the_same_again(recipe):
    recognizer, again = recipe.build(), recipe.build()
    fit(recognizer, MEMBERS, Schedule(2, 4, 1e-2), Randomness(0))
    again.load_state_dict(recognizer.state_dict())
    assert torch.equal(again.nll(MEMBERS), recognizer.nll(MEMBERS))
    assert again.state_dict().keys() == recognizer.state_dict().keys()
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, recognizer.state_dict()[name])


def test_small_steps_add_up_before_a_value_changes(recipe):
    recognizer = recipe.build()
    weight = recognizer.network.output.weight
    before, few = weight.detach().clone(), recognizer.network.state_dict()["output.weight"].clone()
    fit(recognizer, MEMBERS, Schedule(1, 4, 1e-6), Randomness(0))
    assert not torch.equal(weight, before)
    after = recognizer.network.state_dict()["output.weight"]
    assert len(after.unique()) <= 4
    assert ((after - few).abs() < 0.1 * few.abs().max()).float().mean() > 0.9


def test_models_in_one_are_quantised_one_by_one():
    recognizer, _, _ = made("ctc", CTC, 2)
    other = copy.deepcopy(recognizer.network)
    for p in other.parameters():
        torch.nn.init.normal_(p, std=0.2, generator=torch.Generator().manual_seed(1))
    pair = (recognizer.network, other)
    names = [n for n, _ in recognizer.network.named_parameters()]
    weights = {
        n: torch.stack([dict(m.named_parameters())[n].detach() for m in pair]) for n in names
    }
    many = copy.deepcopy(recognizer)
    many.network = stacked(recognizer.network, weights)
    together = many.example_nll([*BATCH, *BATCH])
    apart = []
    for model in pair:
        recognizer.network = model
        apart.append(recognizer.example_nll(BATCH))
    torch.testing.assert_close(together, torch.cat(apart))


@pytest.mark.parametrize(
    "scheme",
    [
        NonPrivate(),
        EDPSGD(epsilon=8, epochs=1, batch_size=4),
        EDPSGD(epsilon=8, epochs=1, batch_size=4, weights="low-rank", rank=1),
        PATE(epsilon=8, teachers=2, teacher_epochs=1, student_epochs=1),
    ],
)
def test_every_scheme_releases_few_values(recipe, scheme):
    public = [*PUBLIC, *without_text(speech(3, "audio"))]
    weights = scheme.train(recipe, MEMBERS, public, Randomness(0)).weights
    names = {f"network.{n}" for n in quantised_weights(recipe.build().network)}
    assert few_in(weights, 2, names)
    assert any(not torch.equal(w, recipe.start[n]) for n, w in weights.items() if n in names)


def test_a_tape_is_left_as_it_was_after_an_error():
    recognizer, _, _ = made("ctc", CTC, 2)
    with recording() as tape:
        with pytest.raises(AttributeError):
            recognizer.network.nll(None, None, [])
        assert tape.uses == []
    assert recognizer.network.asked is False
    assert torch.isfinite(recognizer.example_nll(BATCH)).all()


@pytest.mark.parametrize("bits", [0, 9])
def test_other_numbers_of_bits_are_refused(bits):
    with pytest.raises(OverheardError, match=f"{bits} bits: use 1 to 8"):
        quantised(CTC, bits)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ctc-5bit", "ctc-2bit"])
def test_it_learns(target):
    heard = speech(8, "public", speakers=2)
    recipe = recipe_for(target, heard, public_epochs=120, size=32)
    assert recipe.build().transcribe(heard) == [u.text for u in heard]
