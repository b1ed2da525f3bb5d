"""Training on transcripts whose words were moved by noise, one by one, and then spoken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from defenses.accounting.price import price
from defenses.base import Trained
from defenses.text.mechanism import NORMS, SENSITIVITY, Noise, NoisyLatents
from defenses.text.scheme import privatised, public_texts, taught_by_voices
from defenses.text.word_space import WordSpace
from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import Channel
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class WordNoise:
    """Noise on every word of a transcript, in a space of words that is calibrated by its density.

    Metric privacy, as such mechanisms are published with, promises less the farther two words are
    apart (Feyisetan et al. 2020, arXiv 1910.08902). ε here is for whole utterances: all words of
    the longest transcript may differ, each from one end of the space to the other. What it is for
    one word, and for a word and the one that is nearest to it, is in the notes.
    """

    epsilon: float
    noise: Noise = "gaussian"
    entries: int = 8
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
            OverheardError: ε is out of reach, `entries` is below 1, or there is no transcribed
                public speech.
        """
        if self.entries < 1:
            raise OverheardError(f"entries is {self.entries}; give at least 1")
        space = WordSpace(public_texts("word-noise", public), self.noise, self.entries)
        mechanism = self.mechanism(recipe.expected_members).calibrated(self.epsilon, recipe.delta)
        private = privatised(members, space, mechanism, rng.child("text"))
        with stage(0.1, 1.0):
            weights = taught_by_voices(recipe, private, public, self.channel, rng)
        notes = {
            "noise_multiplier": mechanism.scale,
            "texts": sum(map(bool, private)),
            **weaker_promises(space, mechanism, recipe.delta),
        }
        return Trained(weights, mechanism.event, notes, mechanism.unit)


def weaker_promises(space: WordSpace, mechanism: NoisyLatents, delta: float) -> dict[str, float]:
    """Return ε at δ for one word in the place of any other, and in that of its nearest.

    The second is the median over the words: what metric privacy promises of neighbours.
    """
    places = space.places
    apart = torch.cdist(places, places, p=float(NORMS[mechanism.noise]))
    apart.fill_diagonal_(torch.inf)
    nearest = float(apart.min(1).values.median())
    any_other = SENSITIVITY / space.longest ** (1 / NORMS[mechanism.noise])
    return {
        name: price(mechanism.event_of_distance(far), delta).epsilon
        for name, far in (("epsilon_of_a_word", any_other), ("epsilon_of_the_nearest", nearest))
        if 0 < far < torch.inf
    }
