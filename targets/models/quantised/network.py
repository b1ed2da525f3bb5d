"""A target that computes with few values: quantisation-aware training of whatever network it is.

What is trained are weights of full precision. Whenever the network is asked something, it computes
with the few values that stand for them, and gradients pass straight through. What leaves it, by
`state_dict`, are the few values: those are released, attacked and measured. Matrices, convolutions
and embeddings are quantised, each with centroids of its own; biases and gains of normalisation, one
in a hundred of the weights, are not.

Per-example gradients are exact: on the tape stand the layers' own inputs and outputs, computed with
the few values, and only the parameter that a use is of is another. Since the few values follow from
the weights alone, DP of the weights is DP of them. What trains a low-rank product beside a matrix
(LoRA) quantises the matrix alone until both are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, cast

from torch import Tensor, nn
from torch.func import functional_call

from targets.core.errors import OverheardError
from targets.nn.codebook import FEWEST_BITS, MOST_BITS, StraightThrough
from targets.nn.tape import Use, current_tape, recording

Verb = Callable[..., Any]
VERBS = ("nll", "greedy", "beam", "nll_of_each", "encode", "text_nll", "log_probabilities")
LOW_RANK = ".base."  # in the name of a matrix beside which a low-rank product is trained


def quantised(base: type[nn.Module], bits: int) -> type[nn.Module]:
    """Return the class of networks like `base` whose weights have at most 2^bits values each.

    Raises:
        OverheardError: so many bits are not supported.
    """
    if not FEWEST_BITS <= bits <= MOST_BITS:
        raise OverheardError(f"{bits} bits: use {FEWEST_BITS} to {MOST_BITS}")

    def begin(self: Any, *sizes: Any) -> None:
        base.__init__(self, *sizes)
        self.bits, self.asked = bits, False
        self.dimensions = {name: p.dim() for name, p in self.named_parameters() if p.dim() > 1}

    def state_dict(self: Any, *arguments: Any, prefix: str = "", **options: Any) -> Any:
        """Return the weights as they are used: few values of each."""
        found = base.state_dict(self, *arguments, prefix=prefix, **options)
        for name, value in _few_values(self).items():
            found[prefix + name] = value.detach()
        return found

    content: dict[str, Any] = {"__init__": begin, "state_dict": state_dict}
    content |= {
        verb: _with_few_values(getattr(base, verb)) for verb in VERBS if hasattr(base, verb)
    }
    name = f"{base.__name__}{bits}Bit"
    content |= {"__module__": __name__, "__doc__": f"`{base.__name__}` with {bits} bits a weight."}
    return cast(type[nn.Module], type(name, (base,), content))


def quantised_weights(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters of a quantised network that have few values, by name."""
    known: dict[str, int] = cast(Any, network).dimensions
    return {n: p for n, p in network.named_parameters() if n.replace(LOW_RANK, ".") in known}


def _few_values(network: Any) -> dict[str, Tensor]:
    """Return what the network computes with, by name; with gradients to its weights."""
    found = {}
    for name, weight in quantised_weights(network).items():
        # The weights of several models in one, as ensembles have them, are quantised one by one.
        stacked = weight.dim() > network.dimensions[name.replace(LOW_RANK, ".")]
        models = len(weight) if stacked else 1
        found[name] = cast(Tensor, StraightThrough.apply(weight, network.bits, models))
    return found


def _with_few_values(verb: Verb) -> Verb:
    """Return a verb of a network that computes with few values."""

    def asked(network: Any, *arguments: Any) -> Any:
        if network.asked:  # by itself: what it computes with has been put in place
            return verb(network, *arguments)
        network.asked = True
        try:
            return _recorded(network, verb, arguments)
        finally:
            network.asked = False

    asked.__name__, asked.__doc__ = verb.__name__, verb.__doc__
    return asked


def _recorded(network: Any, verb: Verb, arguments: Sequence[Any]) -> Any:
    """Return what a verb gives with few values; on a tape these stand for the weights."""
    used = _few_values(network)
    tape = current_tape()
    if tape is None:
        return _asked_with(network, used, verb, arguments)
    weights = dict(network.named_parameters())
    in_place = {**weights, **used}
    wanted = [
        in_place[name]
        for name, weight in weights.items()
        if tape.only is None or id(weight) in tape.only
    ]
    with recording(wanted) as inner:
        result = _asked_with(network, used, verb, arguments)
    owners = {id(value): weights[name] for name, value in used.items()}
    tape.uses.extend(_owned(use, owners) for use in inner.uses)
    tape.outputs.extend(inner.outputs)
    return result


def _owned(use: Use, owners: dict[int, nn.Parameter]) -> Use:
    """Return a use as one of the weights whose few values it was of."""
    whole: Any = use
    parts = {field.name: getattr(whole, field.name) for field in fields(whole)}
    return cast(Use, replace(whole, **{n: owners.get(id(part), part) for n, part in parts.items()}))


def _asked_with(
    network: nn.Module, used: dict[str, Tensor], verb: Verb, arguments: Sequence[Any]
) -> Any:
    values = {f"network.{name}": value for name, value in used.items()}
    return functional_call(_Asked(network), values, (verb, *arguments))


class _Asked(nn.Module):
    """A verb of a network as the `forward` that `functional_call` wants."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, verb: Verb, *arguments: Any) -> Any:
        """Return what the network answers."""
        return verb(self.network, *arguments)
