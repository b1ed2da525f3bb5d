"""Whether an entry is falsified: decided here, for the suite's attacks and for submitted ones."""

from __future__ import annotations

from targets.core.estimate import Estimate


def is_falsified(audited: Estimate, claimed: float | None) -> bool:
    """Return whether a lower bound on ε lies above the ε that is claimed.

    `claimed` is None, or infinite, where nothing is promised: then nothing can be false. Where
    nothing was measured, nothing is proven.
    """
    return claimed is not None and audited.scored and audited.low > claimed
