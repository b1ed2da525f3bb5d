from __future__ import annotations

import numpy as np

from leaderboard.recognisers.states import as_text, from_text, why_no_states
from tests.leaderboard.model_audit.fakes import Fake


def test_states_come_back_bit_for_bit():
    states = np.random.default_rng(0).normal(size=384).astype(np.float32)
    assert np.array_equal(from_text(as_text(states)), states)


def test_who_shows_no_states_says_so():
    class Shows(Fake):
        def embedding(self, *_):
            return np.zeros(3, np.float32)

    assert why_no_states(Shows()) is None
    assert why_no_states(Fake()).startswith("fake: the states of its encoder are not shown")
