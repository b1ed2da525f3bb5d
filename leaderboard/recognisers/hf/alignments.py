"""The probability of a text under a transducer: the sum over all alignments, RNN-T's and TDT's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

NEVER = -1e30  # of a logarithm; not -inf, whose gradients are not numbers


def log_likelihood(blank: Tensor, label: Tensor, durations: Sequence[int]) -> Tensor:
    """Return the log-probability () of a text of U labels over T frames, in nats.

    `blank` (T, U + 1, K) and `label` (T, U, K) are log-probabilities: at frame t, with u labels
    written, of a blank or of label u, and that the frame pointer then moves by `durations[k]`.
    `NEVER` is of what cannot be. A blank moves it by at least one; the last one has to end at T
    exactly, as in training (Xu et al. 2023, "Efficient sequence transduction by jointly predicting
    tokens and durations"). In an RNN-T (Graves 2012) blanks move by one and labels by none.
    -inf where there is no alignment.
    """
    T, labels, _ = label.shape
    start = F.pad(blank.new_zeros(1), (0, labels), value=NEVER)
    rows: list[Tensor] = []
    for t in range(T):
        arcs = [start] if t == 0 else []
        for k, duration in enumerate(durations):
            if 0 < duration <= t:
                before = t - duration
                arcs.append(rows[before] + blank[before, :, k])
                moved = rows[before][:-1] + label[before, :, k]
                arcs.append(F.pad(moved, (1, 0), value=NEVER))
        row = torch.stack(arcs).logsumexp(0) if arcs else torch.full_like(start, NEVER)
        for k, duration in enumerate(durations):
            if duration == 0:  # any number of labels at one frame
                way = F.pad(label[t, :, k].cumsum(0), (1, 0))
                row = way + (row - way).logcumsumexp(0)
        rows.append(row)
    ends = [
        rows[T - duration][-1] + blank[T - duration, -1, k]
        for k, duration in enumerate(durations)
        if 0 < duration <= T
    ]
    total = torch.stack(ends).logsumexp(0) if ends else start.new_tensor(NEVER)
    return total if total > NEVER / 2 else total - torch.inf
