"""Records with coins, scores and word errors, made by hand."""

from __future__ import annotations

import numpy as np

from leaderboard.records.record import Record
from leaderboard.spec.cell import Cell
from targets.core.estimate import Estimate
from tests.leaderboard.views.test_table import CELLS, measured, promise

NONE = CELLS["rnnt-none-seed0"]
SPEAKERS = 8
UTTERANCES = 5
WORDS = 10


def cell(scheme: str, epsilon: float | None = None, seed: int = 0, **changes) -> Cell:
    """Return a cell of the small suite."""
    content = {"scheme": scheme, "label": scheme, "epsilon": epsilon, "seed": seed}
    return NONE.model_copy(update=content | changes)


def errors(rate: float, seed: int, spread: float = 0.1) -> dict[str, dict[str, tuple[int, int]]]:
    """Return word errors about a rate; speakers differ, alike for all rows."""
    hard = np.random.default_rng(0).normal(size=SPEAKERS)
    rng = np.random.default_rng(seed)
    return {
        f"t{k}": {
            f"t{k}-{n}": (int(rng.binomial(WORDS, np.clip(rate + spread * hard[k], 0, 1))), WORDS)
            for n in range(UTTERANCES)
        }
        for k in range(SPEAKERS)
    }


def coins(seed: int, count: int = 200) -> dict[str, bool]:
    """Return fair coins."""
    tossed = np.random.default_rng([seed, 1]).integers(2, size=count)
    return {f"v{i % 20}-{i}": bool(c) for i, c in enumerate(tossed)}


def row(
    scheme: str,
    epsilon: float | None = None,
    seed: int = 0,
    *,
    rate: float = 0.3,
    leak: float = 0.0,
    **changes,
) -> Record:
    """Return a record whose word error rate and membership scores are as asked for."""
    tossed = coins(seed)
    hard = np.random.default_rng([seed, 2]).normal(size=len(tossed))
    rng = np.random.default_rng([seed, 3, sum(map(ord, scheme)), int(epsilon or 0)])
    own = hard + 0.3 * rng.normal(size=len(tossed)) + leak * np.array(list(tossed.values()))
    counts = errors(rate, seed + sum(map(ord, scheme)))
    heard = np.array([pair for said in counts.values() for pair in said.values()]).sum(axis=0)
    content = {
        "cell": cell(scheme, epsilon, seed),
        "status": "ok",
        "guarantee": promise({"none": np.inf, "public": 0.0, "start": 0.0}.get(scheme, epsilon)),
        "wer": measured(heard[0] / heard[1]),
        "word_errors": counts,
        "coins": tossed,
        "speakers": {
            f"v{k}": tuple(c for c in tossed if c.startswith(f"v{k}-")) for k in range(20)
        },
        "scores": {"membership": dict(zip(tossed, own.tolist(), strict=True))},
        "leakages": {"membership": {"auc": measured(0.5 + leak / 4)}},
        "audited_epsilon": Estimate(0.7, 0.7, np.inf, 0.95, "one-run", ceiling=4.9),
    }
    return Record(**(content | changes))
