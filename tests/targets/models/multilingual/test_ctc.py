"""The multilingual target: a language has attention of its own, and its gradients are exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.dpsgd.clipping import trained_parameters
from targets.core.randomness import Randomness
from targets.models.pretrained import HearsItself
from targets.speech.language_frames import LanguageLogMel
from targets.training.fit import fit
from targets.training.recipe import Schedule
from tests.fakes import recipe_for, speech
from tests.targets.one_at_a_time import assert_gradients_are_exact

NAME = "multilingual"
SPOKEN = ("en", "es", "de")


def said_in(utterances, languages):
    """Return utterances in these languages, in turn."""
    return [
        replace(u, samples=u.sound, attributes={**u.attributes, "language": languages[n % 3]})
        for n, u in enumerate(utterances)
    ]


PUBLIC = said_in(speech(6, "public"), SPOKEN)
MEMBERS = said_in(speech(6, "private"), SPOKEN)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for(NAME, PUBLIC)


def of_language(recognizer, number):
    """Return the rows of language-specific weights that are of a language."""
    found = []
    for block in recognizer.network.encoder.blocks:
        for layer in (block.attention.maps, block.attention.output):
            found += [p.unflatten(0, (len(SPOKEN), -1))[number] for p in layer.parameters()]
    return found


def test_it_hears_the_language_with_the_frames(recipe):
    recognizer = recipe.build()
    assert isinstance(recognizer.network, HearsItself)
    assert isinstance(recognizer.logmel, LanguageLogMel)
    with torch.no_grad():
        for weights in of_language(recognizer, 1):
            weights += 0.5
    before, after = recipe.build().nll(MEMBERS), recognizer.nll(MEMBERS)
    assert (before != after).tolist() == [u.attributes["language"] == "es" for u in MEMBERS]


def test_without_a_language_it_hears_the_first(recipe):
    recognizer = recipe.build()
    texts = [u.text for u in MEMBERS]
    untold = [replace(u, samples=u.sound, attributes={}) for u in MEMBERS]
    english = said_in(MEMBERS, ["en"] * 3)
    assert torch.equal(recognizer.nll(untold), recognizer.nll(english))
    features, counts = recognizer.logmel(english)
    with torch.no_grad():  # frames alone, as an attack or an estimate of work may have them
        alone = recognizer.nll_of(features[..., :-1], counts, texts)
        assert torch.equal(alone, recognizer.nll_of(features, counts, texts))


def test_gradients_are_those_of_one_example_at_a_time(recipe):
    """The oracle is automatic differentiation, an example at a time, in batches of languages."""
    recognizer = recipe.build()
    batch, parameters = recognizer.examples(MEMBERS), trained_parameters(recognizer)
    assert_gradients_are_exact(recognizer, batch, parameters)


def test_an_example_has_no_gradient_at_other_languages(recipe):
    recognizer = recipe.build()
    (spanish,) = recognizer.examples([u for u in MEMBERS if u.attributes["language"] == "es"][:1])
    recognizer.example_nll([spanish]).sum().backward()
    for block in recognizer.network.encoder.blocks:
        for layer in (block.attention.maps, block.attention.output):
            parts = layer.weight.grad.unflatten(0, (len(SPOKEN), -1))
            assert [bool(part.any()) for part in parts] == [False, True, False]


@pytest.mark.slow
def test_it_learns_what_is_said_in_each_language():
    heard = said_in(speech(6, "private"), SPOKEN)
    recognizer = recipe_for(
        NAME, said_in(speech(24, "public", speakers=4), SPOKEN), size=32
    ).build()
    fit(recognizer, heard, Schedule(150, 6, 1e-2), Randomness(0), augment=True)
    assert recognizer.transcribe(heard) == [u.text for u in heard]
    assert recognizer.transcribe(heard, 3) == [u.text for u in heard]
