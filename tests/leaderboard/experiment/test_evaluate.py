"""What cells of one process share while they are attacked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leaderboard.experiment.evaluate import _losses_of
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

PUBLIC = speech(2, "public")
SPEECH = {"public": "a", "private": "b", "test": "c"}
OTHERS = {
    "start": lambda recipe, _: (recipe, recipe.untrained(Randomness(1)), SPEECH),
    "speech": lambda recipe, start: (recipe, start, SPEECH | {"private": "other"}),
    "device": lambda recipe, start: (replace(recipe, device="cpu:1"), start, SPEECH),
    "target": lambda recipe, start: (replace(recipe, target="rnnt"), start, SPEECH),
}


@pytest.mark.parametrize("name", OTHERS)
def test_losses_of_a_start_are_kept_for_the_same_start_and_speech_alone(name):
    recipe = recipe_for("ctc", PUBLIC, public_epochs=0)
    start = recipe.untrained(Randomness(0))
    kept = _losses_of(recipe, start, SPEECH)
    assert _losses_of(recipe, start, dict(SPEECH)) is kept
    other = _losses_of(*OTHERS[name](recipe, start))
    assert other is not kept
    assert other == {}
    assert _losses_of(recipe, start, SPEECH) is not kept  # the last alone is kept
