"""What every test runs under."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

from leaderboard.game import last

torch.set_num_threads(1)  # the networks are tiny: threads would only cost
settings.register_profile("overheard", deadline=None, derandomize=True, database=None)
settings.load_profile("overheard")


@pytest.fixture(autouse=True)
def _no_game_of_another_test():
    last.forget()
