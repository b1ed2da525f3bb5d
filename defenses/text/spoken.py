"""Texts made speech: said by public voices, and heard through a channel."""

from __future__ import annotations

from collections.abc import Sequence

from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import Channel, SpeechRequest, speak
from targets.synthetic.voices import voice, voice_count

RATES = 0.85, 1.2  # of a voice's usual words a minute, as the embedded corpus has them
SPARE = 12  # voices, of those that are there, where no public speaker is one of them


def public_voices(public: Sequence[Utterance]) -> list[int]:
    """Return the embedded voices that public speakers have, or the last of all if they have none.

    Those of private speakers are private: nothing is said in them.
    """
    known = {voice(number).name: number for number in range(voice_count())}
    heard = sorted({known[u.speaker] for u in public if u.speaker in known})
    return heard or list(range(voice_count() - SPARE, voice_count()))


def spoken(
    texts: Sequence[str], voices: Sequence[int], channel: Channel, rng: Randomness
) -> list[Utterance]:
    """Return texts as speech, each in the next of the voices; empty ones are left out.

    Raises:
        SynthesisError: speech could not be made.
    """
    rates = rng.child("rates").numpy().uniform(*RATES, size=len(texts))
    requests = [
        SpeechRequest(
            id=f"spoken-{number:05d}",
            speaker_index=voices[number % len(voices)],
            text=text,
            rate_factor=float(rates[number]),
            channel=channel,
        )
        for number, text in enumerate(texts)
        if text
    ]
    # Kept nowhere: the texts are of one training.
    return speak(requests, seed=rng.child("sounds").integer(), cache=None) if requests else []
