"""Products of cut factors: near the exact ones, and nothing that privacy rests on is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum
from defenses.dpsgd.mechanism import set_noisy_mean
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.nn.precision import BF16, SINGLE, linear, linear_of_each, product, products_in
from targets.nn.stacked import stacked
from targets.nn.tape import recording, square_norms, weighted_sums
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.fakes import EACH_TARGET, speech

pytestmark = pytest.mark.one_version

NUMBERS = Randomness(0).torch()
ROWS, MAPS = torch.randn(3, 5, 32, generator=NUMBERS), torch.randn(3, 32, 7, generator=NUMBERS)
BIAS = torch.randn(3, 7, generator=NUMBERS)


def recognizer_of(target, precision, size=24):
    recipe = Recipe(target, Characters(), size, size, Schedule(1), 1e-2, 8, precision=precision)
    return recipe.untrained(Randomness(5))


def batch_of(seed, loudness=1.0):
    rng = Randomness(seed).numpy()
    return [
        Example(
            loudness * torch.from_numpy(rng.normal(size=(frames, 64))).float(),
            rng.integers(1, 28, 3).tolist(),
        )
        for frames in (40, 57, 96, 64)
    ]


def flat(sums):
    return torch.cat([sum_.flatten() for sum_ in sums.values()])


def test_cut_are_the_factors_and_results_are_single():
    pairs = [
        (lambda: product(ROWS, MAPS), ROWS @ MAPS),
        (lambda: linear(ROWS, MAPS[0].T, BIAS[0]), F.linear(ROWS, MAPS[0].T, BIAS[0])),
        (lambda: linear(ROWS, MAPS[0].T, None), F.linear(ROWS, MAPS[0].T)),
        (lambda: linear_of_each(ROWS, MAPS, BIAS), torch.baddbmm(BIAS[:, None], ROWS, MAPS)),
        (lambda: linear_of_each(ROWS, MAPS, None), torch.bmm(ROWS, MAPS)),
    ]
    for found, exact in pairs:
        assert torch.equal(found(), exact)
        with products_in(BF16):
            cut = found()
            with products_in(SINGLE):
                assert torch.equal(found(), exact)
        assert cut.dtype == torch.float32
        assert not torch.equal(cut, exact)
        assert (cut - exact).norm() < 0.01 * exact.norm()


@pytest.mark.parametrize("target", EACH_TARGET)
def test_losses_and_norms_are_near_those_of_single_precision(target):
    exact, cut = (recognizer_of(target, precision) for precision in (SINGLE, BF16))
    batch, found = batch_of(0), []
    for recognizer in (exact, cut):
        with recording() as tape:
            losses = recognizer.example_nll(batch)
        found.append((losses.detach(), square_norms(tape.gradients(losses)).sqrt()))
    (losses, norms), (cut_losses, cut_norms) = found
    assert not torch.equal(cut_losses, losses)
    torch.testing.assert_close(cut_losses, losses, rtol=0.01, atol=0.0)
    torch.testing.assert_close(cut_norms, norms, rtol=0.05, atol=0.0)


@pytest.mark.parametrize("size", [8, 40])  # at 40 short inputs take the ghost norms
@pytest.mark.parametrize("target", EACH_TARGET)
@given(seed=st.integers(0, 99), loudness=st.sampled_from([1e-2, 1.0, 1e2]))
@settings(max_examples=4)
def test_no_example_weighs_more_than_the_clip_norm(target, size, seed, loudness):
    """What each gives to the very sum, one weight at a time, added up in double precision."""
    recognizer = recognizer_of(target, BF16, size)
    with recording() as tape:
        losses = recognizer.example_nll(batch_of(seed, loudness))
    gradients = tape.gradients(losses)
    norms = square_norms(gradients).sqrt()
    for number, row in enumerate(torch.diag(1 / norms)):
        weighed = torch.cat([s.flatten() for _, s in weighted_sums(gradients, row)]).double().norm()
        assert weighed <= 1 + 1e-5, number
        assert weighed >= 1 - 1e-3, number  # and it is cut, not lost


@pytest.mark.parametrize("clipped_sum", [normalised_sum, clipped_sum_one_by_one])
@pytest.mark.parametrize("target", EACH_TARGET)
def test_neighbours_differ_by_no_more_than_the_clip_norm(target, clipped_sum):
    recognizer, batch = recognizer_of(target, BF16), batch_of(1)
    whole = flat(clipped_sum(recognizer, batch, 1.0))
    for place in range(len(batch)):
        alone = flat(clipped_sum(recognizer, batch[place : place + 1], 1.0))
        rest = flat(clipped_sum(recognizer, batch[:place] + batch[place + 1 :], 1.0))
        assert alone.norm() <= 1 + 1e-5
        # The others are padded otherwise: in single precision this is below 1e-4.
        assert (whole - alone - rest).norm() <= 1e-2


@pytest.mark.parametrize("target", EACH_TARGET)
def test_whatever_stands_on_the_tape_is_in_single_precision(target):
    recognizer = recognizer_of(target, BF16)
    with recording() as tape:
        losses = recognizer.example_nll(batch_of(2))
    assert losses.dtype == torch.float32
    for use, gradient in tape.gradients(losses):
        tensors = [gradient, *(t for t in vars(use).values() if isinstance(t, torch.Tensor))]
        assert {t.dtype for t in tensors} <= {torch.float32, torch.int64}
    assert {s.dtype for s in normalised_sum(recognizer, batch_of(2), 1.0).values()} == {
        losses.dtype
    }


def test_what_gives_the_tape_16_bits_is_refused():
    recognizer = recognizer_of("conformer", SINGLE)
    refused = pytest.raises(OverheardError, match="numbers of 16 bits, of which norms")
    with refused, recording(), torch.autocast("cpu", torch.bfloat16):
        recognizer.example_nll(batch_of(3))


def test_the_noise_is_the_same():
    drawn = []
    for precision in (SINGLE, BF16):
        recognizer = recognizer_of("ctc", precision)
        total = normalised_sum(recognizer, batch_of(4), 1.0)
        set_noisy_mean(total, 2.0, 1.0, Randomness(0).torch())
        drawn.append(torch.cat([(p.grad - total[p]).flatten() for p in total]))
    torch.testing.assert_close(*drawn, rtol=0.0, atol=1e-5)
    assert drawn[0].std() > 1.9


def test_what_is_asked_of_a_target_is_answered_in_single_precision():
    cut, spoken = recognizer_of("ctc", BF16), speech(3, "public")
    exact = recognizer_of("ctc", SINGLE)
    for recognizer in (exact, cut):
        recognizer.logmel.calibrate(spoken)
    assert torch.equal(cut.nll(spoken), exact.nll(spoken))
    frames, counts = cut.logmel(spoken)
    texts = [u.text for u in spoken]
    assert torch.equal(cut.nll_of(frames, counts, texts), exact.nll_of(frames, counts, texts))
    examples = cut.examples(spoken)
    assert not torch.equal(cut.example_nll(examples), exact.example_nll(examples))


@pytest.mark.parametrize("target", EACH_TARGET)
def test_stacked_models_cut_what_one_cuts(target):
    one, batch = recognizer_of(target, BF16), batch_of(5)
    with torch.no_grad():
        alone = one.example_nll(batch)
        exact = recognizer_of(target, SINGLE).example_nll(batch)
        weights = {n: torch.stack([w, w]) for n, w in one.network.state_dict().items()}
        one.network = stacked(one.network, weights)
        together = one.example_nll([*batch, *batch])
    off = (alone - exact).abs().max()
    assert (together - alone.repeat(2)).abs().max() < 0.5 * off


def test_a_recipe_hands_its_precision_on():
    recipe = Recipe("ctc", Characters(), 8, 8, Schedule(1), 1e-2, 8)
    assert recipe.untrained(Randomness(0)).precision == SINGLE
    assert replace(recipe, precision=BF16).untrained(Randomness(0)).precision == BF16
