"""What a target needs to know that is not built from random weights: where it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import nn

RANK = 4  # of the adapters, where nobody says another


@dataclass(frozen=True)
class Pretrained:
    """A checkpoint that a target begins at, and how much beside it is trained.

    `folder` holds it as its library keeps it, with weights as safetensors. What is in it is frozen;
    trained are adapters of rank `rank`, beside some of its maps.
    """

    folder: Path
    rank: int = RANK


@runtime_checkable
class HearsItself(Protocol):
    """A network that hears something other than the log-mel of `targets.speech.features`."""

    def front_end(self) -> nn.Module:
        """Return what stands in the place of `LogMel`, with `forward`, `calibrate`, `prepare`.

        Its "frames" (B, T, D) are whatever the network takes; an utterance's depend on nothing
        but the utterance.
        """
        ...
