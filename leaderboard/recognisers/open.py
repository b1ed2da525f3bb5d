"""From what a person writes, such as `hf:FOLDER`, to a recogniser that can be asked."""

from __future__ import annotations

from leaderboard.recognisers.base import Opening, OutsideRecogniser, RecogniserError
from leaderboard.recognisers.registry import DOORS

FORMS = "hf:FOLDER, http:URL, FILE.py:Class, nemo:FILE.nemo or speechbrain:FOLDER"


def open_recogniser(spec: str, opening: Opening | None = None) -> OutsideRecogniser:
    """Return the recogniser that `spec` names.

    A door is called as `door(place, opening)`, where `place` is what follows the colon; addresses
    and scripts are given whole.

    Raises:
        RecogniserError: the spec has none of the known forms, or its door cannot open it.
    """
    door, place = door_of(spec)
    return DOORS.load(door)(place, opening or Opening())


def door_of(spec: str) -> tuple[str, str]:
    """Return the door of a spec, and what is behind it.

    Raises:
        RecogniserError: the spec has none of the known forms.
    """
    prefix, colon, rest = spec.partition(":")
    if spec.startswith(("http://", "https://")):
        return "http", spec
    script = spec.removeprefix("script:")
    file, _, name = script.rpartition(":")
    if file.endswith(".py") and name.isidentifier():
        return "script", script
    if colon and rest and prefix in DOORS:
        return prefix, rest
    if prefix.endswith(".py"):
        raise RecogniserError(f"{spec}: name the class too, like {prefix}:Mine")
    raise RecogniserError(f"{spec}: is no recogniser; write {FORMS}")
