"""What a target is and can do, asked of its network: for whoever has to choose one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from targets.models.base import HasAdapters, ReadsText, ReportsCompute, WritesTurns
from targets.models.registry import TargetEntry

STREAMING, LANGUAGE_MODEL, ADAPTERS = "streaming", "language model", "adapters"
SKIPS, TURNS = "skips blocks", "turns"


@dataclass(frozen=True)
class Facts:
    """How many weights a target has, how many of them schemes train, and what it can do.

    The numbers are None of a target that begins at a checkpoint, whose they are. `can` holds
    "streaming" (it writes while it listens), "language model" (it has a part that reads the text so
    far), "adapters" (schemes train these alone), "skips blocks" (how much it computes depends on
    what it hears) and "turns" (it writes the turns of talkers who speak at once).
    """

    weights: int | None
    trained: int | None
    can: tuple[str, ...]


def facts_of(entry: TargetEntry, vocabulary: int, channels: int, hidden: int) -> Facts:
    """Return what is known of a target of these sizes; no weight is drawn.

    Raises:
        OverheardError: it cannot be imported.
    """
    made = entry.load()
    network: Any = made
    weights: int | None = None
    trained: int | None = None
    if not entry.pretrained:
        with torch.device("meta"):
            network = made(vocabulary, channels, hidden)
        trained = weights = sum(p.numel() for p in network.parameters())
        if isinstance(network, HasAdapters):
            trained = sum(p.numel() for p in network.adapter_weights())
    reads = (
        issubclass(network, ReadsText)
        if isinstance(network, type)
        else isinstance(network, ReadsText)
    )
    can = {
        STREAMING: entry.streams,
        LANGUAGE_MODEL: reads,
        ADAPTERS: entry.pretrained or isinstance(network, HasAdapters),
        SKIPS: isinstance(network, ReportsCompute),
        TURNS: isinstance(network, WritesTurns),
    }
    return Facts(weights, trained, tuple(name for name, has in can.items() if has))
