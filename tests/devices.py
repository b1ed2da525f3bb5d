"""Two ways to see on a CPU who forgets the device, for machines without an accelerator.

Inside `named()` whatever makes a tensor without naming a device is refused. Inside `pretended()`
the device "meta" computes, on the processor behind it, but its tensors may not meet others, be
read as an array, or be drawn with another device's generator: what an accelerator would refuse.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = "meta"
DEFAULT = torch.device("cpu:0")  # another name for the CPU: where this is seen, none was given
FACTORIES = {
    getattr(torch, name)
    for name in """
    arange as_tensor asarray bartlett_window blackman_window empty empty_permuted empty_strided eye
    full hamming_window hann_window kaiser_window linspace logspace normal ones rand randint randn
    randperm range scalar_tensor tensor tril_indices triu_indices zeros
    """.split()  # noqa: SIM905 - a list of thirty strings is no easier to read
}
COPIES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
DRAWS = {torch.rand, torch.randn, torch.randint, torch.randperm}
MAKES = {torch.tensor, torch.as_tensor, torch.asarray}


class _Named(TorchFunctionMode):
    """Refuses to make a tensor where no device is named.

    A named device is an argument, or a `with torch.device(...)` around it. Torch's own optimisers
    are excused: they count their steps on the default device.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if (
            func in FACTORIES
            and kwargs.get("device") is None
            and torch.get_default_device() == DEFAULT
        ):
            frame = sys._getframe(1)
            where = frame.f_globals["__name__"]
            if not where.startswith("torch.optim."):
                raise AssertionError(
                    f"torch.{func.__name__} without a device: {where}, line {frame.f_lineno}"
                )
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


def _generators(made: Callable[[str | torch.device], torch.Generator]) -> Any:
    """Have generators made by a function that wants a device."""

    class Generator(torch.Generator):  # a type, since torch writes `Generator | None`
        def __new__(cls, device: str | torch.device) -> torch.Generator:
            return made(device)

    return mock.patch.object(torch, "Generator", Generator)


@contextmanager
def named() -> Iterator[None]:
    """Refuse to make a tensor or a generator without a device."""
    with DEFAULT, _generators(torch.Generator), _Named():
        yield


class Far(torch.Tensor):
    """A tensor on the pretended device; `near` is the same one on the CPU."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> Far:
        made = torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), dtype=near.dtype, device=DEVICE
        )
        made.near = near.detach()
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class FarGenerator(torch.Generator):
    """A generator of the pretended device."""

    device = torch.device(DEVICE)


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Handles what never comes to the dispatcher."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.tolist and isinstance(args[0], Far):
            return args[0].near.tolist()
        if func is torch.Tensor.new_tensor and isinstance(args[0], Far):
            return Far(args[0].near.new_tensor(*args[1:], **kwargs))
        drawn_by = kwargs.get("generator")
        if func in DRAWS and isinstance(drawn_by, FarGenerator) != _is_far(kwargs.get("device")):
            raise RuntimeError(f"{func.__name__}: the generator is of another device")
        if func in MAKES and _is_far(kwargs.get("device")):
            return Far(func(*args, **kwargs | {"device": "cpu"}))
        return func(*args, **kwargs)


def _is_far(device: Any) -> bool:
    return device is not None and torch.device(device).type == DEVICE


def _run(func, args, kwargs):
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    far = [x for x in tensors if isinstance(x, Far)]
    if far and func not in COPIES:
        strangers = [x for x in tensors if not isinstance(x, Far) and x.dim()]
        if strangers:
            raise RuntimeError(f"{func}: tensors on two devices, {DEVICE} and the CPU")
    device = kwargs.get("device")
    there = _is_far(device) if device is not None else bool(far)
    inner = dict(kwargs)
    if device is not None:
        inner["device"] = torch.device("cpu")
    near_args, near_kwargs = tree_map(lambda x: x.near if isinstance(x, Far) else x, (args, inner))
    out = func(*near_args, **near_kwargs)
    if not there:
        return out
    out = tree_map(lambda x: Far(x) if isinstance(x, torch.Tensor) else x, out)
    return return_and_correct_aliasing(func, args, kwargs, out) if far else out


@contextmanager
def pretended() -> Iterator[str]:
    """Make the device "meta" compute inside, and yield its name."""
    make = torch.Generator
    with (
        _generators(lambda device: FarGenerator() if _is_far(device) else make(device)),
        # The fused Adam is that of the CPU behind it.
        mock.patch("torch.optim.adam._device_dtype_check_for_fused"),
        warnings.catch_warnings(),
        _Functions(),
        _Dispatch(),
    ):
        warnings.filterwarnings("ignore", ".*copying from a non-meta parameter")  # it is no no-op
        yield DEVICE
