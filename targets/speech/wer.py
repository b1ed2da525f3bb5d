"""Word error rate, with an interval that knows that a speaker's utterances are alike."""

from __future__ import annotations

from collections.abc import Sequence

import jiwer
import numpy as np

from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

RESAMPLES = 2_000


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Return the word errors of a transcript and the number of words of its reference."""
    counted = jiwer.process_words(reference, hypothesis)
    errors = counted.substitutions + counted.deletions + counted.insertions
    return errors, counted.hits + counted.substitutions + counted.deletions


def word_error_rate(
    utterances: Sequence[Utterance],
    transcripts: Sequence[str],
    rng: Randomness,
    level: float = 0.95,
) -> Estimate:
    """Return the corpus WER, a fraction, with a bootstrap interval over speakers.

    Whole speakers are drawn with replacement; with fewer than two speakers there is no interval.
    """
    if not utterances:
        return Estimate.unscored("no test utterances")
    speakers = sorted({u.speaker for u in utterances})
    totals = np.zeros((len(speakers), 2))
    for utterance, transcript in zip(utterances, transcripts, strict=True):
        totals[speakers.index(utterance.speaker)] += word_errors(utterance.text, transcript)
    errors, words = totals.sum(0)
    method = f"jiwer; percentile bootstrap over {len(speakers)} speakers"
    if len(speakers) < 2:
        nan = float("nan")
        return Estimate(errors / words, nan, nan, level, "jiwer; no interval from one speaker")
    drawn = rng.numpy().integers(len(speakers), size=(RESAMPLES, len(speakers)))
    resampled = totals[drawn].sum(1)
    low, high = np.quantile(resampled[:, 0] / resampled[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(errors / words, float(low), float(high), level, method)
