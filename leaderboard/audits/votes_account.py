"""What GNMax votes cost: for any data, for these data, and as it may be published."""

from __future__ import annotations

import secrets
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import gaussian_votes_event, price
from defenses.pate.rdp import ORDERS, epsilon_of, gnmax_log_q, gnmax_rdp
from defenses.pate.smooth_sensitivity import sanitised
from leaderboard.records.numbers import number_to_json
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

PRIVATE = "private: depends on the votes, not to be published"


def read_votes(path: Path) -> NDArray[np.int64]:
    """Return the votes (Q, K) of a file: CSV or .npy, one query a row, one class a column.

    Raises:
        OverheardError: it cannot be read, or does not hold counts.
    """
    try:
        with warnings.catch_warnings():  # of old headers, and of a table without a row
            warnings.simplefilter("ignore")
            if path.suffix == ".npy":
                raw = np.load(path, allow_pickle=False)
            else:
                with path.open(encoding="utf-8-sig") as file:  # spreadsheets write a mark there
                    raw = np.loadtxt(file, delimiter=",", ndmin=2)
    except Exception as error:  # whatever NumPy raises of a broken header
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OverheardError(f"{path}: no table of votes: {reason}") from None
    if raw.ndim != 2 or not raw.size or raw.dtype.kind not in "iuf":
        raise OverheardError(f"{path}: give a table of counts, one query a row, not {raw.shape}")
    if not np.all((raw >= 0) & (raw == np.floor(raw)) & (raw < 2**53)):
        raise OverheardError(f"{path}: votes are whole numbers from 0 up")
    return raw.astype(np.int64)


def account_votes(
    path: Path, sigma: float, delta: float, order: float | None, seed: int | None
) -> dict[str, object]:
    """Return the three prices of the GNMax votes in a file, each with its method.

    Raises:
        OverheardError: the file, σ, δ or the order is out of range.
    """
    if not 0 < sigma < float("inf"):
        raise OverheardError(f"--sigma is {sigma:g}; give the deviation of the noise, above 0")
    counts = read_votes(path)
    any_votes = price(gaussian_votes_event(sigma, len(counts)), delta)
    # A seed that can be guessed would undo the noise.
    rng = Randomness(secrets.randbits(63) if seed is None else seed)
    released = sanitised(counts, sigma, delta, rng, order)
    rdp = gnmax_rdp(gnmax_log_q(counts, sigma), sigma, ORDERS).sum(axis=0)
    return {
        "queries": len(counts),
        "classes": counts.shape[1],
        "sigma": sigma,
        "delta": delta,
        "data_independent": _public(any_votes),
        "data_dependent": {
            "epsilon": number_to_json(epsilon_of(rdp, delta)),
            "accountant": "rdp of gnmax (Papernot et al. 2018)",
            "publish": False,
            "basis": PRIVATE,
        },
        "sanitised": _public(released),
    }


def _public(guarantee: Guarantee) -> dict[str, object]:
    return {
        "epsilon": number_to_json(guarantee.epsilon),
        "accountant": guarantee.accountant,
        "publish": True,
        "basis": guarantee.basis,
    }
