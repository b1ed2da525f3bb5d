"""Poisson sampling: the sampling that the accounting of DP-SGD assumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from targets.core.randomness import Randomness

Item = TypeVar("Item")


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
