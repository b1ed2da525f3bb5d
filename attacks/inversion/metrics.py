"""How like the original is a reconstruction? To the eye, to the ear, in words, and in voice."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from pystoi import stoi
from scipy.fft import dct
from torch import Tensor
from torch.nn import functional as F

from attacks.base import Scores
from attacks.inversion.judge import independent_recognizer
from attacks.inversion.vocoder import sound
from attacks.inversion.voiceprint import Voiceprint, errors_at_equal_rates, unit
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.features import LogMel
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.speech.wer import word_errors
from targets.synthetic.corpus import default_cache

ENROLLED = 5  # other recordings of each speaker, by which a voice is looked for
CEPSTRA = 13  # the first is loudness and does not count

BOUNDED = ("cosine", "stoi")  # figures, by the start of their name, that end at 1


@dataclass(frozen=True, eq=False)
class Likeness:
    """A ruler for reconstructions of some candidates, made of public speech and their voices.

    The words are heard by a small recogniser of its own; the voice is looked for among `enrolled`
    speakers, by other recordings of theirs than those that are reconstructed.
    """

    logmel: LogMel
    judge: Recognizer
    voiceprint: Voiceprint | None
    speakers: tuple[str, ...] = ()
    recordings: tuple[tuple[str, NDArray[np.float64]], ...] = ()  # each a speaker's, (D,)
    enrolled: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))  # (N, D)

    @classmethod
    def of(
        cls,
        logmel: LogMel,
        public: Sequence[Utterance],
        candidates: Sequence[Utterance],
        chosen: Sequence[Utterance],
        rng: Randomness,
    ) -> Likeness:
        """Learn from public speech, and enrol the speakers of candidates that were not chosen."""
        judge = independent_recognizer(public, default_cache())
        voices = [u.speaker for u in public]
        if len(set(voices)) < 2:
            return cls(logmel, judge, None)
        voiceprint = Voiceprint.learn([_raw(logmel, u) for u in public], voices)
        kept = {c.id for c in chosen}
        others: dict[str, list[Utterance]] = {}
        for other in sorted(candidates, key=lambda c: rng.child("enrol", c.id).integer()):
            if other.id not in kept:
                others.setdefault(other.speaker, []).append(other)
        speakers = tuple(sorted(others))
        prints = [
            voiceprint.embed([_raw(logmel, u) for u in others[s][:ENROLLED]]) for s in speakers
        ]
        recordings = tuple(
            (s, voice) for s, of_one in zip(speakers, prints, strict=True) for voice in of_one
        )
        enrolled = unit(np.stack([p.mean(0) for p in prints])) if prints else np.zeros((0, 0))
        return cls(logmel, judge, voiceprint, speakers, recordings, enrolled)

    def figures(
        self, guess: Tensor, counts: Tensor, originals: Sequence[Utterance]
    ) -> dict[str, Scores]:
        """Return the likeness (B,) of standardised log-mel frames (B, T, M) to the originals.

        - `cosine`: of the standardised log-mel frames;
        - `cepstral_distortion`: mel-cepstral distortion in dB, after time warping;
        - `stoi`: intelligibility of the sound, from 0 to 1 (Taal et al. 2011);
        - `heard_wer`: word errors of what the judge hears, a fraction of the words spoken;
        - `speaker_rank`: place of the true voice among those enrolled, 1 is first.
        """
        truth, _ = self.logmel(originals)
        ours, theirs = self._raws(guess, counts), self._raws(truth, counts)
        return {
            "cosine": cosines(guess, truth, counts),
            "cepstral_distortion": np.array(
                [cepstral_distortion(a, b) for a, b in zip(ours, theirs, strict=True)]
            ),
            "stoi": np.array(
                [
                    intelligibility(sound(frames), u.samples)
                    for frames, u in zip(ours, originals, strict=True)
                ]
            ),
            "heard_wer": self.word_error_rates(guess, counts, originals),
            "speaker_rank": self._ranks(ours, originals),
        }

    def of_originals(self, originals: Sequence[Utterance]) -> dict[str, Scores]:
        """Return what the ruler says of the originals themselves: the best that can be reached."""
        truth, counts = self.logmel(originals)
        raws = self._raws(truth, counts)
        errors = np.full(len(originals), np.nan)
        if self.voiceprint is not None:
            errors = errors_at_equal_rates(
                np.stack([*self.voiceprint.embed(raws), *(v for _, v in self.recordings)]),
                [*(u.speaker for u in originals), *(s for s, _ in self.recordings)],
            )[: len(originals)]
        return {
            "heard_wer": self.word_error_rates(truth, counts, originals),
            "speaker_rank": self._ranks(raws, originals),
            "equal_error_rate": errors,
        }

    def word_error_rates(
        self, guess: Tensor, counts: Tensor, originals: Sequence[Utterance]
    ) -> Scores:
        """Return the word errors (B,) of what the judge hears, each over the words spoken."""
        # Standardised for the target by the same public speech as for the judge, or not: by way
        # of the log-mel frames themselves.
        # The judge listens on a device of its own, the CPU.
        raw = (guess * self.logmel.scale + self.logmel.mean).to(self.judge.logmel.mean.device)
        heard = self.judge.transcribe_features(
            (raw - self.judge.logmel.mean) / self.judge.logmel.scale, counts.to(raw.device)
        )
        pairs = [word_errors(u.text, t) for u, t in zip(originals, heard, strict=True)]
        return np.array([errors / max(words, 1) for errors, words in pairs])

    def _raws(self, frames: Tensor, counts: Tensor) -> list[NDArray[np.float64]]:
        raw = (frames * self.logmel.scale + self.logmel.mean).cpu().double().numpy()
        return [r[:n] for r, n in zip(raw, counts.tolist(), strict=True)]

    def _ranks(self, raws: Sequence[NDArray[np.float64]], originals: Sequence[Utterance]) -> Scores:
        ranks = np.full(len(originals), np.nan)
        if self.voiceprint is None or not self.speakers:
            return ranks
        likeness = self.voiceprint.embed(raws) @ self.enrolled.T
        for n, u in enumerate(originals):
            if u.speaker in self.speakers:
                own = likeness[n, self.speakers.index(u.speaker)]
                ranks[n] = 1 + (likeness[n] > own).sum()
        return ranks


def _raw(logmel: LogMel, utterance: Utterance) -> NDArray[np.float64]:
    return logmel.raw(utterance).cpu().double().numpy()


def cosines(guess: Tensor, truth: Tensor, counts: Tensor) -> Scores:
    """Return the cosine (B,) of two batches of spectrograms (B, T, M) over their real frames."""
    pairs = zip(guess, truth, counts.tolist(), strict=True)
    return np.array(
        [float(F.cosine_similarity(g[:n].flatten(), t[:n].flatten(), 0)) for g, t, n in pairs]
    )


def cepstral_distortion(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mel-cepstral distortion in dB of log-mel frames (T, M) and (T', M) after DTW.

    It is the root mean square difference of the smooth spectra over frequency, loudness aside,
    averaged along the path (Kubichek 1993).
    """
    x, y = cepstra(a), cepstra(b)
    _, path = librosa.sequence.dtw(x.T, y.T)
    steps = x[path[:, 0]] - y[path[:, 1]]
    return float(10 / np.log(10) * np.sqrt(2 * np.square(steps).sum(1)).mean())


def cepstra(log_mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return c_1 to c_12 (T, 12) of log amplitude = c_0 + Σ c_k cos(kω), from log-mel power."""
    return dct(log_mel / 2, axis=1)[:, 1:CEPSTRA] / log_mel.shape[1]


def intelligibility(guess: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """Return the short-time objective intelligibility; NaN where too little is said to tell."""
    length = min(len(guess), len(original))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return float(stoi(original[:length], guess[:length], SAMPLE_RATE))
        except RuntimeWarning:
            return float("nan")


def draw(candidates: Sequence[Utterance], count: int, rng: Randomness) -> tuple[Utterance, ...]:
    """Return some of the candidates, each by its own number: others' presence does not matter."""
    ranked = sorted(candidates, key=lambda c: rng.child("draw", c.id).integer())
    return tuple(ranked[:count])


def padded(frames: Sequence[Tensor]) -> Tensor:
    """Return spectrograms (T, M) as one batch, zero where there is nothing."""
    return torch.nn.utils.rnn.pad_sequence(list(frames), batch_first=True)


def suffixed(figures: Mapping[str, Scores], suffix: str) -> dict[str, Scores]:
    """Return figures under longer names."""
    return {f"{name}{suffix}": values for name, values in figures.items()}
