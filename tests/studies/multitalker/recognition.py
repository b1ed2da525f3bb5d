"""What both targets write of speakers who taught them nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scipy.stats import binomtest
from tabulate import tabulate

from targets.models.recognizer import Recognizer
from targets.speech.turns import turns_of
from targets.speech.wer import word_error_rate
from targets.synthetic.overlapped import in_pairs
from tests.studies.intervals import shown
from tests.studies.multitalker.teaching import OVERLAPS, SEED, STATED, TEST, Size, mixed, said


def recognition(multitalker: Recognizer, rnnt: Recognizer, size: Size) -> list[dict[str, object]]:
    """Print and return what both write of speakers who taught them nothing."""
    turns = said(TEST, 2 * size.test)
    pairs = in_pairs(turns, OVERLAPS, SEED.child("test"))
    sets = {"one talker": turns[: size.test]} | {
        f"two, {overlap:.0%} overlap": mixed([(a, b, overlap) for a, b, _ in pairs])
        for overlap in STATED
    }
    rows: list[dict[str, object]] = []
    for name, recognizer in (("multitalker", multitalker), ("rnnt", rnnt)):
        for heard, speech in sets.items():
            written = recognizer.transcribe(speech)
            right = [
                sum(map(len, turns_of(u.text))) == sum(map(len, turns_of(text)))
                for u, text in zip(speech, written, strict=True)
            ]
            own = word_error_rate(speech, written, SEED)
            anyone = word_error_rate(
                [replace(u, text=joined(u.text)) for u in speech], list(map(joined, written)), SEED
            )
            rows.append(
                {
                    "target": name,
                    "speech": heard,
                    "turn counting": share(right),
                    "WER": shown(own),
                    "WER, talkers joined": shown(anyone),
                    "recordings": len(speech),
                }
            )
    print(tabulate(rows, "keys", tablefmt="github"), flush=True)
    return rows


def joined(text: str) -> str:
    """Return the words of all talkers in a row."""
    return " ".join(turn for talker in turns_of(text) for turn in talker)


def share(right: Sequence[bool]) -> str:
    """Return how often something is right, with its exact interval."""
    interval = binomtest(sum(right), len(right)).proportion_ci()
    return f"{sum(right) / len(right):.3f} [{interval.low:.3f}, {interval.high:.3f}]"
