"""The ensemble against models trained one by one, and no model touches another."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from targets.core.progress import listening
from targets.core.randomness import Randomness
from targets.training import ensemble
from targets.training.ensemble import _batches, _groups, _models_at_once, fit_ensemble
from targets.training.fit import MOST_GRADIENT, rate
from targets.training.recipe import Schedule
from tests.fakes import ALIKE, COMPOSED, EACH_TARGET, TARGETS, recipe_for, speech, utterance

pytestmark = pytest.mark.one_version

SPEECH = speech(24, "private", words=3)
RAGGED = [SPEECH[:7], [], SPEECH[7:8], SPEECH[8:20], SPEECH[5:12]]
# What is added to every key changes no softmax: this gradient is nothing but rounding, which Adam
# makes as large as any other.
IDLE = "decoder.key.bias"
# The hybrid is made of the parts of ctc and las.
SLOWER = ("hybrid", *COMPOSED)
OF_PARTS = [
    pytest.param(t, marks=[pytest.mark.slow] if t in SLOWER else [])
    for t in TARGETS
    if t not in ALIKE
]
SCHEDULE = Schedule(2, batch_size=4, learning_rate=3e-3)


@pytest.fixture(scope="module", params=EACH_TARGET)
def recipe(request):
    return recipe_for(request.param, speech(6, "public"), public_epochs=4)


def assert_near(network, other):
    """Compare what is trained: of few values that leave a network rounding may decide which."""
    others = dict(other.named_parameters())
    for name, weight in network.named_parameters():
        if name != IDLE:
            # Adam moves a weight whose gradient is next to nothing as far as any other, in a
            # direction that rounding decides: of thousands of weights a few may differ more.
            far = (weight - others[name]).abs() > 1e-4 + 1e-4 * others[name].abs()
            assert far.float().mean() < 1e-3, name
            torch.testing.assert_close(weight, others[name], atol=1e-3, rtol=1e-4)


def alone(recipe, shard, rng, k):
    """Return model k's recogniser by a plain loop of plain layers: the definition."""
    recognizer = recipe.build()
    parameters = list(recognizer.network.parameters())
    optimizer = torch.optim.Adam(parameters)
    examples = recognizer.examples(shard)
    batches = math.ceil(len(shard) / SCHEDULE.batch_size)
    order, turns = rng.child("model", k, "order").numpy(), rng.child("turns", batches).numpy()
    step = 0
    for _ in range(SCHEDULE.epochs):
        epoch = _batches(examples, batches, order)
        for turn in turns.permutation(batches):
            optimizer.zero_grad()
            recognizer.example_nll(epoch[turn]).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, MOST_GRADIENT)
            for group in optimizer.param_groups:
                group["lr"] = SCHEDULE.learning_rate * rate(step, SCHEDULE.epochs * batches)
            optimizer.step()
            step += 1
    return recognizer


def test_it_is_the_models_trained_one_by_one(recipe):
    rng = Randomness(5)
    together = fit_ensemble(recipe, RAGGED, SCHEDULE, rng)
    assert together.size == len(RAGGED)
    losses, transcripts = together.nll(SPEECH), together.transcribe(SPEECH)
    for k, shard in enumerate(RAGGED):
        expected = alone(recipe, shard, rng, k)
        mine = together.recognizer(k)
        assert_near(mine.network, expected.network)
        torch.testing.assert_close(losses[k], expected.nll(SPEECH), atol=1e-2, rtol=1e-3)
        torch.testing.assert_close(losses[k], mine.nll(SPEECH), atol=1e-3, rtol=1e-5)
        assert transcripts[k] == mine.transcribe(SPEECH)


@pytest.mark.parametrize("recipe", OF_PARTS, indirect=True)
def test_another_shard_changes_no_other_model(recipe):
    """The others' utterances are shorter and longer, more and fewer: padding and steps differ."""
    long = utterance("long", "milk red fan on off two", "s9")
    rng = Randomness(2)
    one = fit_ensemble(recipe, RAGGED, SCHEDULE, rng)
    heard = one.transcribe(SPEECH)
    for changed in ([long, *RAGGED[3][1:]], [*RAGGED[3], long], RAGGED[3][:5], []):
        other = fit_ensemble(recipe, [*RAGGED[:3], changed, *RAGGED[4:]], SCHEDULE, rng)
        listened = other.transcribe(SPEECH)
        for k in (0, 1, 2, 4):
            assert listened[k] == heard[k]
            assert_near(other.recognizer(k).network, one.recognizer(k).network)
        assert any(not torch.equal(other.weights[n][3], w[3]) for n, w in one.weights.items())


