"""Federated averaging (McMahan et al. 2017, arXiv 1602.05629), without and with a guarantee.

A round: the server sends its weights to some devices, each trains on its own speech, and the mean
of what they changed is added to the weights. No setting is read off the private speech: how many
`clients` there are is a public guess, and how much they say on average follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from dp_accounting import NonPrivateDpEvent

from defenses.accounting.price import price
from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import trained_parameters, zeros
from defenses.dpsgd.mechanism import stage_of
from defenses.dpsgd.trained_weights import trained_weights
from defenses.federated.clients import Client, clients_of, of_period
from defenses.federated.local_training import LocalTraining
from defenses.federated.mechanism import FederatedGaussian
from defenses.federated.selection import Selection
from targets.core.errors import OverheardError
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The options of every kind of federated averaging.

    `clients` is how many devices are expected, `per_round` how many take part in a round. A device
    trains `local_epochs` on its utterances, in batches of `batch_size`, by gradient descent at
    `local_rate`. The server adds the mean of their updates times `server_rate`, with `momentum`.
    `selection` is `uniform` or by `activity`, up to `heaviest` times as often as the average
    device. With several `periods` data arrives as training goes on, and what is older than a period
    is dropped.
    """

    rounds: int = 20
    clients: int = 32
    per_round: int = 8
    local_epochs: int = 1
    batch_size: int = 16
    local_rate: float = 0.2
    server_rate: float = 1.0
    momentum: float = 0.0
    selection: str = "uniform"
    heaviest: float = 4.0
    periods: int = 1

    def parts(self, expected_members: int) -> tuple[LocalTraining, Selection]:
        """Return what a device does, and which devices are drawn.

        Raises:
            OverheardError: an option is out of range.
        """
        check_rounds(self.rounds, self.periods, self.server_rate, self.momentum)
        average = rate_of(self.per_round, self.clients)
        held = expected_members / self.clients / self.periods
        selection = Selection(self.selection, average, held, self.heaviest)
        return LocalTraining(self.local_epochs, self.batch_size, self.local_rate), selection

    def serve(self, recognizer: Recognizer, rounds: Iterable[int]) -> None:
        """Go along the means that are set before each round's number is yielded."""
        optimizer = torch.optim.SGD(
            trained_parameters(recognizer),
            lr=self.server_rate,
            momentum=self.momentum,
            maximize=True,
        )
        for number in rounds:
            optimizer.step()
            report((number + 1) / self.rounds)


@dataclass(frozen=True, kw_only=True)
class FedAvg(Rounds):
    """Federated averaging without privacy: what devices reveal by their updates alone.

    Updates weigh as many utterances as they come from.
    """

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

        def rounds() -> Iterator[int]:
            for number in range(self.rounds):
                period = stage_of(number, self.rounds, self.periods)
                present = of_period(clients, period, self.periods)
                if not present:
                    continue
                chosen = _distinct(present, self.per_round, selection, rng.child("round", number))
                total = zeros(recognizer)
                for client in chosen:
                    stream = rng.child("local", number, client.name)
                    update = local.update(recognizer, client.examples, stream)
                    for parameter, part in update.items():
                        total[parameter] += part * len(client.examples)
                for parameter, part in total.items():
                    parameter.grad = part / sum(len(client.examples) for client in chosen)
                yield number

        self.serve(recognizer, rounds())
        return Trained(weights_of(recognizer), NonPrivateDpEvent(), unit="speaker")


@dataclass(frozen=True)
class DPFedAvg(Rounds):
    """Federated averaging with a guarantee for a whole speaker.

    A device is in a round by a coin of its own, of probability `per_round` / `clients` on average.
    Its whole update is cut to norm `clip`, noise is added to their sum, and all weigh the same. The
    noise is calibrated to `epsilon` for the device that is drawn most often. `weights` are those
    that training moves, `rank` that of the adapters: see `defenses.dpsgd.trained_weights`. The rest
    is as in `Rounds`.
    """

    epsilon: float
    clip: float = 0.3
    weights: str = "all"
    rank: int = 4

    def mechanism(self, expected_members: int) -> FederatedGaussian:
        """Return what adds the noise, not yet calibrated.

        Raises:
            OverheardError: an option is out of range.
        """
        local, selection = self.parts(expected_members)
        return FederatedGaussian(
            local, selection, self.rounds, self.per_round, self.clip, periods=self.periods
        )

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already.

        Raises:
            OverheardError: an option is out of range, or ε is out of reach.
        """
        del public
        mechanism = self.mechanism(recipe.expected_members).calibrated(self.epsilon, recipe.delta)
        recognizer = recipe.build()
        with trained_weights(recognizer.network, self.weights, self.rank, rng.child("adapters")):
            count = sum(p.numel() for p in trained_parameters(recognizer))
            clients = clients_of(members, recognizer.examples(members))
            released = mechanism.updates(recognizer, clients, rng)
            self.serve(recognizer, released)
        notes: dict[str, float | str] = {
            "noise_multiplier": mechanism.noise_multiplier,
            "sampling_rate": mechanism.selection.worst,
            "rounds": self.rounds,
            "trained_weights": count,
        }
        if mechanism.selection.worst > mechanism.selection.average:
            notes["average_rate"] = mechanism.selection.average
            # What would be claimed if every device were taken for an average one.
            notes["claimed_epsilon"] = price(mechanism.naive_event, recipe.delta).epsilon
        return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


def rate_of(per_round: int, clients: int) -> float:
    """Return how likely the average device is in a round, from public numbers alone.

    Raises:
        OverheardError: nobody takes part, or more than there are.
    """
    if per_round < 1:
        raise OverheardError(f"per_round is {per_round}; give at least 1")
    if per_round > clients:
        raise OverheardError(
            f"per_round {per_round} is above the {clients} expected clients: give a smaller "
            "per_round, or say with 'clients' how many there are"
        )
    return per_round / clients


def check_rounds(rounds: int, periods: int, server_rate: float, momentum: float) -> None:
    """Raise OverheardError unless a server goes somewhere."""
    if rounds < 1:
        raise OverheardError(f"rounds is {rounds}; give at least 1")
    if not 1 <= periods <= rounds:
        raise OverheardError(f"periods is {periods}; give 1 up to the {rounds} rounds")
    if not 0 < server_rate < math.inf:
        raise OverheardError(f"server_rate is {server_rate:g}; give a number above 0")
    if not 0 <= momentum < 1:
        raise OverheardError(f"momentum is {momentum:g}; give at least 0, below 1")


def _distinct(
    clients: Sequence[Client], count: int, selection: Selection, rng: Randomness
) -> list[Client]:
    """Return up to so many clients, none twice, in proportion to their probabilities."""
    rates = np.array([selection.rate(len(client.examples)) for client in clients])
    size = min(count, len(clients))
    chosen = rng.numpy().choice(len(clients), size, replace=False, p=rates / rates.sum())
    return [clients[i] for i in sorted(chosen)]
