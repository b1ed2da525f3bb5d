"""Continual federated training in which devices keep few of their old utterances.

Speech arrives in periods, as in `defenses.federated.scheme`, but not all that is older is dropped:
see `defenses.federated.keeping`. Which devices are drawn does not change. A device that is drawn
trains on what has arrived in the period, and on what it has kept.

**The price does not change, as long as each device chooses by itself.** What it keeps follows from
its own speech and from weights that have been released. So its update is still a function of its
own speech, and is cut to the same norm. Where devices coordinate, what one keeps depends on the
speech of others, and so does its update: one device more or less could move all updates of a
round. There is no `coordinated` under a guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from dp_accounting import NonPrivateDpEvent

from defenses.base import Trained, device_of, weights_of
from defenses.dpsgd.clipping import zeros
from defenses.dpsgd.mechanism import stage_of
from defenses.federated.clients import Client, clients_of, of_period
from defenses.federated.keeping import COORDINATED, DIVERSE, UNIFORM, Keeping, Memories
from defenses.federated.mechanism import FederatedGaussian, aggregate, clipped_update
from defenses.federated.scheme import DPFedAvg, FedAvg, _distinct
from defenses.federated.selection import drawn
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe

ALONE = (DIVERSE, UNIFORM)
EVERY = (DIVERSE, COORDINATED, UNIFORM)


@dataclass(frozen=True, kw_only=True)
class KeepingFedAvg(FedAvg):
    """`FedAvg` in which a device keeps up to `budget` old utterances.

    `keep` says which: see `Keeping`. With a budget of 0 it is `FedAvg`.
    """

    periods: int = 4
    keep: str = DIVERSE
    budget: int = 4

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already.

        Raises:
            OverheardError: an option is out of range.
        """
        del public
        local, selection = self.parts(recipe.expected_members)
        keeping = Keeping(self.keep, self.budget, EVERY)
        recognizer = recipe.build()
        clients = clients_of(members, recognizer.examples(members))
        memories = Memories(clients, self.periods, keeping, rng.child("keep"))

        def rounds() -> Iterator[int]:
            for number in range(self.rounds):
                period = stage_of(number, self.rounds, self.periods)
                memories.move_to(period, recognizer)
                present = of_period(clients, period, self.periods)
                if not present:
                    continue
                came = _distinct(present, self.per_round, selection, rng.child("round", number))
                total, heard = zeros(recognizer), 0
                for client in map(memories.with_kept, came):
                    stream = rng.child("local", number, client.name)
                    update = local.update(recognizer, client.examples, stream)
                    for parameter, part in update.items():
                        total[parameter] += part * len(client.examples)
                    heard += len(client.examples)
                for parameter, part in total.items():
                    parameter.grad = part / heard
                yield number

        self.serve(recognizer, rounds())
        return Trained(weights_of(recognizer), NonPrivateDpEvent(), unit="speaker")


@dataclass(frozen=True, kw_only=True)
class KeepingGaussian(FederatedGaussian):
    """`FederatedGaussian` over devices that keep few old utterances, each by itself."""

    keeping: Keeping

    def updates(
        self, recognizer: Recognizer, clients: Sequence[Client], rng: Randomness
    ) -> Iterator[int]:
        """See `FederatedGaussian`."""
        generator = rng.child("noise").torch(device_of(recognizer))
        memories = Memories(clients, self.periods, self.keeping, rng.child("keep"))
        for number in range(self.rounds):
            period = stage_of(number, self.rounds, self.periods)
            memories.move_to(period, recognizer)
            present = of_period(clients, period, self.periods)
            came = drawn(present, self.selection, rng.child("round", number))
            clipped = (
                clipped_update(recognizer, c, self.local, self.clip, rng.child("local", number))
                for c in map(memories.with_kept, came)
            )
            deviation = self.noise_multiplier * self.clip
            aggregate(clipped, zeros(recognizer), deviation, self.per_round, generator)
            yield number


@dataclass(frozen=True, kw_only=True)
class KeepingDPFedAvg(DPFedAvg):
    """`DPFedAvg` in which a device keeps up to `budget` old utterances, chosen by itself.

    `keep` is `diverse` or `uniform`: see `Keeping`. With a budget of 0 it is `DPFedAvg`.
    """

    periods: int = 4
    keep: str = DIVERSE
    budget: int = 4

    def mechanism(self, expected_members: int) -> KeepingGaussian:
        """See `DPFedAvg`."""
        keeping = Keeping(self.keep, self.budget, ALONE)
        plain = super().mechanism(expected_members)
        settings = {field.name: getattr(plain, field.name) for field in fields(plain)}
        return KeepingGaussian(**settings, keeping=keeping)
