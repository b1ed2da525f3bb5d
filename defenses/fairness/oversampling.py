"""Oversampling of cohorts (Dheram et al. 2022, arXiv 2207.11345), plain and under DP-SGD.

Under DP the more often an utterance is drawn, the more it gives away. So the whole mechanism is
priced at the rate of those that are drawn most, and the noise follows from that: for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from dp_accounting import NonPrivateDpEvent

from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import ClippedExamples, Gradients, normalised_sum
from defenses.dpsgd.mechanism import BoundedSum, SubsampledGaussian
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.scheme import descend
from defenses.fairness.cohorts import cohort_of, sizes
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class Oversampled:
    """Plain training in which small cohorts are heard as often as the largest, without privacy.

    Cohorts are told apart by an `attribute` of the members. Each is repeated a whole number of
    times, `most` times at most. The number of steps stays about that of plain training.
    """

    attribute: str = "accent"
    most: int = 8

    def __post_init__(self) -> None:
        """Refuse what repeats nobody.

        Raises:
            OverheardError: `most` is below 1.
        """
        if self.most < 1:
            raise OverheardError(f"most is {self.most}; give at least 1")

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already."""
        del public
        recognizer = recipe.build()
        heard = balanced(members, self.attribute, self.most)
        if heard:
            epochs = max(1, round(recipe.schedule.epochs * len(members) / len(heard)))
            fit(recognizer, heard, replace(recipe.schedule, epochs=epochs), rng)
        notes = {"training_utterances": float(len(heard))}
        return Trained(weights_of(recognizer), NonPrivateDpEvent(), notes)


def balanced(members: Sequence[Utterance], attribute: str, most: int) -> list[Utterance]:
    """Return members, those of small cohorts several times; those of no known cohort once."""
    found = sizes(members, attribute)
    largest = max(found.values(), default=0)
    times = {value: min(most, round(largest / count)) for value, count in found.items()}
    return [m for m in members for _ in range(times.get(cohort_of(m, attribute), 1))]


@dataclass(frozen=True)
class OversampledEDPSGD:
    """`EDPSGD` that draws one cohort `factor` times as often as all others.

    The `cohort` is a value of an `attribute`, and both are public. All others are drawn at the rate
    that `batch_size` gives.
    """

    epsilon: float
    attribute: str = "accent"
    cohort: str = ""
    factor: float = 3.0
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already.

        Raises:
            OverheardError: no cohort is named, an option is out of range, or ε is out of reach.
        """
        del public
        if not self.cohort:
            raise OverheardError(f"cohort is empty: name the {self.attribute} that is drawn more")
        rate, steps = rate_and_steps(recipe.expected_members, self.batch_size, self.epochs)
        highest = rate * self.factor
        if not (self.factor >= 1 and highest <= 1):
            raise OverheardError(
                f"factor is {self.factor:g}; give 1 to {1 / rate:g}, since a batch of "
                f"{self.batch_size} draws one in {1 / rate:g}"
            )
        recognizer = recipe.build()
        examples = recognizer.examples(members)
        kept = {
            id(example): 1.0 if cohort_of(m, self.attribute) == self.cohort else 1 / self.factor
            for example, m in zip(examples, members, strict=True)
        }
        thinned = Thinned(ClippedExamples(normalised_sum, 1.0), kept, rng.child("thinning").numpy())
        mechanism = SubsampledGaussian(thinned, highest, steps, self.batch_size)
        mechanism = mechanism.calibrated(self.epsilon, recipe.delta)
        released = mechanism.gradients(recognizer, examples, rng)
        descend(recognizer, released, steps, self.learning_rate)
        notes = {
            "noise_multiplier": mechanism.noise_multiplier,
            "sampling_rate": rate,
            "highest_rate": highest,
            "steps": steps,
        }
        return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


@dataclass(frozen=True, eq=False)
class Thinned:
    """A bounded sum over those of a batch that a coin of their own keeps in it.

    Who is drawn at the rate q and kept with the probability k is drawn at the rate q k: what one
    utterance more or less changes is dominated by the same at the rate q, which is priced.
    `kept` has the probability of every example, by its identity.
    """

    bounded_sum: BoundedSum
    kept: Mapping[int, float]
    generator: np.random.Generator

    @property
    def sensitivity(self) -> float:
        """See `BoundedSum`."""
        return self.bounded_sum.sensitivity

    def __call__(self, recognizer: Recognizer, batch: Sequence[Example]) -> Gradients:
        """See `BoundedSum`."""
        coins = self.generator.random(len(batch))
        chosen = [e for e, coin in zip(batch, coins, strict=True) if coin < self.kept[id(e)]]
        return self.bounded_sum(recognizer, chosen)
