"""What every test runs under."""

from __future__ import annotations

import os

import torch
from hypothesis import settings

torch.set_num_threads(1)  # the networks are tiny: threads would only cost
settings.register_profile(
    "overheard", deadline=None, derandomize=True, database=None, max_examples=30
)
# For --hypothesis-profile thorough: other examples each time, and many.
settings.register_profile("thorough", deadline=None, database=None, max_examples=500)
settings.load_profile("overheard")
# A thousand small files are written: none has to survive a power cut.
os.fsync = lambda _: None
