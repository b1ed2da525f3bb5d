"""Whether a recording is long enough: for the features, for its transcript, for a target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from targets.core.errors import OverheardError
from targets.speech.audio import SHORTEST
from targets.speech.utterance import SAMPLE_RATE, Utterance

_HOP = 160  # samples a feature frame
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


def check_fit(
    utterances: Iterable[Utterance],
    *,
    units: Callable[[str], Sequence[int]] | None = None,
    slowing: int | None = None,
) -> None:
    """Refuse utterances that no target, or not the one in use, can be trained on.

    For a target that writes at most one unit a state, as CTC does, give `units`, which encodes a
    transcript, and `slowing`, the feature frames of 10 ms that make a state; without them only the
    length that features need is checked. Utterances without a transcript pass.

    Raises:
        OverheardError: names the first utterance that does not fit, and how many more there are.
    """
    found = []
    for u in utterances:
        complaint = too_short(len(u.samples))
        if complaint is None and units is not None and slowing is not None and u.text:
            complaint = _unwritable(u, units(u.text), slowing)
        if complaint is not None:
            found.append((u.id, complaint))
    if found:
        identity, (message, remedy) = found[0]
        more = f" (and {len(found) - 1} more utterances)" if len(found) > 1 else ""
        raise OverheardError(f"utterance {identity}: {message}{more} — {remedy}")


def _unwritable(utterance: Utterance, units: Sequence[int], slowing: int) -> Complaint | None:
    frames = 1 + len(utterance.samples) // _HOP
    states = -(-frames // slowing)
    # A blank stands between two equal units.
    needed = len(units) + sum(a == b for a, b in pairwise(units))
    if needed <= states:
        return None
    return (
        f"its transcript needs {needed} states, its {len(utterance.samples) / SAMPLE_RATE:.2f} s "
        f"of audio give {states}",
        "correct the transcript, drop the line, or take another target",
    )
