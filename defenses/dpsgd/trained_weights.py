"""Which weights private training moves: all, a low-rank product beside each map, or biases alone.

Noise is added to every trained weight, so that its norm grows with the root of their number, while
the clipped gradient keeps its norm. Where a good public start has to move little, few weights are
the better choice. Which ones is public: it follows from the target and the options alone. What a
target has frozen stays frozen under every choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.nn.adapters import adapt, merge

CHOICES = ("all", "low-rank", "biases")


@contextmanager
def trained_weights(network: nn.Module, choice: str, rank: int, rng: Randomness) -> Iterator[None]:
    """Let training move the chosen weights alone; afterwards the network has its usual weights.

    `rank` is that of the adapters (`low-rank`), whose first weights come from `rng`.

    Raises:
        OverheardError: there is no such choice, or the rank is not positive.
    """
    if choice not in CHOICES:
        raise OverheardError(f"weights is {choice!r}; use one of {', '.join(CHOICES)}")
    if rank < 1:
        raise OverheardError(f"rank is {rank}; give at least 1")
    frozen = [p for p in network.parameters() if not p.requires_grad]
    if choice == "low-rank":
        adapt(network, rank, rng)
    elif choice == "biases":
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name.endswith("bias"))
    yield
    merge(network)
    for parameter in frozen:
        parameter.requires_grad_(False)
