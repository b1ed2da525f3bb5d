"""The target that listens for a list: its base stays, a list moves it, gradients are exact."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd.clipping import trained_parameters
from defenses.dpsgd.scheme import EDPSGD
from targets.core.randomness import Randomness
from targets.models.context.lists import _made_up, drawn_list
from targets.models.ctc import CTC, IMPOSSIBLE, ctc_nll
from targets.speech.tokens import Characters
from targets.training.fit import fit
from targets.training.recipe import Schedule
from tests.fakes import recipe_for, speech, utterance
from tests.targets.one_at_a_time import assert_gradients_are_exact

pytestmark = pytest.mark.one_version

NAME = "ctc-context"
PUBLIC = speech(4, "public")
MEMBERS = speech(6, "private")
TOKENS = Characters()
ENTRIES = [tuple(TOKENS.encode(word)) for word in ("milk", "zebra", "tea")]


@pytest.fixture(scope="module")
def recipe():
    return recipe_for(NAME, PUBLIC, public_epochs=2)


def stirred(recognizer):
    """Return it with an adapter that does something: at zero, it would not."""
    torch.manual_seed(5)
    torch.nn.init.normal_(recognizer.network.adapter.output.weight, std=0.5)
    return recognizer


@pytest.fixture
def recognizer(recipe):
    return stirred(recipe.build())


@pytest.mark.parametrize("adapter_alone", [True, False])
def test_gradients_are_those_of_one_example_at_a_time(recognizer, adapter_alone):
    if not adapter_alone:
        recognizer.network.requires_grad_(True)
    parameters = trained_parameters(recognizer)
    few = recognizer.network.adapter_weights()
    assert parameters == (list(few) if adapter_alone else list(recognizer.network.parameters()))
    assert_gradients_are_exact(recognizer, recognizer.examples(MEMBERS), parameters)


def test_without_a_list_the_adapter_changes_nothing(recipe, recognizer):
    features, counts = recognizer.logmel(MEMBERS)
    base, adapted = recipe.build().network, recognizer.network
    bare = base.log_probabilities(features, counts)[0]
    assert torch.equal(adapted.log_probabilities(features, counts)[0], bare)
    # Nor does one that has not been trained, whatever the list.
    assert torch.equal(base.log_probabilities(features, counts, ENTRIES)[0], bare)
    assert not torch.equal(adapted.log_probabilities(features, counts, ENTRIES)[0], bare)


@torch.no_grad()
def test_the_order_of_a_list_and_how_it_is_padded_do_not_matter(recognizer):
    features, counts = recognizer.logmel(MEMBERS[:2])
    network = recognizer.network
    found = network.log_probabilities(features, counts, ENTRIES)[0]
    turned = network.log_probabilities(features, counts, ENTRIES[::-1])[0]
    torch.testing.assert_close(found, turned, rtol=1e-4, atol=1e-5)
    layers, _ = network.encoder.layers(features, counts)
    both = network.biased(layers, [ENTRIES, [*ENTRIES, (1,) * 20]])
    torch.testing.assert_close(both[0], found[0], rtol=1e-4, atol=1e-5)
    assert (both[1] - found[1]).abs().max() > 1e-4


@torch.no_grad()
def test_the_same_letters_in_another_order_are_another_entry(recognizer):
    encode = recognizer.network.adapter.entries
    one, other = (encode(torch.tensor([[[*TOKENS.encode(w), 0]]])) for w in ("anna", "naan"))
    assert (one - other).abs().max() > 1e-3


def test_losses_of_many_transcripts_are_those_of_each(recognizer):
    heard = MEMBERS[0]
    texts = ["milk", "tea", "on", "", "zebra two", heard.text, "a" * 200]
    features, counts = recognizer.logmel([heard])
    alone = torch.cat([recognizer.nll_of(features, counts, [text]) for text in texts])
    for found in (
        recognizer.nll_of_texts(heard, texts),
        recognizer.nll_of(features, counts, texts),
    ):
        torch.testing.assert_close(found.double(), alone.double(), rtol=1e-4, atol=1e-4)
    assert alone[-1].item() == IMPOSSIBLE


def test_the_search_without_a_bonus_is_that_of_ctc(recognizer):
    features, counts = recognizer.logmel(MEMBERS)
    network = recognizer.network
    plain = CTC(TOKENS.size, 8, 8)
    plain.log_probabilities = network.log_probabilities
    assert network.beam(features, counts, 5) == plain.beam(features, counts, 5)
    assert network.greedy(features, counts) == plain.greedy(features, counts)


def test_private_training_moves_the_adapter_alone(recipe):
    trained = EDPSGD(epsilon=8, epochs=2, batch_size=4).train(recipe, MEMBERS, [], Randomness(2))
    moved = {n for n, w in trained.weights.items() if not torch.equal(w, recipe.start[n])}
    assert moved
    assert all(name.startswith("network.adapter.") for name in moved)


@pytest.mark.slow
def test_a_trained_adapter_makes_listed_words_likelier():
    made_up = [TOKENS.decode(w) for w in _made_up(TOKENS.size) if 4 <= len(w) <= 6][:120]
    public, heard = ([utterance(w, w) for w in words] for words in (made_up[:60], made_up[60:]))
    recognizer = recipe_for(NAME, public, public_epochs=8, size=24).build()
    fit(recognizer, heard, Schedule(15, 8, 1e-2), Randomness(0))
    others = drawn_list((1,), TOKENS.size)

    def loss(said, entries):
        features, counts = recognizer.logmel([said])
        found = recognizer.network.log_probabilities(features, counts, entries)
        return ctc_nll(*found, [TOKENS.encode(said.text)]).item()

    listed = sum(loss(u, [*others, tuple(TOKENS.encode(u.text))]) for u in heard)
    assert listed < 0.95 * sum(loss(u, others) for u in heard)
    assert listed < 0.95 * sum(loss(u, ()) for u in heard)
