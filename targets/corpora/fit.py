"""Whether a recording is long enough: for the features, and for its transcript."""

from __future__ import annotations

from targets.speech.audio import SHORTEST

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
