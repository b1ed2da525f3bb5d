"""The blind baseline: how well members are told from others without any model.

Where two lists differ in length, level, bandwidth or words, an attack may look at that alone, and
its figures say nothing about the model. Only what it adds to the blind baseline does. Where fair
coins were tossed the baseline is at chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.model_audit.ranks import rankings
from leaderboard.model_audit.rules.speakers import Array, Labels, areas, over_speakers, read_off
from leaderboard.planting.planted import Candidate, Planted
from leaderboard.records.model_audit import UTTERANCES
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.audio import read_audio
from targets.speech.transcript import written_plainly
from targets.speech.utterance import SAMPLE_RATE, Samples

BANDS = 24  # of the mean spectrum
WORDS = 50  # of the transcripts, the most frequent on both sides together
FRAME = 512  # samples
PENALTY = 10.0
LOOKED_AT = (
    "length, level, noise floor, bandwidth, mean spectrum, pace, and words of the transcript"
)

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Blind:
    """How well the lists are told apart blindly, and how much each attack adds to that.

    `gains` are differences of AUC on the utterances that an attack scored; a baseline below chance
    counts as chance.
    """

    auc: Estimate
    gains: Mapping[str, Estimate]


def blind_scores(candidates: Sequence[Candidate], rng: Randomness) -> dict[str, float] | None:
    """Return a score for each candidate, from a rule that was learnt without its speaker.

    None where there are fewer than two speakers, or a rule would have one side alone to learn from.
    """
    speakers = np.array([c.speaker for c in candidates])
    members = np.array([c.member for c in candidates])
    found = read_off(_features(candidates), members, speakers, PENALTY, rng.child("folds"))
    if found is None:
        return None
    return {c.id: float(s) for c, s in zip(candidates, found, strict=True)}


def blind_baseline(
    planted: Planted,
    candidates: Sequence[Candidate],
    attacks: Mapping[str, Scores],
    rng: Randomness,
) -> Blind | None:
    """Return the blind baseline of the corpus's own speech; None where none can be learnt."""
    said = [c for c in candidates if c.kind == "utterance"]
    if len({c.member for c in said}) < 2:
        return None
    blind = blind_scores(said, rng)
    if blind is None:
        return None
    ranking = rankings(planted, said, dict(blind), rng.child("blind"))[UTTERANCES]
    gains = {
        name: gain
        for name, scores in attacks.items()
        if (gain := _gain(said, scores, blind, rng.child("gain", name))) is not None
    }
    return Blind(ranking.auc, gains)


def _gain(
    said: Sequence[Candidate], attack: Scores, blind: Mapping[str, float], rng: Randomness
) -> Estimate | None:
    """Return AUC of an attack less that of the baseline; speakers are drawn again and again."""
    known = [c for c in said if attack[c.id] is not None]
    members = np.array([c.member for c in known], dtype=bool)
    if not known or members.all() or not members.any():
        return None
    pair = np.array([[attack[c.id], blind[c.id]] for c in known], dtype=np.float64)
    speakers = np.array([c.speaker for c in known])
    return over_speakers(_difference, pair, members, speakers, rng)


def _difference(pair: Array, members: Labels) -> float:
    """Return the AUC of the first column (N, 2) less that of the second, but at least chance.

    A rule that learnt nothing is judged below chance: what is taken away to judge it by leaves the
    rest a little more like the other side. To call that a gain would flatter the attack.
    """
    attack, blind = areas(pair, members)
    return float(attack - max(blind, 0.5))


def _features(candidates: Sequence[Candidate]) -> Array:
    """Return what can be seen without a model, (N, D)."""
    texts = [written_plainly(c.text).split() for c in candidates]
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(text):
            counts[word] = counts.get(word, 0) + 1
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:WORDS]
    rows = []
    for c, text in zip(candidates, texts, strict=True):
        sound, seconds = _of_sound(read_audio(c.audio).samples)
        letters = sum(map(len, text))
        spoken = [float(len(text)), float(letters), letters / seconds]
        rows.append([*sound, *spoken, *(float(word in text) for word in frequent)])
    return np.array(rows, dtype=np.float64)


def _of_sound(samples: Samples) -> tuple[list[float], float]:
    """Return features of a recording, and its length in seconds."""
    seconds = len(samples) / SAMPLE_RATE
    count = max(len(samples) // FRAME, 1)
    frames = np.resize(samples, count * FRAME).reshape(count, FRAME).astype(np.float64)
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)))
    mean = power.mean(axis=0)
    bands = [_decibel(band.mean()) for band in np.array_split(mean[1:], BANDS)]
    energy = np.array([_decibel(e) for e in np.square(frames).mean(axis=1)])
    total = np.cumsum(mean) / max(mean.sum(), 1e-20)
    found = [
        float(np.log(seconds)),
        _decibel(float(np.square(frames).mean())),
        float(np.quantile(energy, 0.1)),
        float(np.quantile(energy, 0.9)),
        float(np.abs(samples).max()),
        float(samples.mean()),
        float(np.mean(samples == 0)),
        *(float(np.searchsorted(total, share)) for share in (0.5, 0.9, 0.99)),
        # The colour of the sound, whatever its level.
        *(band - float(np.mean(bands)) for band in bands),
    ]
    return found, seconds


def _decibel(power: float) -> float:
    return 10.0 * float(np.log10(max(power, 1e-12)))
