"""How exactly matrix products are computed: in single precision, or of factors cut to bfloat16.

Cut are the factors alone. What a product gives is single precision again before anything else is
done with it. So normalisation, recurrences, softmax and losses never see a shorter number, nor does
the tape of per-example gradients: norms and clipped sums are of the same tensors, in single
precision. The way back through such a product is of cut factors as well.

Torch's autocast would not do. It leaves results short; its rules on a processor are not those on
CUDA, so that a check on one says little of the other; and what reads the tape would multiply short
numbers outside of it.

Every example's own gradient stays what it is whoever is in its batch, but for rounding. Rounding is
coarser here: a sum in another order may fall to the other side of a number of eight bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.nn import functional as F

from targets.core.errors import OverheardError

SINGLE, BF16 = "single", "bf16"

_cut: ContextVar[bool] = ContextVar("cut", default=False)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Compute the products of the layers called inside in `SINGLE` precision or in `BF16`.

    Raises:
        OverheardError: it is neither.
    """
    if precision not in (SINGLE, BF16):
        raise OverheardError(f"precision is {precision!r}; use {SINGLE!r} or {BF16!r}")
    token = _cut.set(precision == BF16)
    try:
        yield
    finally:
        _cut.reset(token)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the linear map (..., O) of x (..., I)."""
    if not _cut.get():
        return F.linear(x, weight, bias)
    y = F.linear(x.bfloat16(), weight.bfloat16()).float()
    return y if bias is None else y + bias


def linear_of_each(x: Tensor, maps: Tensor, bias: Tensor | None) -> Tensor:
    """Return (E, N, O) of x (E, N, I), each with a map (E, I, O) and a bias (E, O) of its own."""
    if _cut.get():
        y = product(x, maps)
        return y if bias is None else y + bias[:, None]
    return torch.bmm(x, maps) if bias is None else torch.baddbmm(bias[:, None], x, maps)


def product(one: Tensor, other: Tensor) -> Tensor:
    """Return the product (..., N, M) of matrices (..., N, K) and (..., K, M)."""
    if not _cut.get():
        return one @ other
    return (one.bfloat16() @ other.bfloat16()).float()
