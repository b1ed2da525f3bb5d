"""Word error rate, with an interval that knows that a speaker's utterances are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import jiwer
import numpy as np

from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.turns import words_of_talkers
from targets.speech.utterance import Utterance

RESAMPLES = 2_000

WordErrors = dict[str, dict[str, tuple[int, int]]]
"""By speaker and utterance: word errors, and words of the reference."""


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Return the word errors of a transcript and the number of words of its reference.

    Of talkers who speak at once (`targets.speech.turns`) the first to start is held against the
    first, the second against the second: right words of the wrong talker are errors.
    """
    talkers = zip_longest(words_of_talkers(reference), words_of_talkers(hypothesis), fillvalue="")
    errors, words = zip(*(_errors_of_talker(*talker) for talker in talkers), strict=True)
    return sum(errors), sum(words)


def _errors_of_talker(reference: str, hypothesis: str) -> tuple[int, int]:
    counted = jiwer.process_words(reference, hypothesis)
    errors = counted.substitutions + counted.deletions + counted.insertions
    return errors, counted.hits + counted.substitutions + counted.deletions


def errors_by_speaker(utterances: Sequence[Utterance], transcripts: Sequence[str]) -> WordErrors:
    """Return the word errors and reference words of each utterance, by its speaker and its id."""
    counts: WordErrors = {}
    for utterance, transcript in zip(utterances, transcripts, strict=True):
        of_speaker = counts.setdefault(utterance.speaker, {})
        of_speaker[utterance.id] = word_errors(utterance.text, transcript)
    return counts


def word_error_rate(
    utterances: Sequence[Utterance],
    transcripts: Sequence[str],
    rng: Randomness,
    level: float = 0.95,
) -> Estimate:
    """Return the corpus WER, a fraction, with a bootstrap interval over speakers.

    Whole speakers are drawn with replacement; with fewer than two speakers there is no interval.
    """
    return rate_of(errors_by_speaker(utterances, transcripts), rng, level)


def rate_of(counts: WordErrors, rng: Randomness, level: float = 0.95) -> Estimate:
    """Return what `word_error_rate` does, from the word errors of each utterance."""
    if not counts:
        return Estimate.unscored("no test utterances")
    totals = np.array([np.sum(list(counts[name].values()), axis=0) for name in sorted(counts)])
    errors, words = totals.sum(0)
    method = f"jiwer; percentile bootstrap over {len(totals)} speakers"
    if len(totals) < 2:
        nan = float("nan")
        return Estimate(errors / words, nan, nan, level, "jiwer; no interval from one speaker")
    drawn = rng.numpy().integers(len(totals), size=(RESAMPLES, len(totals)))
    resampled = totals[drawn].sum(1)
    low, high = np.quantile(resampled[:, 0] / resampled[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return Estimate(errors / words, float(low), float(high), level, method)
