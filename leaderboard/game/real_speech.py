"""The real speech that a suite asks for: read from its folder, filtered, and drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from leaderboard.game.clients import on_devices
from leaderboard.game.draw import of_speakers, stratified
from leaderboard.spec.paths import corpus_folder
from leaderboard.spec.speech import Speech
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.corpora.entry import CorpusError
from targets.corpora.read import read_corpus
from targets.speech.utterance import Utterance


def real_speech(
    name: str, speech: Speech, rng: Randomness, data: Path, taken: Collection[str] = ()
) -> list[Utterance]:
    """Return the real speech of one split of a game, below the folder `data`.

    `rng` is the stream of the seed: what is drawn has a stream of its own below it. Speakers that
    are `taken` are left out. Where the suite names clients, they are the speakers.

    Raises:
        OverheardError: the folder is missing, its speech is unusable, or a key leaves nothing of
            it; the key is named.
    """
    folder = corpus_folder(speech.source, data)
    try:
        utterances: Sequence[Utterance] = tuple(read_corpus(folder, split=speech.split))
    except CorpusError as error:
        raise OverheardError(f"speech.{name}: {error}") from None
    if taken:
        utterances = [u for u in utterances if u.speaker not in taken]
        if not utterances:
            raise OverheardError(
                f"speech.{name}: every speaker of {speech.source} is in another split already: "
                "lower its 'speakers'"
            )
    if speech.clients is not None:
        utterances = on_devices(name, utterances, speech.clients, data, rng.child("clients"))
    longest = speech.max_seconds
    if longest is not None:
        shortest = min(u.duration for u in utterances)
        utterances = [u for u in utterances if u.duration <= longest]
        if not utterances:
            raise OverheardError(
                f"speech.{name}.max_seconds: {longest:g} leaves no utterance of {speech.source}, "
                f"whose shortest lasts {shortest:.2f} s; give more"
            )
    drawn = rng.child("speech", name)
    if speech.take == "first":
        return first_transcribed(_first(utterances, speech), speech.transcribed)
    if speech.speakers is not None:
        utterances = of_speakers(utterances, speech.speakers, drawn.child("speakers"))
    if speech.utterances is not None:
        utterances = stratified(utterances, speech.utterances, drawn.child("utterances"))
    if speech.transcribed is None:
        return list(utterances)
    kept = stratified(utterances, speech.transcribed, drawn.child("transcribed"))
    return _without_words(utterances, {u.id for u in kept})


def told_apart(parts: Mapping[str, Sequence[Utterance]]) -> dict[str, list[Utterance]]:
    """Return splits in which an id of several recordings has the name of its split before it.

    Two corpora may name their files alike. The same recording in two splits keeps its id, and is
    refused by the game.
    """
    named: dict[str, list[tuple[str, Utterance]]] = {}
    for name, utterances in parts.items():
        for utterance in utterances:
            named.setdefault(utterance.id, []).append((name, utterance))
    alike = {
        identity
        for identity, found in named.items()
        if len({name for name, _ in found}) == len(found) > 1
        and not any(
            np.array_equal(one.samples, other.samples)
            for (_, one), (_, other) in combinations(found, 2)
        )
    }
    return {
        name: [replace(u, id=f"{name}/{u.id}") if u.id in alike else u for u in utterances]
        for name, utterances in parts.items()
    }


def first_transcribed(utterances: Sequence[Utterance], count: int | None) -> list[Utterance]:
    """Withhold the transcripts of all but the first `count` utterances; None withholds none."""
    kept = utterances if count is None else utterances[:count]
    return _without_words(utterances, {u.id for u in kept})


def _first(utterances: Sequence[Utterance], speech: Speech) -> Sequence[Utterance]:
    """Return what suites from before speech was drawn have taken."""
    if speech.speakers is not None:
        kept = sorted({u.speaker for u in utterances})[: speech.speakers]
        utterances = [u for u in utterances if u.speaker in kept]
    return utterances[: speech.utterances]


def _without_words(utterances: Sequence[Utterance], kept: set[str]) -> list[Utterance]:
    return [u if u.id in kept else u.without_words() for u in utterances]
