"""What every test runs under."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)  # the networks are tiny: threads would only cost
settings.register_profile("overheard", deadline=None, derandomize=True, database=None)
settings.load_profile("overheard")
