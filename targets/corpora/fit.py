"""Whether a recording is long enough: for the features, for its transcript, for a target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from targets.core.errors import OverheardError
from targets.speech.audio import SHORTEST
from targets.speech.tokens import Tokens
from targets.speech.utterance import SAMPLE_RATE, Utterance

_HOP = 160  # samples from one feature frame to the next

# Nobody says 40 letters a second; with ten more for cut edges only a wrong transcript has more.
_LETTERS, _SPARE = 40, 10

Complaint = tuple[str, str]  # what is wrong, and what to do


def too_short(samples: int) -> Complaint | None:
    """Return what is wrong with so few samples (at 16 kHz); None where they are enough."""
    if samples >= SHORTEST:
        return None
    return (
        f"the audio has {samples} samples at 16 kHz, and features need {SHORTEST}",
        "drop the line, or restore the audio",
    )


def too_much_text(text: str, seconds: float) -> Complaint | None:
    """Return what is wrong with a transcript that nobody says in that time; None where one may."""
    letters = len(text) - text.count(" ")
    if letters <= _SPARE + _LETTERS * seconds:
        return None
    return (
        f"the transcript has {letters} letters for {seconds:.2f} s of audio",
        "correct the transcript, or restore the audio",
    )


def too_many_labels(
    labels: Sequence[object], samples: int, frames_per_label: int
) -> Complaint | None:
    """Return what is wrong with a transcript for a target of at most one label a state.

    `labels` may be the characters themselves, `samples` are at 16 kHz, `frames_per_label` the
    feature frames that make a state. Between equal labels there must be a blank.
    """
    states = -(-(1 + samples // _HOP) // frames_per_label)
    if 2 * len(labels) <= states:  # most: whatever repeats
        return None
    needed = len(labels) + sum(a == b for a, b in pairwise(labels))
    if needed <= states:
        return None
    return (
        f"the transcript needs {needed} states, {samples / SAMPLE_RATE:.2f} s of audio give "
        f"{states}",
        "correct the transcript, drop the line, or take a target that writes as many labels as it "
        "likes, such as rnnt or las",
    )


def check_fit(
    utterances: Iterable[Utterance], tokens: Tokens, frames_per_label: int | None, target: str
) -> None:
    """Refuse utterances that a target cannot learn; those without a transcript pass.

    `frames_per_label` is the target's (`TargetEntry`); None lets every transcript pass.

    Raises:
        OverheardError: names the first that does not fit, and how many more there are.
    """
    if frames_per_label is None:
        return
    found = []
    for u in utterances:
        complaint = too_many_labels(tokens.encode(u.text), u.size, frames_per_label)
        if complaint is not None:
            found.append((u, *complaint))
    if found:
        first, message, remedy = found[0]
        place = f"{first.origin}: " if first.origin else ""
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        raise OverheardError(
            f"{place}utterance {first.id}: {target} cannot learn it: {message}{more} — {remedy}"
        )
