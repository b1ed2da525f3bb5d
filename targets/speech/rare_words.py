"""How well rare words are written: F1 of the words of a list, with an interval over speakers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

RESAMPLES = 2_000


def rare_word_f1(
    utterances: Sequence[Utterance],
    transcripts: Sequence[str],
    words: Collection[str],
    rng: Randomness,
    level: float = 0.95,
) -> Estimate:
    """Return the F1, a fraction, of words of a list: 2 * right / (said + written).

    A word is right as often as it is both said and written in an utterance, wherever in it. The
    interval is a bootstrap over speakers; with fewer than two of them there is none.
    """
    counts: dict[str, npt.NDArray[np.int64]] = defaultdict(lambda: np.zeros(2, np.int64))
    for utterance, transcript in zip(utterances, transcripts, strict=True):
        said, written = (
            Counter(word for word in text.split() if word in words)
            for text in (utterance.text, transcript)
        )
        counts[utterance.speaker] += (
            2 * (said & written).total(),
            said.total() + written.total(),
        )
    totals = np.array([counts[name] for name in sorted(counts)]).reshape(-1, 2)
    right, all_ = totals.sum(0)
    if not all_:
        return Estimate.unscored("no rare word was said or written")
    if len(totals) < 2:
        nan = float("nan")
        return Estimate(right / all_, nan, nan, level, "F1; no interval from one speaker")
    drawn = rng.numpy().integers(len(totals), size=(RESAMPLES, len(totals)))
    resampled = totals[drawn].sum(1)
    # Speakers who said and wrote none have no F1 of their own.
    found = resampled[resampled[:, 1] > 0]
    low, high = np.quantile(found[:, 0] / found[:, 1], [(1 - level) / 2, (1 + level) / 2])
    method = f"F1; percentile bootstrap over {len(totals)} speakers"
    return Estimate(float(right / all_), float(low), float(high), level, method)
