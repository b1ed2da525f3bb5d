"""Opacus, on the same model in its own layers, finds the same losses and the same clipped sums."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd.clipping import clipped_sum_one_by_one, trained_parameters
from tests.bench import opacus_twin
from tests.bench.opacus_twin import HARMLESS, OPACUS, ghost_step, hooks_step
from tests.bench.twins import WITHOUT_TWIN, layout, twin_of
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")


@pytest.fixture(scope="module", params=EACH_TARGET)
def recognizer(request):
    if request.param in WITHOUT_TWIN:
        pytest.skip("its LSTMs begin anew within a row, which those of Opacus cannot")
    return recipe_for(request.param, PUBLIC).build()


@pytest.fixture(scope="module")
def batch(recognizer):
    return recognizer.examples(speech(6, "members", words=3))


def test_the_twin_is_the_same_function(recognizer, batch):
    twin = twin_of(recognizer, OPACUS)
    torch.testing.assert_close(
        twin.example_nll(batch), recognizer.example_nll(batch), rtol=1e-5, atol=1e-5
    )
    counts = [sum(p.numel() for p in trained_parameters(model)) for model in (twin, recognizer)]
    assert counts[0] == counts[1]


@pytest.mark.slow
@pytest.mark.filterwarnings(HARMLESS)
@pytest.mark.parametrize("step", [hooks_step, ghost_step])
@pytest.mark.parametrize("clip", [0.1, 1e6])
def test_opacus_and_the_definition_agree(recognizer, batch, step, clip, monkeypatch):
    """Entry for entry, over two physical batches: the two lay their parameters out differently."""
    monkeypatch.setattr(opacus_twin, "PHYSICAL_BATCH", 4)
    ours = clipped_sum_one_by_one(recognizer, batch, clip)
    theirs = step(recognizer, clip)(batch)
    found, wanted = (
        torch.cat([g.detach().flatten() for g in sums]) for sums in (theirs, ours.values())
    )
    wanted = wanted[layout(recognizer, OPACUS)]
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5 * wanted.abs().max().item())
