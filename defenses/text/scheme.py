"""Training on transcripts that were privatised and then spoken: ADePT, and its public control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from dp_accounting import NoOpDpEvent

from defenses.base import Trained, weights_of
from defenses.text.autoencoder import taught_autoencoder
from defenses.text.codec import Codec
from defenses.text.mechanism import Noise, NoisyLatents, seated
from defenses.text.spoken import public_voices, spoken
from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import Channel
from targets.training.fit import fit
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class ADePT:
    """ADePT (Krishna et al. 2021) at its true price, for speech.

    An auto-encoder of public transcripts makes a latent of each private transcript. The latents are
    cut and get noise (`NoisyLatents`), the decoder makes texts of them, public voices say these,
    and the target learns from that as from any speech. The private sound is never used: all that
    the weights know of an utterance went through its noisy latent.

    Published is Laplace noise on latents that are cut in Euclidean norm, which needs √`entries`
    times as much noise as it was given. Here latents are cut in the norm that the noise goes by.
    """

    epsilon: float
    noise: Noise = "laplace"
    entries: int = 32
    hidden: int = 96
    text_epochs: int = 40
    channel: Channel = "microphone"

    def mechanism(self, seats: int) -> NoisyLatents:
        """Return what is released of so many utterances, before it is calibrated."""
        return NoisyLatents(self.noise, seats)

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`.

        Raises:
            OverheardError: ε is out of reach, an option is out of range, or there is no transcribed
                public speech.
        """
        for name in ("entries", "hidden", "text_epochs"):
            if getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}; give at least 1")
        texts = public_texts("adept", public)
        mechanism = self.mechanism(recipe.expected_members).calibrated(self.epsilon, recipe.delta)
        with stage(0.0, 0.3):
            codec = taught_autoencoder(
                texts,
                mechanism,
                entries=self.entries,
                hidden=self.hidden,
                epochs=self.text_epochs,
                rng=rng.child("auto-encoder"),
            )
        private = privatised(members, codec, mechanism, rng.child("text"))
        with stage(0.3, 1.0):
            weights = taught_by_voices(recipe, private, public, self.channel, rng)
        notes = {"noise_multiplier": mechanism.scale, "texts": sum(map(bool, private))}
        return Trained(weights, mechanism.event, notes, mechanism.unit)


@dataclass(frozen=True)
class PublicSpoken:
    """Public transcripts, said by public voices: ε is 0. The control of every privatised text.

    As many texts as private ones would be, drawn from the public ones, go the same way. What a
    target gains from it comes from the voices and the channel, not from private text.
    """

    channel: Channel = "microphone"

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`.

        Raises:
            OverheardError: there is no transcribed public speech.
        """
        del members
        texts = public_texts("spoken-public", public)
        drawn = rng.child("texts").numpy().integers(len(texts), size=recipe.expected_members)
        weights = taught_by_voices(recipe, [texts[i] for i in drawn], public, self.channel, rng)
        return Trained(weights, NoOpDpEvent(), {"texts": len(drawn)})


def public_texts(scheme: str, public: Sequence[Utterance]) -> list[str]:
    """Return the public transcripts.

    Raises:
        OverheardError: there are none.
    """
    texts = [u.text for u in public if u.text]
    if not texts:
        raise OverheardError(f"{scheme} needs transcribed public speech to learn its texts from")
    return texts


def privatised(
    members: Sequence[Utterance], codec: Codec, mechanism: NoisyLatents, rng: Randomness
) -> list[str]:
    """Return a text for each seat of the mechanism, of what it released of the members."""
    latents = codec.encoded([u.text for u in seated(members, mechanism.seats)])
    return codec.decoded(mechanism.released(latents, rng.child("release")), rng.child("decoder"))


def taught_by_voices(
    recipe: Recipe,
    texts: Sequence[str],
    public: Sequence[Utterance],
    channel: Channel,
    rng: Randomness,
) -> dict[str, torch.Tensor]:
    """Return the weights of the target, from its start, taught texts that public voices say."""
    said = spoken(texts, public_voices(public), channel, rng.child("voices"))
    recognizer = recipe.build()
    if said:
        fit(recognizer, said, recipe.schedule, rng.child("fit"))
    return weights_of(recognizer)
