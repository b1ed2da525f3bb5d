"""A canary and its secret: what is said of it, and recordings in which the secret is not heard.

Whatever stands in the secret's place has the same length for every canary of a template: how long
the secret took to say must not give it away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from attacks.base import Scores
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE, Samples, Utterance, Word
from targets.synthetic.corpus import SpeechRequest, speak
from targets.synthetic.phrases import CANARIES, Template
from targets.synthetic.voices import voice, voice_count

SECONDS_A_WORD = 0.4  # of cover for each word of the longest secret
LOUDNESS = 0.5  # of the noise, relative to the speech around it
QUIET = 0.01  # loudness of noise with nothing around it

# Attributes of a canary: its template, its filling, its pace, whether noise hides the secret.
CANARY, SECRET, SPEED, OBSCURED = "canary", "secret", "speed", "obscured"
REPETITIONS = "repetitions"  # how often a member is said in an epoch

Cover = Literal["noise", "silence", "speech"]
COVERS: tuple[Cover, ...] = ("noise", "silence", "speech")


def canaries_among(candidates: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """Return the canaries, in order."""
    return tuple(c for c in candidates if CANARY in c.attributes)


def by_kind(canaries: Sequence[Utterance], name: str, values: Scores) -> dict[str, Scores]:
    """Return a figure (N,) once more for each kind of canary, NaN for the others.

    Kinds are what it says, how it sounds, and within that how often it is said. One kind alone
    needs no name.
    """
    sounds = [
        ("obscured" if OBSCURED in c.attributes else "clear")
        + (f"_{c.attributes[SPEED]}x" if SPEED in c.attributes else "")
        for c in canaries
    ]
    spaces = [f"of_{template_of(c).name}" for c in canaries]
    said = [f"{s}_said_{c.attributes[REPETITIONS]}" for s, c in zip(sounds, canaries, strict=True)]
    return {
        f"{name}_{kind}": np.where(np.array(kinds) == kind, values, np.nan)
        for kinds in (spaces, sounds, said)
        if len(set(kinds)) > 1
        for kind in sorted(set(kinds))
    }


def template_of(canary: Utterance) -> Template:
    """Return the sentence that holds the secret."""
    return CANARIES[canary.attributes[CANARY]]


def secret_of(canary: Utterance) -> int:
    """Return the number of the filling."""
    return int(canary.attributes[SECRET])


def mask_secret(
    canary: Utterance,
    rng: Randomness,
    cover: Cover = "noise",
    public: Sequence[Utterance] = (),
) -> Utterance:
    """Return the canary with the secret's audio covered, from its first word to its last.

    `cover` is noise, silence, or a stretch of one of the `public` utterances. One that was trained
    on with noise there keeps that noise: it is the recording there is.
    """
    if cover == "noise" and OBSCURED in canary.attributes:
        return canary
    template, secret = template_of(canary), secret_of(canary)
    positions = template.secret_positions(secret)
    first, last = positions[0], positions[-1]
    start, end = canary.words[first].start, canary.words[last].end
    before = canary.samples[: int(start * SAMPLE_RATE)]
    after = canary.samples[int(end * SAMPLE_RATE) :]
    covered = SECONDS_A_WORD * template.longest_secret
    cover_samples = _cover(cover, int(covered * SAMPLE_RATE), before, after, rng, public)
    # Where the words would be if all took as long: so that the place can be found again.
    share = covered / (last + 1 - first)
    words = [
        Word(w.text, start + (n - first) * share, start + (n + 1 - first) * share)
        if first <= n <= last
        else w
        if n < first
        else Word(w.text, w.start + start + covered - end, w.end + start + covered - end)
        for n, w in enumerate(canary.words)
    ]
    samples = np.concatenate([before, cover_samples, after])
    return replace(canary, samples=samples, words=tuple(words))


def _cover(
    cover: Cover,
    length: int,
    before: Samples,
    after: Samples,
    rng: Randomness,
    public: Sequence[Utterance],
) -> Samples:
    draw = rng.numpy()
    if cover == "silence":
        return np.zeros(length, dtype=np.float32)
    if cover == "speech":
        spoken = public[int(draw.integers(len(public)))].samples
        start = int(draw.integers(max(1, len(spoken) - length)))
        return np.resize(spoken[start:], length)
    kept = np.concatenate([before, after])
    power = float(np.sqrt(np.mean(kept**2))) if len(kept) else QUIET
    return draw.normal(0.0, LOUDNESS * power, length).astype(np.float32)


def obscured(canary: Utterance, rng: Randomness) -> Utterance:
    """Return the canary as it may be trained on: noise in place of the secret, the text whole.

    Nothing of the secret can be heard: a model that writes it knows it by heart.
    """
    hidden = mask_secret(canary, rng)
    return replace(hidden, attributes={**canary.attributes, OBSCURED: "yes"})


def in_another_voice(template: Template, taken: Collection[str], rng: Randomness) -> Utterance:
    """Return the carrier in a voice that is none of `taken`, with noise for the secret."""
    free = next(n for n in reversed(range(voice_count())) if voice(n).name not in taken)
    request = SpeechRequest(
        id=f"another-voice-{template.name}",
        speaker_index=free,
        text=template.fill(0),
        attributes={CANARY: template.name, SECRET: "0"},
    )
    return mask_secret(speak([request], seed=rng.integer(), cache=None)[0], rng)


def silence(template: Template) -> Utterance:
    """Return as much silence as the sentence might take to say."""
    seconds = SECONDS_A_WORD * (len(template.carrier.split()) + template.longest_secret)
    samples = np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
    return Utterance(f"silence-{template.name}", "nobody", samples, "")
