"""From a suite's conditions to the speech and the coins of its game."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

from attacks.canaries.canary import CANARY, SECRET, SPEED, obscured
from leaderboard.game.game import REPETITIONS, Game
from leaderboard.game.real_speech import first_transcribed, real_speech
from leaderboard.spec.suite import Canaries, Conditions, Speech
from targets.core.errors import OverheardError
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import SPLITS, Utterance
from targets.synthetic.corpus import SpeechRequest, default_cache, embedded_corpus, speak
from targets.synthetic.phrases import CANARIES, Template, distinct_fillings
from targets.synthetic.voices import voice_count

SPEECH_SEED = 0  # of the embedded corpus: the speech stays, coins and secrets change with the seed
CANARY_VOICES = 12  # that say the canaries where the private speech is real
EMBEDDED = "embedded"


def build_game(conditions: Conditions, seed: int, data: Path) -> Game:
    """Return the game of a suite for one seed; `data` is where folders of real speech lie.

    Raises:
        OverheardError: a folder is missing, its speech is unusable, or a key leaves nothing of it.
    """
    splits = conditions.speech
    rng = Randomness(seed)
    parts: dict[str, list[Utterance]] = {}
    first_voice = 0  # embedded splits take the voices in turn, so that they share none
    voices: dict[str, range] = {}
    for number, name in enumerate(SPLITS):
        speech: Speech = getattr(splits, name)
        with stage(number / 4, (number + 1) / 4):
            if speech.source == EMBEDDED:
                parts[name] = _embedded(speech, first_voice)
            else:
                parts[name] = real_speech(name, speech, rng, data)
        if speech.source == EMBEDDED:
            assert speech.speakers is not None
            voices[name] = range(first_voice, first_voice + speech.speakers)
            first_voice = voices[name].stop
    if not any(u.text for u in parts["public"]):
        raise OverheardError(
            "speech.public.transcribed: leaves no transcript to start from; give at least 1"
        )
    canary_voices = voices.get("private", range(first_voice, first_voice + CANARY_VOICES))
    with stage(3 / 4, 1):
        canaries = _canaries(conditions.canaries, canary_voices, rng.child("canaries"))
    candidates = [*parts["private"], *canaries]
    return Game.set_up(parts["public"], candidates, parts["test"], rng, conditions.unit)


def _embedded(speech: Speech, first_voice: int) -> list[Utterance]:
    assert speech.speakers is not None
    assert speech.utterances is not None
    _check_voices(first_voice + speech.speakers)
    corpus = embedded_corpus(
        speakers=speech.speakers,
        utterances=speech.utterances,
        seed=SPEECH_SEED,
        cache=default_cache(),
        first_speaker=first_voice,
        progress=_counted,
    )
    return first_transcribed(list(corpus), speech.transcribed)


def _canaries(wanted: Canaries, voices: range, rng: Randomness) -> list[Utterance]:
    """Return spoken canaries, each with a secret of its own drawn from the whole space."""
    if not wanted.count:
        return []
    _check_voices(voices.stop)
    kinds = _kinds(wanted)
    fillings = {
        # The first by the name it had when there was one.
        name: iter(
            distinct_fillings(
                _template(name),
                sum(kind.template == name for kind in kinds),
                rng.child("secrets", *([place] if place else [])),
            )
        )
        for place, name in enumerate(wanted.templates)
    }
    secrets = [next(fillings[kind.template]) for kind in kinds]
    requests = [
        SpeechRequest(
            id=f"canary-{number:04d}",
            speaker_index=voices[number % len(voices)],
            text=CANARIES[kind.template].fill(secret),
            rate_factor=kind.speed,
            attributes={
                CANARY: kind.template,
                SECRET: str(secret),
                REPETITIONS: str(kind.repetitions),
                **({} if kind.speed == 1 else {SPEED: f"{kind.speed:g}"}),
            },
        )
        for number, (kind, secret) in enumerate(zip(kinds, secrets, strict=True))
    ]
    spoken = speak(requests, seed=rng.integer(), cache=default_cache(), progress=_counted)
    return [
        obscured(canary, rng.child("noise", canary.id)) if kind.audio == "obscured" else canary
        for canary, kind in zip(spoken, kinds, strict=True)
    ]


class _Kind(NamedTuple):
    """What one canary is like."""

    audio: str
    speed: float
    template: str
    repetitions: int


def _kinds(wanted: Canaries) -> list[_Kind]:
    """Return what each of the wanted canaries is like: see `Canaries`."""
    every = itertools.product(wanted.audio, wanted.speeds, wanted.templates, wanted.repetitions)
    return list(itertools.islice(itertools.cycle(_Kind(*kind) for kind in every), wanted.count))


def _template(name: str) -> Template:
    try:
        return CANARIES[name]
    except KeyError:
        raise OverheardError(
            f"canaries: no template {name!r} (known: {', '.join(CANARIES)})"
        ) from None


def _check_voices(needed: int) -> None:
    if needed > voice_count():
        raise OverheardError(
            f"speech: {needed} embedded voices are asked for in all, there are {voice_count()}: "
            f"lower 'speakers'"
        )


def _counted(done: int, of: int) -> None:
    report(done / max(of, 1))
