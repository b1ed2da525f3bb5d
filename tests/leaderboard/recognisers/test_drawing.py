from __future__ import annotations

import numpy as np

from leaderboard.recognisers.drawing import seed_of, why_no_draws
from tests.leaderboard.model_audit.fakes import Fake


def test_a_draw_has_a_seed_of_its_own():
    one, other = np.zeros(8, np.float32), np.ones(8, np.float32)
    seeds = {seed_of(audio, number) for audio in (one, other) for number in (0, 1, 11)}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(one, 1) == seed_of(one.copy(), 1)


def test_who_draws_nothing_says_so():
    class Draws(Fake):
        def draw(self, *_):
            return ""

    assert why_no_draws(Draws()) is None
    assert why_no_draws(Fake()).startswith("fake: writes its best transcript alone")
