"""The oracle of per-example gradients: automatic differentiation, an example at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from targets.models.recognizer import Example, Recognizer
from targets.nn.tape import recording


def assert_gradients_are_exact(
    recognizer: Recognizer, batch: Sequence[Example], parameters: Sequence[torch.nn.Parameter]
) -> None:
    """Hold the tape's gradient of each example against its own, to 1e-4 of its norm."""
    with recording(parameters) as tape:
        losses = recognizer.example_nll(batch)
    rows = {p: g for use, seen in tape.gradients(losses) for p, g in use.per_example(seen)}
    assert set(rows) == set(parameters)
    for number, example in enumerate(batch):
        alone = torch.autograd.grad(recognizer.example_nll([example])[0], parameters)
        norm = torch.cat([g.flatten() for g in alone]).norm()
        for parameter, expected in zip(parameters, alone, strict=True):
            assert (rows[parameter][number] - expected).norm() <= 1e-4 * norm
