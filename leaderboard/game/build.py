"""From a suite's conditions to the speech and the coins of its game."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attacks.canaries.canary import CANARY, SECRET, SPEED, obscured
from leaderboard.game.clients import SAID_BY, on_devices, refuse_shared_people
from leaderboard.game.game import REPETITIONS, Game
from leaderboard.game.real_speech import first_transcribed, real_speech, told_apart
from leaderboard.spec.canaries import Canaries
from leaderboard.spec.cell import Conditions
from leaderboard.spec.speech import Speech
from targets.core.errors import OverheardError
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.speech.language import ENGLISH
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import (
    SpeechRequest,
    default_cache,
    heard,
    say_phrases,
    speak,
)
from targets.synthetic.phrases import CANARIES, PERSONAL_SHARE, Template, distinct_fillings
from targets.synthetic.voices import ACCENTS, voice, voice_count

SPEECH_SEED = 0  # of the embedded corpus: the speech stays, coins and secrets change with the seed
CANARY_VOICES = 12  # that say the canaries where the private speech is real
EMBEDDED = "embedded"
PUBLIC = "public", "untranscribed"  # the splits that everyone has

Voices = dict[int, str | None]  # and the language of each: None is English and goes without saying


def build_game(conditions: Conditions, target: str, seed: int, data: Path) -> Game:
    """Return the game of one target and seed; `data` is where folders of real speech lie.

    Speech and secrets are the same for all targets, the coins are each target's own: what chance
    does to one leaves the others alone.

    Raises:
        OverheardError: a folder is missing, its speech is unusable, or a key leaves nothing of it.
    """
    splits = conditions.speech.named
    voices = _dealt_out(splits)
    with stage(0.0, len(splits) / (len(splits) + 1)):
        parts = speech_of(conditions, data)
    public = _public(parts)
    rng = Randomness(seed)
    own = [v for v in range(voice_count()) if not any(v in taken for taken in voices.values())]
    with stage(len(splits) / (len(splits) + 1), 1):
        canaries = _canaries(
            conditions.canaries,
            voices.get("private") or dict.fromkeys(own[:CANARY_VOICES]),
            splits["private"],
            rng.child("canaries"),
        )
    candidates = [*parts["private"], *canaries]
    return Game.set_up(public, candidates, parts["test"], rng.child(target), conditions.unit)


def public_speech(conditions: Conditions, data: Path) -> list[Utterance]:
    """Return what is public in a game, and make no other embedded speech.

    Raises:
        OverheardError: see `build_game`.
    """
    splits = conditions.speech.named
    # All that is real: it has to be told apart, and is only read.
    wanted = [name for name, one in splits.items() if name in PUBLIC or one.source != EMBEDDED]
    return _public(speech_of(conditions, data, wanted))


def _public(parts: Mapping[str, Sequence[Utterance]]) -> list[Utterance]:
    if not any(u.text for u in parts["public"]):
        raise OverheardError(
            "speech.public.transcribed: leaves no transcript to start from; give at least 1"
        )
    return [*parts["public"], *(u.without_words() for u in parts.get("untranscribed", ()))]


def speech_of(
    conditions: Conditions, data: Path, names: Collection[str] | None = None
) -> dict[str, list[Utterance]]:
    """Return the speech of the splits of a game, or of those `names` alone: no canaries, no coins.

    Splits that come from one folder are dealt out in their order, so that a split needs those
    before it.

    Raises:
        OverheardError: a folder is missing, its speech is unusable, or a key leaves nothing of it.
    """
    splits = conditions.speech.named
    voices = _dealt_out(splits)
    wanted = {name: split for name, split in splits.items() if names is None or name in names}
    parts: dict[str, list[Utterance]] = {}
    # Real speech first: what is wrong with it is said before any is made.
    made_last = sorted(wanted.items(), key=lambda split: split[1].source == EMBEDDED)
    for number, (name, speech) in enumerate(made_last):
        with stage(number / len(wanted), (number + 1) / len(wanted)):
            if speech.source == EMBEDDED:
                parts[name] = _embedded(name, speech, voices[name], data)
            else:
                taken = _speakers_before(name, splits, parts)
                parts[name] = real_speech(name, speech, Randomness(SPEECH_SEED), data, taken)
    refuse_shared_people(parts)
    return told_apart(parts)


def _speakers_before(
    name: str, splits: Mapping[str, Speech], parts: Mapping[str, Sequence[Utterance]]
) -> set[str]:
    """Return the speakers of the same folder and split that an earlier group took its share of.

    A group that says how many speakers it wants leaves the others to those after it.
    """
    mine, taken = splits[name], set[str]()
    for earlier, speech in splits.items():
        if earlier == name:
            break
        same = (speech.source, speech.split) == (mine.source, mine.split)
        if same and speech.speakers is not None:
            taken |= {u.attributes.get(SAID_BY, u.speaker) for u in parts[earlier]}
    return taken


def _dealt_out(splits: Mapping[str, Speech]) -> dict[str, Voices]:
    """Return the embedded voices of each split: the next that fit, so that none share one."""
    free = list(range(voice_count()))
    voices: dict[str, Voices] = {}
    for name, speech in splits.items():
        if speech.source != EMBEDDED:
            continue
        assert speech.speakers is not None
        # Other languages first, then accents with a quota; without any it is one group.
        groups: list[tuple[str | None, Collection[str], int]] = [
            (language, ACCENTS, count) for language, count in speech.languages.items()
        ]
        english = ENGLISH if speech.languages else None
        groups += [(english, (accent,), count) for accent, count in speech.quota.items()]
        others = set(speech.accents or ACCENTS) - set(speech.quota)
        groups.append((english, others, speech.speakers - sum(count for *_, count in groups)))
        taken: Voices = {}
        for language, accents, count in groups:
            found = _first(name, free, accents, count)
            taken |= dict.fromkeys(found, language)
            free = [v for v in free if v not in found]
        voices[name] = dict(sorted(taken.items()))
    return voices


def _first(name: str, free: Sequence[int], accents: Collection[str], count: int) -> list[int]:
    """Return the first free embedded voices with some accents."""
    fitting = [v for v in free if voice(v).accent in accents]
    if count > len(fitting):
        every = len(set(accents)) == len(ACCENTS)
        of_accents = "" if every else f" with accent {' or '.join(sorted(accents))}"
        raise OverheardError(
            f"speech.{name}: {count} embedded voices{of_accents} are asked for, "
            f"{len(fitting)} of {voice_count()} are left: lower 'speakers'"
        )
    return fitting[:count]


def _embedded(name: str, speech: Speech, voices: Voices, data: Path) -> list[Utterance]:
    assert speech.utterances is not None
    spoken = say_phrases(
        list(voices),
        speech.utterances,
        seed=SPEECH_SEED,
        cache=default_cache(),
        personal=PERSONAL_SHARE if speech.personal is None else speech.personal,
        channel=speech.channel,
        phrases=speech.phrases,
        languages={v: language for v, language in voices.items() if language is not None},
        accent=speech.other_accent,
        progress=_counted,
    )
    if speech.clients is not None:
        rng = Randomness(SPEECH_SEED).child("clients")
        spoken = on_devices(name, spoken, speech.clients, data, rng)
    return first_transcribed(spoken, speech.transcribed)


def _canaries(
    wanted: Canaries, voices: Voices, private: Speech, rng: Randomness
) -> list[Utterance]:
    """Return spoken canaries, each with a secret of its own drawn from the whole space.

    They are English, said by voices that speak it, and heard as the private speech is.
    """
    if not wanted.count:
        return []
    english = [v for v, language in voices.items() if language in (None, ENGLISH)]
    if not english:
        why, lower = (
            ("no private voice speaks English", "speech.private.languages, or leave canaries out")
            if voices
            else ("no embedded voice is left", "'speakers' of other voices")
        )
        raise OverheardError(f"canaries: {why}, to say them: lower {lower}")
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
            id=identity,
            speaker_index=english[number % len(english)],
            text=CANARIES[kind.template].fill(secret),
            rate_factor=kind.speed,
            attributes={
                CANARY: kind.template,
                SECRET: str(secret),
                REPETITIONS: str(kind.repetitions),
                **({} if kind.speed == 1 else {SPEED: f"{kind.speed:g}"}),
            },
            language=voices[english[number % len(english)]],
            accent=private.other_accent,
        )
        for number, (identity, kind, secret) in enumerate(
            zip(wanted.ids, kinds, secrets, strict=True)
        )
    ]
    spoken = speak(requests, seed=rng.integer(), cache=default_cache(), progress=_counted)
    recorded = (
        obscured(canary, rng.child("noise", canary.id)) if kind.audio == "obscured" else canary
        for canary, kind in zip(spoken, kinds, strict=True)
    )
    return [heard(canary, private.channel, rng.child("channel", canary.id)) for canary in recorded]


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


def _counted(done: int, of: int) -> None:
    report(done / max(of, 1))
