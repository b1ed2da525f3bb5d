"""Prefix beam search of CTC with something to add to the probability of what is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from torch import Tensor

from targets.nn.search import NEVER, Hypothesis, logaddexp
from targets.speech.tokens import BLANK

Prefix = tuple[int, ...]


class Bonus(Protocol):
    """What is added to the log-probability of a text, label by label."""

    def of(self, prefix: Prefix) -> float:
        """Return what a text that is still being written gets, in nats."""
        ...

    def at_end(self, prefix: Prefix) -> float:
        """Return what it gets once it is finished."""
        ...


def prefix_beam(
    log_probs: Tensor,
    width: int,
    bonuses: Sequence[Bonus] = (),
    reached: Callable[[Prefix], Iterable[int]] | None = None,
) -> list[Hypothesis]:
    """Prefix beam search (Hannun et al. 2014) over the frames (T, V) of one utterance.

    Texts are ranked by their log-probability and all bonuses. `reached` says of a text which labels
    are tried after it, however improbable: those that a bonus may lift.

    Returns:
        Up to `width` texts, best first, with log-probability plus bonuses.
    """
    # Log-probabilities of having written a prefix and ending in blank, or in its last label.
    beams: dict[Prefix, tuple[float, float]] = {(): (0.0, NEVER)}
    known: dict[Prefix, float] = {(): 0.0}

    def worse(item: tuple[Prefix, list[float]]) -> float:
        return -logaddexp(*item[1]) - (known[item[0]] if bonuses else 0.0)

    candidates = min(width + 1, log_probs.shape[1])
    for frame in log_probs:
        top = frame.topk(candidates).indices.tolist()
        frame_list = frame.tolist()
        grown: dict[Prefix, list[float]] = defaultdict(lambda: [NEVER, NEVER])
        for prefix, (in_blank, in_unit) in beams.items():
            both = logaddexp(in_blank, in_unit)
            slot = grown[prefix]
            slot[0] = logaddexp(slot[0], both + frame_list[BLANK])
            if prefix:
                slot[1] = logaddexp(slot[1], in_unit + frame_list[prefix[-1]])
            tried = top if reached is None else dict.fromkeys((*top, *reached(prefix)))
            for label in tried:
                if label == BLANK:
                    continue
                source = in_blank if prefix and label == prefix[-1] else both
                longer = grown[(*prefix, label)]
                longer[1] = logaddexp(longer[1], source + frame_list[label])
        if bonuses:
            known = {p: known[p] if p in known else sum(b.of(p) for b in bonuses) for p in grown}
        ranked = sorted(grown.items(), key=worse)
        beams = {prefix: (b, u) for prefix, (b, u) in ranked[:width]}
    ended = [
        (prefix, logaddexp(*scores) + sum(bonus.at_end(prefix) for bonus in bonuses))
        for prefix, scores in beams.items()
    ]
    return sorted(ended, key=lambda hypothesis: -hypothesis[1])
