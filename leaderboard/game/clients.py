"""Speech by the devices that hold it: a partition from a file, or one that is dealt out unevenly.

A device takes the place of the speaker, so that a coin, a promise and an audit for the `speaker`
are those of the device. Who really spoke is kept beside.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.spec.clients import Clients
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

SAID_BY = "said_by"  # the attribute that keeps the speaker
SHOWN = 3  # of what is wrong, named in a message


def on_devices(
    name: str, utterances: Sequence[Utterance], clients: Clients, data: Path, rng: Randomness
) -> list[Utterance]:
    """Return the utterances of a split that some device holds, each with it as the speaker.

    The file of a partition lies below `data`.

    Raises:
        OverheardError: the file cannot be used, or nothing is known of what is dealt out by.
    """
    if clients.by == "file":
        assert clients.file is not None
        path = data / clients.file
        held = read_partition(path, {u.id for u in utterances}, f"speech.{name}")
    else:
        assert clients.count is not None
        held = dealt(utterances, clients.by, clients.count, clients.alpha or 1.0, rng)
        if not held:
            raise OverheardError(
                f"speech.{name}.clients: nothing is known of the {clients.by} of an utterance: "
                "deal them out by quantity, or name a file"
            )
    return [
        replace(
            u,
            samples=u.sound,
            speaker=held[u.id],
            attributes={**u.attributes, SAID_BY: u.speaker},
        )
        for u in utterances
        if u.id in held
    ]


def read_partition(path: Path, known: Collection[str], of: str) -> dict[str, str]:
    """Return the client of each utterance id, from a JSON object of client to list of ids.

    `known` are the ids that there are, `of` says of what.

    Raises:
        OverheardError: the file is missing or no such object, a client is named twice or holds
            nothing, or an id is unknown or at two places.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OverheardError(
            f"{path}: no such partition; put it there, or name its folder with --data"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OverheardError(f"{path}: cannot be read as text: {error}") from None
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _once(path, pairs))
    except (ValueError, RecursionError) as error:
        raise OverheardError(f"{path}: is no JSON: {error}") from None
    if not isinstance(content, dict) or not content:
        raise OverheardError(f"{path}: should be an object of client to list of utterance ids")
    home: dict[str, str] = {}
    for client, ids in content.items():
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise OverheardError(f"{path}: client {client!r}: should have a list of utterance ids")
        if not client.strip() or not client.isprintable() or not ids:
            raise OverheardError(
                f"{path}: client {client!r}: has no name that can be shown, or no utterance; "
                "rename it or leave it out"
            )
        for identity in ids:
            if identity in home:
                where = "twice" if home[identity] == client else f"at {home[identity]!r}, too"
                raise OverheardError(
                    f"{path}: client {client!r}: utterance {identity!r} is there {where}; "
                    "an utterance is on one device"
                )
            home[identity] = client
    unknown = [identity for identity in home if identity not in known]
    if unknown:
        listed = ", ".join(f"{i!r} of {home[i]!r}" for i in unknown[:SHOWN])
        raise OverheardError(
            f"{path}: {len(unknown)} of {len(home)} utterances are not in {of}, as {listed}; "
            f"ids look like {min(known, default='')!r} there"
        )
    return home


def _once(path: Path, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise OverheardError(f"{path}: client {twice!r} is there twice; join its lists")
    return found


def dealt(
    utterances: Sequence[Utterance], by: str, count: int, alpha: float, rng: Randomness
) -> dict[str, str]:
    """Return the device of each utterance id, dealt to `count` devices unevenly.

    All utterances with one value of an attribute go to devices by shares that are drawn from a
    symmetric Dirichlet distribution, anew for each value, so that devices differ in what they hold
    and in how much (as Hsu et al. 2019, arXiv 1909.06335, make uneven classes). By `quantity` all
    utterances are of one value. Empty if no utterance has the attribute.
    """
    values = ["" if by == "quantity" else u.attributes.get(by, "") for u in utterances]
    if by != "quantity" and not any(values):
        return {}
    held: dict[str, str] = {}
    width = len(str(count - 1))
    for value in sorted(set(values)):
        shares = rng.child("shares", value).numpy().dirichlet(np.full(count, alpha))
        ends = np.cumsum(shares)
        for utterance, mine in zip(utterances, values, strict=True):
            if mine == value:
                # By its own name: an utterance more or less moves no other.
                place = rng.child("utterance", utterance.id).numpy().random() * ends[-1]
                number = min(int(np.searchsorted(ends, place, side="right")), count - 1)
                held[utterance.id] = f"device-{number:0{width}d}"
    return held


def refuse_shared_people(parts: Mapping[str, Sequence[Utterance]]) -> None:
    """Raise OverheardError where who spoke on a device is in another split, or has its name."""
    private = parts.get("private", ())
    said = {u.attributes[SAID_BY]: u.speaker for u in private if SAID_BY in u.attributes}
    for name, others in parts.items():
        if name == "private" or not said:
            continue
        speakers = {u.speaker for u in others}
        shared = sorted(set(said) & speakers)
        if shared:
            raise OverheardError(
                f"speech.private.clients: {shared[0]!r}, who spoke on {said[shared[0]]!r}, is in "
                f"speech.{name} too: the splits must share no speaker"
            )
        alike = sorted(set(said.values()) & speakers)
        if alike:
            raise OverheardError(
                f"speech.private.clients: client {alike[0]!r} has the name of a speaker of "
                f"speech.{name}; rename it"
            )
