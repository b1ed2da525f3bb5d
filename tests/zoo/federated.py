"""Broken kinds of DP-FedAvg: promises for a whole user that hold for less."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from defenses.federated import mechanism
from defenses.federated.clients import Client
from defenses.federated.scheme import DPFedAvg
from defenses.federated.selection import Selection
from leaderboard.audits import gradient_canaries
from leaderboard.audits.gradient_canaries import Setting
from tests.zoo.mechanisms import BATCH, DELTA, Broken


def _each_utterance_clipped():
    """Cut what each utterance teaches, add that up, and claim it of the whole device."""
    real = mechanism.clipped_update

    def broken(recognizer, client, local, clip, rng):
        alone = [Client(client.name, [example]) for example in client.examples]
        updates = [real(recognizer, one, local, clip, rng) for one in alone]
        return {parameter: sum(u[parameter] for u in updates) for parameter in updates[0]}

    return patch.object(mechanism, "clipped_update", broken)


def _uniform_price():
    """Draw by activity, and price every device as the average one."""
    return patch.object(Selection, "worst", property(lambda self: self.average))


def _twice_in_a_round():
    """Let a device that was drawn report twice, as after a lost connection."""
    real = mechanism.drawn

    def broken(clients, selection, rng):
        return [client for client in real(clients, selection, rng) for _ in range(2)]

    return patch.object(mechanism, "drawn", broken)


def _noise_in_shares():
    """Let each device that came add its share of the noise of the expected number.

    A secure sum of one device is that device's update, under its share alone.
    """
    real = mechanism.aggregate

    def broken(updates, total, deviation, expected, generator):
        came = list(updates)
        real(came, total, deviation * (len(came) / expected) ** 0.5, expected, generator)

    return patch.object(mechanism, "aggregate", broken)


def _noise_shared():
    """Seed the noise anew in every round: two rounds subtracted leave updates alone."""
    real = mechanism.aggregate

    def broken(updates, total, deviation, expected, generator):
        again = generator.manual_seed(generator.initial_seed())
        real(updates, total, deviation, expected, again)

    return patch.object(mechanism, "aggregate", broken)


def devices(epsilon=4.0, rate=0.25, rounds=8, *, held=1, selection="uniform", company=0):
    """Watch the sums of DP-FedAvg; the canary is a device that holds so many utterances.

    The average device holds one, and the heaviest is drawn `held` times as often.
    """
    chosen = DPFedAvg(
        epsilon,
        rounds=rounds,
        clients=round(BATCH / rate),
        per_round=BATCH,
        local_rate=1.0,
        selection=selection,
        heaviest=float(held),
    )
    setting = Setting(chosen, chosen.clients, DELTA, company=company, repetitions=held)
    return partial(gradient_canaries.many_runs, setting)


FEDERATED = (
    Broken(
        "a user-level ε claimed on each utterance clipped, 8 on a device",
        "dp-fedavg",
        _each_utterance_clipped,
        devices(held=8),
        runs=40,
    ),
    Broken(
        "devices drawn by activity, priced as uniform",
        "dp-fedavg",
        _uniform_price,
        devices(rate=0.125, rounds=16, held=8, selection="activity"),
        runs=150,
    ),
    Broken("a device twice in a round", "dp-fedavg", _twice_in_a_round, devices(), runs=300),
    Broken(
        "a secure sum that reveals one device, noise in shares",
        "dp-fedavg",
        _noise_in_shares,
        devices(),
        runs=80,
    ),
    Broken("noise shared over rounds", "dp-fedavg", _noise_shared, devices(), runs=80),
)
