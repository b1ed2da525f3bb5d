"""The embedded corpus: synthetic speakers saying command phrases, made at first use."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cache as remember
from pathlib import Path
from typing import Literal

from targets.core import randomness
from targets.core.files import default_cache
from targets.core.randomness import Randomness
from targets.speech.language import ENGLISH, LANGUAGE
from targets.speech.utterance import Corpus, Samples, Utterance, Word
from targets.synthetic.acoustics import draw_acoustics, record
from targets.synthetic.cache import IN_MEMORY, CacheError, Writer, check_writable, load_utterances
from targets.synthetic.languages import phrase_in, written
from targets.synthetic.phrases import PERSONAL_SHARE
from targets.synthetic.spelled import spelled_phrase
from targets.synthetic.synthesis import Saying, Speaker
from targets.synthetic.telephone import over_telephone
from targets.synthetic.voices import Voice, voice, voice_count

Channel = Literal["microphone", "telephone"]
Phrases = Literal["commands", "spelled"]
Progress = Callable[[int, int], None]  # utterances made so far, utterances in all

_log = logging.getLogger(__name__)

__all__ = ["SpeechRequest", "default_cache", "embedded_corpus", "say_phrases", "speak"]


@dataclass(frozen=True)
class SpeechRequest:
    """A text to be said in one of the voices, `rate_factor` times as fast as that voice usually.

    It is heard through a channel: see `heard`. The text is spelled as its language is, and written
    down without other letters than a to z. The language is English, and is said of the utterance
    where it is named. English has the voice's own accent, or `accent`.
    """

    id: str
    speaker_index: int
    text: str
    rate_factor: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)
    channel: Channel = "microphone"
    language: str | None = None
    accent: str | None = None


def embedded_corpus(
    *,
    speakers: int,
    utterances: int,
    seed: int,
    cache: Path | None,
    first_speaker: int = 0,
    progress: Progress | None = None,
) -> Corpus:
    """Return `utterances` synthetic utterances, spread evenly over `speakers` voices.

    The voices are number `first_speaker` and following. The n-th utterance of a voice depends on
    `seed`, the voice and n alone: a larger corpus contains the smaller one, and corpora of
    different voices share no utterance. `cache` is the folder to keep the audio in (None: keep
    nothing); `progress` is told how far the making is.

    Raises:
        ValueError: there are not so many voices.
        SynthesisError: speech could not be made.
    """
    if speakers < 1 or first_speaker < 0 or first_speaker + speakers > voice_count():
        raise ValueError(
            f"voices {first_speaker} to {first_speaker + speakers - 1} asked for; "
            f"there are {voice_count()}, from 0"
        )
    voices = range(first_speaker, first_speaker + speakers)
    spoken = say_phrases(voices, utterances, seed=seed, cache=cache, progress=progress)
    return Corpus("embedded", tuple(spoken))


def say_phrases(
    voices: Sequence[int],
    utterances: int,
    *,
    seed: int,
    cache: Path | None,
    personal: float = PERSONAL_SHARE,
    channel: Channel = "microphone",
    phrases: Phrases = "commands",
    languages: Mapping[int, str] | None = None,
    accent: str | None = None,
    progress: Progress | None = None,
) -> list[Utterance]:
    """Return synthetic utterances like `embedded_corpus`, of any voices.

    `personal` is the share of phrases with personal slots, `channel` what they are heard through.
    With `phrases` "spelled" they are of `targets.synthetic.spelled`, which has no such slots and is
    English. `languages` says of voices which one they speak; the others speak English, each with
    its own accent, or all with `accent`.

    Raises:
        ValueError: a voice does not exist.
        SynthesisError: speech could not be made.
    """
    told = languages or {}
    requests = [
        replace(
            _request(seed, speaker, number, personal, phrases, told.get(speaker)),
            channel=channel,
            accent=accent,
        )
        for number, speaker in (
            (i // len(voices), voices[i % len(voices)]) for i in range(utterances)
        )
    ]
    return speak(requests, seed=seed, cache=cache, progress=progress)


def _request(
    seed: int, speaker: int, number: int, personal: float, phrases: Phrases, language: str | None
) -> SpeechRequest:
    """Return what the voice says as its `number`-th utterance, and how fast."""
    randomness = Randomness(seed).child("embedded", speaker, number)
    drawn = randomness.child("phrase")
    if phrases == "spelled":
        template, text = spelled_phrase(drawn)
    else:
        template, text = phrase_in(language or ENGLISH, drawn, personal)
    rate_factor = float(randomness.child("rate").numpy().uniform(0.85, 1.2))
    return SpeechRequest(
        id=f"{voice(speaker).name}-{number:04d}",
        speaker_index=speaker,
        text=text,
        rate_factor=rate_factor,
        attributes={"template": template},
        language=language,
    )


def speak(
    requests: Sequence[SpeechRequest],
    *,
    seed: int,
    cache: Path | None,
    progress: Progress | None = None,
) -> list[Utterance]:
    """Return the requested texts as recorded speech, one utterance per request, in order.

    Each utterance depends on `seed` and its own request alone. With a cache, beyond `IN_MEMORY`
    the samples stay there, and are read when they are asked for.

    Raises:
        ValueError: two requests share an id, a voice does not exist, or a rate is absurd.
        SynthesisError: speech could not be made.
    """
    if len({request.id for request in requests}) < len(requests):
        raise ValueError("two requests share an id")
    path = cache / f"speech-{_key(requests, seed)}.safetensors" if cache is not None else None
    if path is not None:
        try:
            return load_utterances(path)
        except FileNotFoundError:
            pass
        except CacheError as error:
            _log.warning("%s; making it anew", error)
        check_writable(path.parent)  # before the work is done, not after
    made: list[Utterance] = []
    held = 0
    drawn = [Randomness(seed).child("spoken", request.id) for request in requests]
    with (
        Writer(path) if path is not None else nullcontext() as writer,
        Speaker() as speaker,
        closing(speaker.say_all(map(_saying, requests, drawn))) as dry,
    ):
        for number, (request, own, sound) in enumerate(zip(requests, drawn, dry, strict=True), 1):
            said = _recorded(request, *sound, own)
            held += said.samples.nbytes
            if writer is not None:
                writer.add(said)
            if writer is None or held <= IN_MEMORY:
                made.append(said)
            if progress is not None:
                progress(number, len(requests))
    return made if path is None or held <= IN_MEMORY else load_utterances(path)


def _voice(request: SpeechRequest) -> Voice:
    who = voice(request.speaker_index)
    if request.language not in (None, ENGLISH):
        return who.speaking(request.language)
    return who if request.accent is None else who.with_accent(request.accent)


def _saying(request: SpeechRequest, randomness: Randomness) -> Saying:
    who = _voice(request)
    rate = round(who.rate * request.rate_factor)
    return Saying(request.text, who, rate, randomness.child("voice").integer())


def _recorded(
    request: SpeechRequest, dry: Samples, words: Sequence[Word], randomness: Randomness
) -> Utterance:
    who = _voice(request)
    said = {"accent": who.accent} if who.accent else {}
    if request.language is not None:
        said[LANGUAGE] = request.language
    acoustics = draw_acoustics(randomness.child("acoustics"))
    utterance = Utterance(
        id=request.id,
        speaker=who.name,
        samples=record(dry, acoustics, randomness.child("recording")),
        text=written(request.text),
        words=tuple(
            Word(written(w.text), w.start + acoustics.lead, w.end + acoustics.lead) for w in words
        ),
        attributes={
            "gender": who.gender,
            **said,
            "rate_factor": f"{request.rate_factor:.3f}",
            **request.attributes,
        },
    )
    return heard(utterance, request.channel, randomness.child("channel"))


def heard(utterance: Utterance, channel: Channel, randomness: Randomness) -> Utterance:
    """Return an utterance as it is heard: by the microphone as it is, or over a telephone line."""
    return utterance if channel == "microphone" else over_telephone(utterance, randomness)


def _key(requests: Sequence[SpeechRequest], seed: int) -> str:
    """Return a name for exactly this speech, made by exactly this code."""
    what = json.dumps([seed, [asdict(request) for request in requests]], sort_keys=True)
    return hashlib.sha256(f"{_makers()}\n{what}".encode()).hexdigest()[:24]


@remember
def _makers() -> str:
    """Identify what the samples depend on: edited code or another package, another cache."""
    here = Path(__file__).parent
    own = ("acoustics", "cache", "corpus", "espeak", "synthesis", "telephone", "voices")
    files = [*(here / f"{name}.py" for name in own), Path(randomness.__file__)]
    packages = ("espeakng-loader", "numpy", "scipy", "soxr")
    return "\n".join(
        [
            *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files),
            *(f"{name} {importlib.metadata.version(name)}" for name in packages),
        ]
    )
