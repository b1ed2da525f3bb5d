"""Poisson sampling: the sampling that the accounting of DP-SGD assumes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

Item = TypeVar("Item")


def rate_and_steps(expected_members: int, batch_size: int, epochs: float) -> tuple[float, int]:
    """Return the Poisson rate and the number of steps, from public numbers alone.

    Raises:
        OverheardError: the batch is larger than the expected members, or a number is out of range.
    """
    if batch_size < 1:
        raise OverheardError(f"batch_size is {batch_size}; give at least 1")
    if not 0 < epochs < math.inf:
        raise OverheardError(f"epochs is {epochs:g}; give a number above 0")
    rate = batch_size / expected_members
    if rate > 1:
        raise OverheardError(
            f"batch_size {batch_size} is above the {expected_members} expected members: "
            f"give a smaller batch_size"
        )
    return rate, max(1, round(epochs / rate))


def poisson_batches(
    items: Sequence[Item], rate: float, steps: int, rng: Randomness
) -> Iterator[list[Item]]:
    """Yield `steps` batches; every item is in every batch by its own coin of probability `rate`.

    A batch can be empty. It must still be yielded and answered with noise: to skip it would tell.
    """
    generator = rng.numpy()
    for _ in range(steps):
        drawn = generator.random(len(items)) < rate
        yield [item for item, hit in zip(items, drawn, strict=True) if hit]
