"""Training on anonymised voices: shifted, or replaced by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dp_accounting import NonPrivateDpEvent

from defenses.base import Trained
from defenses.public.nonprivate import NonPrivate
from defenses.text.scheme import taught_by_voices
from defenses.voice.shift import drawn_shift, shifted
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import Channel
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class ShiftedVoice:
    """Plain training on the members, each in a voice of another pitch and other formants.

    How far it is moved is drawn anew for every utterance. What is said and its prosody stay. It
    hides a voice from a listener, and promises nothing: the weights may keep all that was said.
    """

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`."""
        said = [
            replace(u, samples=shifted(u.samples, drawn_shift(rng.child("shift", number))))
            for number, u in enumerate(members)
        ]
        return NonPrivate().train(recipe, said, public, rng.child("fit"))


@dataclass(frozen=True)
class ReplacedVoice:
    """Plain training on the private transcripts, said by public voices.

    Nothing of the private sound is left, its prosody neither. The transcripts are as they were, and
    nothing is promised: the weights may keep all that was said.
    """

    channel: Channel = "microphone"

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`."""
        texts = [u.text for u in members]
        weights = taught_by_voices(recipe, texts, public, self.channel, rng)
        return Trained(weights, NonPrivateDpEvent())
