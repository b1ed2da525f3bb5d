"""Continual federated training with replay: devices keep few of their old utterances.

Speech arrives in periods, as in `defenses.federated.scheme`, but not all that is older is dropped:
see `defenses.federated.memories`. Which devices are drawn does not change. A device that is drawn
trains on what has arrived in the period, and on what it has kept.

**The price does not change, as long as each device chooses by itself**, and who is drawn does not
depend on what is kept. What a device keeps follows from its own speech and from weights that have
been released. So its update is still a function of its own speech, and is cut to the same norm.
Where devices coordinate, what one keeps depends on the speech of others, and so does its update:
one device more or less could move all updates of a round. There is no `coordinated` under a
guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from dp_accounting import NonPrivateDpEvent

from defenses.base import Trained, device_of, weights_of
from defenses.dpsgd.clipping import zeros
from defenses.federated.clients import Client, clients_of
from defenses.federated.mechanism import FederatedGaussian, aggregate, clipped_update
from defenses.federated.memories import Alone, Kind, Memories, Replay
from defenses.federated.scheme import DPFedAvg, FedAvg, _distinct
from defenses.federated.selection import drawn
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ReplayFedAvg(FedAvg):
    """`FedAvg` in which a device keeps up to `budget` old utterances.

    `keep` says which: see `Replay`. With a budget of 0 it is `FedAvg`.

    Raises:
        OverheardError: there is no such way to choose, the budget is negative, or there is but one
            period.
    """

    periods: int = 4
    keep: Kind = "diverse"
    budget: int = 4

    def __post_init__(self) -> None:
        """Refuse what could keep nothing."""
        check_replay(self.replay, get_args(Kind), self.periods)

    @property
    def replay(self) -> Replay:
        """What a device keeps."""
        return Replay(self.keep, self.budget)

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
        recognizer = recipe.build()
        clients = clients_of(members, recognizer.examples(members))
        memories = Memories(clients, self.periods, self.replay, rng.child("keep"))

        def rounds() -> Iterator[int]:
            for number, present in memories.rounds(self.rounds, recognizer):
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
class ReplayGaussian(FederatedGaussian):
    """`FederatedGaussian` over devices that keep few old utterances, each by itself."""

    replay: Replay

    def updates(
        self, recognizer: Recognizer, clients: Sequence[Client], rng: Randomness
    ) -> Iterator[int]:
        """See `FederatedGaussian`."""
        generator = rng.child("noise").torch(device_of(recognizer))
        memories = Memories(clients, self.periods, self.replay, rng.child("keep"))
        for number, present in memories.rounds(self.rounds, recognizer):
            # By what has arrived, never by what is kept: the price needs it.
            came = drawn(present, self.selection, rng.child("round", number))
            clipped = (
                clipped_update(recognizer, c, self.local, self.clip, rng.child("local", number))
                for c in map(memories.with_kept, came)
            )
            deviation = self.noise_multiplier * self.clip
            aggregate(clipped, zeros(recognizer), deviation, self.per_round, generator)
            yield number


@dataclass(frozen=True, kw_only=True)
class ReplayDPFedAvg(DPFedAvg):
    """`DPFedAvg` in which a device keeps up to `budget` old utterances, chosen by itself.

    `keep` is `diverse` or `uniform`: see `Replay`. With a budget of 0 it is `DPFedAvg`.

    Raises:
        OverheardError: there is no such way to choose, the budget is negative, or there is but one
            period.
    """

    periods: int = 4
    keep: Alone = "diverse"
    budget: int = 4

    def __post_init__(self) -> None:
        """Refuse what could keep nothing, and what would let devices coordinate."""
        check_replay(self.replay, get_args(Alone), self.periods)

    @property
    def replay(self) -> Replay:
        """What a device keeps."""
        return Replay(self.keep, self.budget)

    def mechanism(self, expected_members: int) -> ReplayGaussian:
        """See `DPFedAvg`."""
        local, selection = self.parts(expected_members)
        return ReplayGaussian(
            local=local,
            selection=selection,
            rounds=self.rounds,
            per_round=self.per_round,
            clip=self.clip,
            periods=self.periods,
            replay=self.replay,
        )


def check_replay(replay: Replay, kinds: Sequence[str], periods: int) -> None:
    """Raise OverheardError unless a device may keep something of an earlier period, and so."""
    if replay.kind not in kinds:
        raise OverheardError(f"keep is {replay.kind!r}; use one of {', '.join(kinds)}")
    if replay.budget < 0:
        raise OverheardError(f"budget is {replay.budget}; give 0 for nothing, or more")
    if periods < 2:
        raise OverheardError(f"periods is {periods}; give at least 2: in one nothing is old")
