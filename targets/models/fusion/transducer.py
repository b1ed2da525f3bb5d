"""The transducer with several adapters after each layer of a frozen base, and their fusion.

As a target all of that begins as nothing, and schemes train it together. `fuse` makes one of
adapters that were trained before, each on speech of its own, and leaves the fusion to train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import train_adapters_alone
from targets.models.fusion.layer import AdapterFusion
from targets.models.rnnt_adapters import AdaptedTransducer
from targets.nn.residual_adapters import MakeAdapter


class FusedTransducer(AdaptedTransducer):
    """A transducer whose encoder has fusions of adapters. See `Transducer` and `HasAdapters`."""

    make_adapter: ClassVar[MakeAdapter] = AdapterFusion

    def adapter_weights(self) -> Sequence[nn.Parameter]:
        """See `HasAdapters`; adapters that came here trained belong to the base."""
        fusions = self.encoder.adapters
        return [w for f in fusions if isinstance(f, AdapterFusion) for w in f.weights_to_train()]


def fuse(models: Sequence[AdaptedTransducer], rng: Randomness) -> FusedTransducer:
    """Return a fusion of the adapters of trained `rnnt-adapters` networks, to be trained.

    The networks stand on one base, such as a suite's public start. Base and adapters are frozen,
    and only what mixes them is left to train. It is drawn, so that states begin with some of each.
    The adapters keep their width, and may be any number. The device is that of the first network.

    Raises:
        OverheardError: there are fewer than two networks, or their bases differ.
    """
    if len(models) < 2:
        raise OverheardError("a fusion is of the adapters of two networks or more")
    first, base = models[0], _base(models[0])
    for model in models[1:]:
        other = _base(model)
        same = base.keys() == other.keys()
        if not same or not all(torch.equal(weight, other[name]) for name, weight in base.items()):
            raise OverheardError(
                "the adapters stand on different bases: train them from one public start"
            )
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(rng.integer())
        channels, hidden = first.encoder.widths[0], first.output.in_features
        fused = FusedTransducer(first.output.out_features, channels, hidden)
        places = zip(*(model.encoder.adapters for model in models), strict=True)
        fused.encoder.adapters = nn.ModuleList(map(AdapterFusion.of_trained, places))
    fused.load_state_dict(base, strict=False)
    train_adapters_alone(fused)
    return fused.to(first.output.weight.device)


def _base(model: AdaptedTransducer) -> Mapping[str, Tensor]:
    own = {id(weight) for weight in model.adapter_weights()}
    return {name: w.detach() for name, w in model.named_parameters() if id(w) not in own}
