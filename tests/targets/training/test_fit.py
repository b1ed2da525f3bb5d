"""Plain training: it learns, it repeats itself, it leaves the global generators alone."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from targets.core.errors import OverheardError
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters
from targets.speech.wer import word_error_rate
from targets.training.fit import batches, fit, public_start, rate
from targets.training.recipe import Schedule
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(6, "public")


@given(steps=st.integers(1, 500))
def test_the_rate_rises_then_falls_and_is_never_negative(steps):
    rates = [rate(step, steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == 1.0
    assert min(rates) > 0.0
    assert rate(steps, steps) >= 0.0


@given(count=st.integers(0, 300), size=st.integers(1, 20), seed=st.integers(0, 99))
def test_an_epoch_shows_every_example_once(count, size, seed):
    recipe_examples = [_Numbered(n) for n in range(count)]
    found = list(batches(recipe_examples, size, Randomness(seed).numpy()))
    assert sorted(e.number for batch in found for e in batch) == list(range(count))
    assert all(len(batch) <= size for batch in found)


class _Numbered:
    def __init__(self, number):
        self.number, self.features = number, range(number * 7 % 13)


@pytest.mark.parametrize("target", EACH_TARGET)
def test_same_seed_same_weights_other_seed_other_weights(target):
    recipe = recipe_for(target, PUBLIC)

    def fitted(seed):
        torch.manual_seed(seed * 100)
        recognizer = recipe.build()
        fit(recognizer, PUBLIC, Schedule(2, 4, 1e-2), Randomness(seed))
        return recognizer.state_dict()

    one, again, other = fitted(1), fitted(1), fitted(2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("target", EACH_TARGET)
def test_training_learns_what_it_is_shown_and_not_the_features(target):
    recognizer = recipe_for(target, PUBLIC, size=32).build()
    if isinstance(recognizer.network, HasAdapters):
        pytest.skip("adapters need a base that has learnt: tests/targets/models")
    features = copy.deepcopy(recognizer.logmel.state_dict())
    before = recognizer.nll(PUBLIC)
    fit(recognizer, PUBLIC, Schedule(60, 4, 1e-2), Randomness(0))
    assert (recognizer.nll(PUBLIC) < before / 4).all()
    wer = word_error_rate(PUBLIC, recognizer.transcribe(PUBLIC), Randomness(0))
    assert wer.value <= 0.3
    for name, statistic in recognizer.logmel.state_dict().items():
        assert torch.equal(statistic, features[name])


def test_no_epochs_and_no_speech_leave_the_start():
    recipe = recipe_for("ctc", PUBLIC)
    for utterances, epochs in ((PUBLIC, 0), ([], 3)):
        recognizer = recipe.build()
        fit(recognizer, utterances, Schedule(epochs, 4), Randomness(0))
        state = recognizer.state_dict()
        assert all(torch.equal(state[name], weight) for name, weight in recipe.start.items())


def test_a_start_needs_public_speech():
    recipe = recipe_for("ctc", PUBLIC)
    with pytest.raises(OverheardError, match="no transcribed public speech"):
        public_start(recipe, [], Schedule(1), Randomness(0))


def test_stages_nest():
    heard = []
    recognizer = recipe_for("ctc", PUBLIC).build()  # which reports too, where no test had it made
    with listening(heard.append), stage(0.5, 1.0), stage(0.0, 0.5):
        fit(recognizer, PUBLIC[:2], Schedule(2), Randomness(0))
    assert heard == [0.625, 0.75]
