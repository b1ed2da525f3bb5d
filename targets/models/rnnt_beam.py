"""Beam search of a transducer, for all utterances of a batch at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from targets.nn.search import NEVER, Hypothesis, logaddexp
from targets.speech.tokens import BLANK

# Decoding moves on to the next frame after so many: the encoder hears both directions, so that a
# transducer may write a whole word at one frame, and a forced blank there loses the right words.
MOST_LABELS_A_FRAME = 20

State = tuple[Tensor, Tensor]
Prefix = tuple[int, ...]
Pool = dict[Prefix, tuple[float, int]]
"""What has moved on to the next frame: its log-probability and where its network state lies."""

Join = Callable[[Tensor, Tensor], Tensor]
Predict = Callable[[Tensor, State], tuple[Tensor, State]]


def beam_search(
    frames: Tensor, counts: Tensor, width: int, join: Join, predict: Predict, start: State
) -> list[list[Hypothesis]]:
    """Return up to `width` hypotheses of each utterance, best first.

    Time-synchronous search (Graves 2012) that sums over the alignments it meets. `frames` is
    (B, T, J), `counts` (B,) the real ones; `join` gives log-probabilities (N, V) of frames and
    predictions (N, J), `predict` advances states of N hypotheses by a label, from `start`, B of
    them. Every utterance has `width` rows in every tensor; those without a hypothesis have no
    probability.
    """
    B, W, device = len(frames), width, frames.device
    first, state = predict(torch.full((B,), BLANK, device=device), start)
    firsts = torch.arange(0, B * W, W, device=device)  # row of each utterance's first hypothesis
    rows = torch.arange(B, device=device).repeat_interleave(W)
    predicted, state = first[rows], (state[0][rows], state[1][rows])
    scores = torch.full((B, W), NEVER, device=device)
    scores[:, 0] = 0.0
    prefixes: list[list[Prefix]] = [[()] * W for _ in range(B)]
    for t in range(frames.shape[1]):
        here = counts > t
        frame = frames[rows, t]
        pools: list[Pool] = [{} for _ in range(B)]
        growing, grown_prefixes = scores.where(here[:, None], NEVER), prefixes
        met = [(predicted, *state)]
        for step in range(MOST_LABELS_A_FRAME + 1):
            log_probs = join(frame, met[-1][0]).view(B, W, -1)
            _move_on(pools, grown_prefixes, growing + log_probs[..., BLANK], step * B * W)
            if step == MOST_LABELS_A_FRAME:
                break
            longer = growing[..., None] + log_probs
            longer[..., BLANK] = NEVER
            top, where = longer.flatten(1).topk(W)
            # An extension worse than the width-th finished hypothesis cannot come back.
            bars = torch.tensor([_bar(pool, W) for pool in pools], device=device)
            growing = top.where(top > bars[:, None], NEVER)
            if growing.isneginf().all():
                break
            parents, labels = where // longer.shape[2], where % longer.shape[2]
            grown_prefixes = [
                [(*before[p], u) for p, u in zip(ps, us, strict=True)]
                for before, ps, us in zip(
                    grown_prefixes, parents.tolist(), labels.tolist(), strict=True
                )
            ]
            chosen = (firsts[:, None] + parents).flatten()
            _, h, c = met[-1]
            new, (h, c) = predict(labels.flatten(), (h[chosen], c[chosen]))
            met.append((new, h, c))
        scores, prefixes, kept = _best(pools, scores, prefixes, W)
        predicted, *both = (torch.cat(parts)[kept] for parts in zip(*met, strict=True))
        state = both[0], both[1]
    return [
        [(p, s) for p, s in zip(ps, ss, strict=True) if s > NEVER]
        for ps, ss in zip(prefixes, scores.tolist(), strict=True)
    ]


def _move_on(pools: list[Pool], prefixes: list[list[Prefix]], scores: Tensor, row: int) -> None:
    """Add to the pools what writes nothing more at this frame; rows of the states from `row` on."""
    for pool, names, values in zip(pools, prefixes, scores.tolist(), strict=True):
        for prefix, score in zip(names, values, strict=True):
            if score > NEVER:
                if prefix in pool:
                    score = logaddexp(score, pool[prefix][0])
                pool[prefix] = (score, row)
            row += 1


def _bar(pool: Pool, width: int) -> float:
    """Return the `width`-th best log-probability of a pool; minus infinity where it has fewer."""
    best = sorted((score for score, _ in pool.values()), reverse=True)
    return best[width - 1] if len(best) >= width else NEVER


def _best(
    pools: list[Pool], scores: Tensor, prefixes: list[list[Prefix]], width: int
) -> tuple[Tensor, list[list[Prefix]], Tensor]:
    """Return scores, prefixes and rows of the best of each pool; of an empty one what it was."""
    values, after = scores.tolist(), list(prefixes)
    kept = [list(range(n * width, (n + 1) * width)) for n in range(len(pools))]
    for n, pool in enumerate(pools):
        if pool:
            best = sorted(pool.items(), key=lambda item: -item[1][0])[:width]
            missing = width - len(best)
            after[n] = [prefix for prefix, _ in best] + [()] * missing
            values[n] = [score for _, (score, _) in best] + [NEVER] * missing
            kept[n] = [row for _, (_, row) in best] + [0] * missing
    rows = torch.tensor(kept, device=scores.device).flatten()
    return scores.new_tensor(values), after, rows