def test_a_start_of_ones_own_and_nothing_to_learn():
    recipe = recipe_for("ctc", speech(6, "public"))
    start = recipe_for("ctc", speech(6, "other")).start
    for shards, epochs in (([[], []], 3), ([SPEECH[:2], []], 0)):
        untouched = fit_ensemble(recipe, shards, Schedule(epochs, 4), Randomness(0), start)
        for k in range(2):
            state = untouched.recognizer(k).state_dict()
            assert all(torch.equal(state[name], weight) for name, weight in start.items())


def test_the_inputs_are_left_alone_and_the_seed_decides():
    recipe = recipe_for("ctc", speech(6, "public"))
    before = {name: weight.clone() for name, weight in recipe.start.items()}
    one, again, other = (
        fit_ensemble(recipe, [SPEECH[:9]] * 2, SCHEDULE, Randomness(seed)) for seed in (1, 1, 2)
    )
    for name, weight in one.weights.items():
        assert torch.equal(weight, again.weights[name])
        assert not torch.equal(weight, other.weights[name])
        assert not torch.equal(weight[0], weight[1])  # the same shard in another order
    assert all(torch.equal(recipe.start[name], weight) for name, weight in before.items())


def test_no_speech_has_no_answers():
    models = fit_ensemble(recipe_for("ctc", SPEECH[:2]), [[], []], SCHEDULE, Randomness(0))
    assert models.transcribe([]) == [[], []]
    assert models.nll([]).shape == (2, 0)


def test_progress_ends_with_the_last_epoch():
    recipe = recipe_for("ctc", SPEECH[:2])
    heard = []
    with listening(heard.append):
        fit_ensemble(recipe, RAGGED, SCHEDULE, Randomness(0))
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


@given(sizes=st.lists(st.integers(0, 40), max_size=80), size=st.integers(1, 20))
def test_groups_hold_every_shard_once_and_step_alike(sizes, size):
    most = max(1, ensemble.ROWS // size)
    groups = _groups(sizes, size, most)
    assert sorted(k for g in groups for k in g) == [k for k, n in enumerate(sizes) if n]
    for group in groups:
        assert len({math.ceil(sizes[k] / size) for k in group}) == 1
        assert len(group) <= most


def test_an_accelerator_trains_as_many_models_at_once_as_its_memory_holds(monkeypatch):
    recipe = recipe_for("ctc", speech(6, "public"))
    alone = recipe.build()
    examples = alone.examples(SPEECH[:6])
    weights = 4 * sum(p.numel() for p in alone.network.parameters())
    assert _models_at_once(alone, examples, 4) == 16  # 64 rows: the processor's
    asked = []

    def free(device):
        asked.append(device)
        # A batch holds 1,000 bytes on the way there, and as many on the way back.
        return left - 1_000 * (len(asked) % 2 == 0)

    monkeypatch.setattr(ensemble, "free_bytes", free)
    left = 2 * 50 * (2_000 + 4 * weights)
    assert _models_at_once(alone, examples, 4) == 50
    assert _models_at_once(alone, [], 4) == 16
    left = 1_000
    asked.clear()
    assert _models_at_once(alone, examples, 4) == 16
    assert set(asked) == {"cpu"}


def test_how_many_are_trained_at_once_changes_no_model(monkeypatch):
    recipe = recipe_for("ctc", speech(6, "public"))
    together = fit_ensemble(recipe, RAGGED, SCHEDULE, Randomness(5))
    monkeypatch.setattr(ensemble, "_models_at_once", lambda *_: 1)
    one_by_one = fit_ensemble(recipe, RAGGED, SCHEDULE, Randomness(5))
    for k in range(len(RAGGED)):
        assert_near(together.recognizer(k).network, one_by_one.recognizer(k).network)


class Numbered:
    def __init__(self, number):
        self.number, self.features = number, range(number * 7 % 13)


@given(count=st.integers(1, 300), size=st.integers(1, 20), seed=st.integers(0, 99))
def test_an_epoch_shows_every_example_once_in_about_equal_batches(count, size, seed):
    examples = [Numbered(n) for n in range(count)]
    batches = _batches(examples, math.ceil(count / size), Randomness(seed).numpy())
    assert len(batches) == math.ceil(count / size)
    assert sorted(e.number for batch in batches for e in batch) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
