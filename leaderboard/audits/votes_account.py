"""What votes cost: for any data, for these data, and as it may be published.

Three mechanisms: GNMax; Confident-GNMax, which tests first whether enough teachers agree; and votes
for whatever teachers write, which are given away above a threshold.
"""

from __future__ import annotations

import math
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dp_accounting import ComposedDpEvent, GaussianDpEvent
from numpy.typing import NDArray

from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import gaussian_votes_event, price
from defenses.pate.confident_cost import ConfidentNoise, confident_release, confident_total
from defenses.pate.rdp import ORDERS, epsilon_of, gnmax_log_q, gnmax_rdp
from defenses.pate.smooth_sensitivity import sanitised
from defenses.pate.unlisted import UnlistedVotes
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


@dataclass(frozen=True)
class Votes:
    """How votes are answered, as the command line says it.

    Noise `sigma` on every count. With `test_sigma` a query is answered only where its largest
    count, with that noise, reaches `threshold`, `answers` times at most (Confident-GNMax). Where
    they are `unlisted`, the counts are of whatever teachers wrote, and what is given away are the
    noisy ones that reach `threshold`.

    Raises:
        OverheardError: a number is out of range, or one is missing, or given for nothing.
    """

    sigma: float
    threshold: float | None = None
    test_sigma: float | None = None
    answers: int | None = None
    unlisted: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no mechanism."""
        _check_noise("--sigma", self.sigma)
        if self.unlisted:
            if self.threshold is None or (self.test_sigma, self.answers) != (None, None):
                raise OverheardError(
                    "--unlisted needs --threshold, in votes, and no --test-sigma or --answers"
                )
        elif (self.threshold is None) != (self.test_sigma is None):
            raise OverheardError(
                "Confident-GNMax needs both --threshold and --test-sigma, in votes; votes for what "
                "nobody listed need --unlisted"
            )
        elif self.answers is not None and self.test_sigma is None:
            raise OverheardError("--answers belongs to --threshold and --test-sigma")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise OverheardError(f"--threshold is {self.threshold:g}; give a number of votes")
        if self.test_sigma is not None:
            _check_noise("--test-sigma", self.test_sigma)
        if self.answers is not None and self.answers < 1:
            raise OverheardError(f"--answers is {self.answers}; give at least 1")


def account_votes(
    path: Path, votes: Votes, delta: float, order: float | None, seed: int | None
) -> dict[str, object]:
    """Return the prices of the votes in a file, each with its method.

    Of unlisted votes there is one price, which depends on no data.

    Raises:
        OverheardError: the file, δ or the order is out of range.
    """
    counts = read_votes(path)
    # A seed that can be guessed would undo the noise.
    rng = Randomness(secrets.randbits(63) if seed is None else seed)
    found: dict[str, object] = {
        "queries": len(counts),
        "classes": counts.shape[1],
        "sigma": votes.sigma,
        "delta": delta,
    }
    if votes.unlisted:
        assert votes.threshold is not None
        if (order, seed) != (None, None):
            raise OverheardError("--order and --seed belong to prices that depend on the votes")
        mechanism = UnlistedVotes(len(counts), votes.sigma, votes.threshold)
        return found | {
            "mechanism": "unlisted votes",
            "threshold": votes.threshold,
            "delta_of_new": mechanism.new_delta,
            "data_independent": _public(mechanism.guarantee(delta)),
        }
    if votes.test_sigma is None or votes.threshold is None:
        any_votes = price(gaussian_votes_event(votes.sigma, len(counts)), delta)
        released = sanitised(counts, votes.sigma, delta, rng, order)
        rdp = gnmax_rdp(gnmax_log_q(counts, votes.sigma), votes.sigma, ORDERS).sum(axis=0)
        found["mechanism"] = name = "gnmax"
    else:
        noise = ConfidentNoise(votes.threshold, votes.test_sigma, votes.sigma)
        answers = min(votes.answers or len(counts), len(counts))
        tests = GaussianDpEvent(votes.test_sigma / math.sqrt(len(counts)))
        given = gaussian_votes_event(votes.sigma, answers)
        any_votes = price(ComposedDpEvent([tests, given]), delta)
        released = confident_release(counts, noise, answers, delta, rng, order)
        rdp = confident_total(counts, noise, ORDERS)
        found["mechanism"] = name = "confident gnmax"
        found |= {"threshold": votes.threshold, "test_sigma": votes.test_sigma, "answers": answers}
    return found | {
        "data_independent": _public(any_votes),
        "data_dependent": {
            "epsilon": number_to_json(epsilon_of(rdp, delta)),
            "accountant": f"rdp of {name} (Papernot et al. 2018)",
            "publish": False,
            "basis": PRIVATE,
        },
        "sanitised": _public(released),
    }


def _check_noise(option: str, noise: float) -> None:
    if not 0 < noise < math.inf:
        raise OverheardError(f"{option} is {noise:g}; give the deviation of the noise, above 0")


def _public(guarantee: Guarantee) -> dict[str, object]:
    return {
        "epsilon": number_to_json(guarantee.epsilon),
        "accountant": guarantee.accountant,
        "publish": True,
        "basis": guarantee.basis,
    }
