"""What a step of training asks of a device: its products and its memory, counted on no device.

The recogniser is built and run on torch's device "meta", where tensors have shapes and no numbers:
a network of any size is counted in seconds on any machine. Counted are the products of matrices,
forward and backward, and the bytes that a step holds. Element-wise work is not: it is inside the
speed at which a device was measured (`leaderboard.scale.device_check`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from targets.core.errors import OverheardError
from targets.models.registry import TARGETS
from targets.nn.tape import Kept, recording, square_norms, weighted_sums
from targets.speech.features import MELS

PRODUCTS = {"mm", "addmm", "bmm", "baddbmm"}  # convolutions are products of windows here


@dataclass(frozen=True)
class Work:
    """Of one batch: operations of its products, and the bytes held beside the weights."""

    operations: float
    held_bytes: int


def plain_work(network: Any, batch: int, frames: int) -> Work:
    """Return the work of plain training on `batch` utterances of `frames` (10 ms) each."""
    held = _Held(network)
    with _counting() as counted, held.saved(), torch.device("meta"):
        _outputs(network, batch, frames).sum().backward()
    return Work(_operations(counted), held.bytes)


def private_work(network: Any, batch: int, frames: int) -> Work:
    """Return the work of the same under edpsgd: norms and weighted sums from a tape."""
    held = _Held(network)
    with _counting() as counted, torch.device("meta"):
        with held.saved(), recording() as tape:
            outputs = _outputs(network, batch, frames)
        gradients = tape.gradients(outputs.flatten(1).sum(1))
        weighted_sums(gradients, square_norms(gradients))
    for use, gradient in gradients:
        held.add(gradient)
        for part in vars(use).values():
            if isinstance(part, Tensor):
                held.add(part)
            if isinstance(part, Kept):
                for _, rows in part.pairs.get(gradient, ()):
                    held.add(rows)
    # What is there for one layer at a time is no more than its per-example gradients would be: a
    # layer multiplies pairs of frames only where these are fewer.
    largest = max(batch * 4 * p.numel() for use, _ in gradients for p in use.parameters)
    return Work(_operations(counted), held.bytes + largest)


def forward_work(network: Any, batch: int, frames: int) -> Work:
    """Return the work of listening alone, as attacks and decoding do."""
    with _counting() as counted, torch.device("meta"), torch.no_grad():
        _outputs(network, batch, frames)
    return Work(_operations(counted), 0)


def shape_of(target: str, vocabulary: int, channels: int, hidden: int) -> Any:
    """Return a target's network without numbers.

    Raises:
        OverheardError: the target is no encoder with one linear layer, the only kind that is
            counted.
    """
    entry = TARGETS[target]
    with torch.device("meta"):
        network: Any = None if entry.pretrained else entry.load()(vocabulary, channels, hidden)
    if not hasattr(network, "log_probabilities"):
        known = "ctc, conformer, conformer-streaming"
        raise OverheardError(f"target {target}: its work is not counted (only of {known})")
    return network


def _outputs(network: Any, batch: int, frames: int) -> Tensor:
    features = torch.empty(batch, frames, MELS)
    found: Tensor = network.log_probabilities(features, torch.full((batch,), frames))[0]
    return found


def _counting() -> FlopCounterMode:
    return FlopCounterMode(display=False)


def _operations(counted: FlopCounterMode) -> float:
    by_kind = counted.get_flop_counts()["Global"]
    # Not torch's count of grouped convolutions: it takes each for a full one.
    return float(sum(n for kind, n in by_kind.items() if kind.__name__ in PRODUCTS))


class _Held:
    """What a step keeps beside the weights, each storage once however many look at it."""

    def __init__(self, network: Any) -> None:
        self._weights = {p.untyped_storage()._cdata for p in network.parameters()}
        self._storages: dict[int, Any] = {}  # kept, so that no address is used twice

    @property
    def bytes(self) -> int:
        return sum(storage.nbytes() for storage in self._storages.values())

    def add(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._weights:
            self._storages[storage._cdata] = storage
        return tensor

    @contextmanager
    def saved(self) -> Iterator[None]:
        """Count what autograd keeps for the way back."""
        with saved_tensors_hooks(self.add, lambda tensor: tensor):
            yield
