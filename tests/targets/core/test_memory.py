"""Memory that is freed is not handed back and fetched again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Pages fetched by a round of 24 MiB in pieces of 1 MiB, all freed at its end, before and after.
ROUNDS = """
import resource
import numpy as np
from targets.core.memory import keep_freed_memory

def fetched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [np.ones(2**20, np.uint8) for _ in range(24)]
    del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

for _ in range(3):
    without = fetched()
keep_freed_memory()
fetched()
print(without, fetched())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_a_second_round_fetches_next_to_nothing():
    found = subprocess.run(
        [sys.executable, "-c", ROUNDS], capture_output=True, text=True, check=True
    )
    without, with_ = map(int, found.stdout.split())
    assert without > 1000
    assert with_ < 100
