"""The mechanism of DP-FedAvg: noisy means of the clipped updates of devices drawn by chance.

McMahan et al. (2018, arXiv 1710.06963). What is clipped is everything that a device did in a round,
however many utterances and steps that took: so one speaker more or less moves the sum by at most
the clipping norm, and the guarantee is for all that a speaker ever said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from dp_accounting import DpEvent

from defenses.accounting.price import calibrated, dp_sgd_event
from defenses.base import device_of
from defenses.dpsgd.clipping import Gradients, check_clip, zeros
from defenses.dpsgd.mechanism import set_noisy_mean, stage_of
from defenses.federated.clients import Client, of_period
from defenses.federated.local_training import LocalTraining, norm_of
from defenses.federated.selection import Selection, drawn
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Unit


@dataclass(frozen=True)
class FederatedGaussian:
    """Poisson-sampled Gaussian queries over devices: `rounds` noisy means of clipped updates.

    Means are over `per_round`, a public number: how many really came is private. The noise has the
    deviation `noise_multiplier` times `clip`. `noise_multiplier` is 1 until it is calibrated.
    In each of `periods` equal parts of the rounds devices hold what arrived in that period alone;
    a device that has something in all of them is priced.

    Raises:
        OverheardError: the clipping norm is no number above 0.
    """

    local: LocalTraining
    selection: Selection
    rounds: int
    per_round: float
    clip: float
    noise_multiplier: float = 1.0
    periods: int = 1

    def __post_init__(self) -> None:
        """Refuse a clip norm that would let no update through, or no noise."""
        check_clip(self.clip)

    @property
    def unit(self) -> Unit:
        """The speaker: a device has one coin a round, and one clipped update, for all of theirs."""
        return "speaker"

    @property
    def event(self) -> DpEvent:
        """What all rounds together did to the device that is drawn most often."""
        return dp_sgd_event(self.noise_multiplier, self.selection.worst, self.rounds)

    @property
    def naive_event(self) -> DpEvent:
        """What they would have done had all devices been drawn as often as the average one."""
        return dp_sgd_event(self.noise_multiplier, self.selection.average, self.rounds)

    def calibrated(self, epsilon: float, delta: float) -> FederatedGaussian:
        """Return the mechanism with the least noise at which it costs no more than ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        noise = calibrated(dp_sgd_event, epsilon, delta, self.selection.worst, self.rounds)
        return replace(self, noise_multiplier=noise)

    def updates(
        self, recognizer: Recognizer, clients: Sequence[Client], rng: Randomness
    ) -> Iterator[int]:
        """Set the noisy mean of every round as the gradient of the parameters; yield its number.

        It is the way to go, not the way down: a server goes along it. Nothing else of the clients
        leaves: what is done between two rounds is post-processing.
        """
        generator = rng.child("noise").torch(device_of(recognizer))
        for number in range(self.rounds):
            present = of_period(clients, stage_of(number, self.rounds, self.periods), self.periods)
            came = drawn(present, self.selection, rng.child("round", number))
            clipped = (
                clipped_update(recognizer, c, self.local, self.clip, rng.child("local", number))
                for c in came
            )
            deviation = self.noise_multiplier * self.clip
            aggregate(clipped, zeros(recognizer), deviation, self.per_round, generator)
            yield number


def clipped_update(
    recognizer: Recognizer, client: Client, local: LocalTraining, clip: float, rng: Randomness
) -> Gradients:
    """Return a client's update, cut to norm `clip` over all parameters together."""
    update = local.update(recognizer, client.examples, rng.child(client.name))
    factor = clip / norm_of(list(update.values())).clamp_min(clip)
    return {parameter: part * factor for parameter, part in update.items()}


def aggregate(
    updates: Iterable[Gradients],
    total: Gradients,
    deviation: float,
    expected: float,
    generator: torch.Generator,
) -> None:
    """Add up updates and noise, and set the mean as the gradient: all that a server sees.

    `total` are zeros. The noise does not depend on how many came: nobody is as many as everybody.
    """
    for update in updates:
        for parameter, part in update.items():
            total[parameter] += part
    set_noisy_mean(total, deviation, expected, generator)
