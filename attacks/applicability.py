"""Whether an attack applies to a target: the attack says so itself, before it hears anything."""

from __future__ import annotations

from attacks.base import Attack, view_of
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import SAMPLE_RATE, Samples, Utterance


class _HeardError(Exception):
    """The attack has begun to listen, so that it had no reason against the target."""


class _Unheard:
    """A second of sound that stops whoever listens. See `Sound`."""

    size = SAMPLE_RATE

    def read(self) -> Samples:
        raise _HeardError


def reason_against(attack: Attack, target: Recognizer) -> str:
    """Return why an attack says that it does not apply to a target; empty where it says nothing.

    The attack is asked about a recording that stops it when it listens, so that nothing is
    computed. The recording is no canary: some attacks on canaries compute before they listen. The
    target's weights are frozen by it. It has no reference models: what an attack misses of a real
    game is no reason against the target.
    """
    unheard = Utterance("unheard", "nobody", _Unheard(), "a")
    view = view_of(attack.access, target, target, (unheard,))
    try:
        return attack.score(view, [unheard], Randomness(0)).reason
    except (_HeardError, OverheardError):
        return ""
