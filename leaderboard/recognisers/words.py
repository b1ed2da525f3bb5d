"""What was written as words that can be counted and compared, whatever a recogniser's spelling."""

from __future__ import annotations

from targets.speech.transcript import written_plainly
from targets.synthetic.phrases import DIGITS

_SPELLED = str.maketrans({str(n): f" {word} " for n, word in enumerate(DIGITS)})


def plain(text: str) -> str:
    """Return a text as words alone, so that "42" and "four two" are the same."""
    return " ".join(written_plainly(text).translate(_SPELLED).split())
