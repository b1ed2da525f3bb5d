"""Who sent the update, and of which accent and gender: the tables of attribute inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc
from attacks.updates.attributes import Classes, Enrolled
from attacks.updates.whitening import Matrix, basis, coordinates
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from tests.studies.server.world import Case, World, cases

SHARES = (0.01, 0.1, 1.0, 10.0)  # of the mean clutter: one is chosen on public voices
DRAWS = 4  # sums with, and sums without, each private voice
ATTRIBUTES = ("accent", "gender")

Answer = Callable[[Matrix, int, float], Matrix]  # sums, clients and noise to scores (M, N)


@dataclass(frozen=True, eq=False)
class Simulated:
    """What the server simulates, in coordinates: updates of public voices, and of enrolment."""

    public: Matrix
    calls: Sequence[Sequence[Utterance]]  # of each public update
    enrolled: Matrix

    def speakers(self) -> list[str]:
        """Return who each public update is of."""
        return [calls[0].speaker for calls in self.calls]

    def labels(self, attribute: str) -> list[str]:
        """Return the attribute of each public update."""
        return [calls[0].attributes[attribute] for calls in self.calls]


def tables(world: World) -> tuple[list[list[str]], list[list[str]]]:
    """Return the table of single clients, and that of sums."""
    calls = world.devices()
    public, enrolled = world.updates(calls), world.updates(world.part(1))
    seen = world.updates(world.part(0))
    truths = {a: [c[0].attributes[a] for c in world.part(0)] for a in ATTRIBUTES}
    rng = Randomness(0).child("server")
    single, sums = [], []
    learnt: dict[tuple[str, ...], tuple[Matrix, dict[str, Classes], Enrolled]] = {}
    for case in cases(world.size):
        clients, *way = case.name
        if tuple(way) not in learnt:  # what is learnt is the same for any number of clients
            columns = basis(torch.cat([case.sent(public), case.sent(enrolled)]))
            known, looked, sent = (
                coordinates(case.sent(rows), columns) for rows in (public, enrolled, seen)
            )
            simulated = Simulated(known, calls, looked)
            attributes = {a: _classes(simulated, a, case) for a in ATTRIBUTES}
            learnt[tuple(way)] = sent, attributes, _enrolled(simulated, case)
        sent, attributes, who = learnt[tuple(way)]
        drawn = rng.child(clients, *way)
        if case.clients == 1:
            noise = case.sigma * drawn.numpy().standard_normal(sent.shape)
            single.append(_single(case, sent + noise, attributes, who, truths))
        sums.append(_sums(case, sent, attributes, who, truths, drawn))
    return single, sums


def _classes(simulated: Simulated, attribute: str, case: Case) -> Classes:
    """Return the classes, with the share that finds most public speakers who were left out."""
    labels, speakers = simulated.labels(attribute), simulated.speakers()
    of, who = np.array(labels), np.array(speakers)

    def found(share: float) -> int:
        right = 0
        for speaker in sorted(set(speakers)):
            rest = who != speaker
            left = Classes.learn(simulated.public[rest], list(of[rest]), list(who[rest]), share)
            scores = left.scores(simulated.public[~rest], 1, case.sigma)
            right += int((np.array(left.names)[scores.argmax(1)] == of[~rest]).sum())
        return right

    share = max(SHARES, key=found)
    return Classes.learn(simulated.public, labels, speakers, share)


def _enrolled(simulated: Simulated, case: Case) -> Enrolled:
    """Return the enrolled, with the share by which public speakers are told apart best.

    Half of them are enrolled by their first device and looked for by the next, and the other half
    says what is clutter.
    """
    speakers = simulated.speakers()
    who = np.array(speakers)
    names = sorted(set(speakers))

    def apart(share: float) -> float:
        margins = []
        for start in (0, 1):
            half = names[start::2]
            rest = ~np.isin(who, half)
            first, second = ([np.flatnonzero(who == n)[i] for n in half] for i in (0, 1))
            known = Enrolled.learn(
                simulated.public[first], simulated.public[rest], list(who[rest]), share
            )
            scores = known.likeness(simulated.public[second], 1, case.sigma)
            margins.append((np.diag(scores)[:, None] > scores).mean())
        return float(np.mean(margins))

    share = max(SHARES, key=apart)
    return Enrolled.learn(simulated.enrolled, simulated.public, speakers, share)


def _single(
    case: Case,
    seen: Matrix,
    attributes: dict[str, Classes],
    who: Enrolled,
    truths: dict[str, list[str]],
) -> list[str]:
    shown = []
    for attribute, classes in attributes.items():
        guesses = np.array(classes.names)[classes.scores(seen, 1, case.sigma).argmax(1)]
        shown.append(counted(guesses == np.array(truths[attribute])))
    likeness = who.likeness(seen, 1, case.sigma)
    shown.append(counted(likeness.argmax(1) == np.arange(len(seen))))
    return [*case.name[1:], *shown]


def _sums(
    case: Case,
    sent: Matrix,
    attributes: dict[str, Classes],
    who: Enrolled,
    truths: dict[str, list[str]],
    rng: Randomness,
) -> list[str]:
    """Return how well sums with a client are told from sums without: AUC by device.

    With is that device and others, without is as many others. Others of an attribute are those who
    have another value of it.
    """
    shown = []
    names = {"speaker": [str(n) for n in range(len(sent))]}
    for what, answers in (truths | names).items():
        told: Answer = who.likeness if what == "speaker" else attributes[what].scores
        values = sorted(set(answers), key=int) if what == "speaker" else attributes[what].names
        of = np.array(answers)
        drawn = rng.child(what).numpy()
        sides: tuple[list[Matrix], list[Matrix]] = ([], [])
        device = np.repeat(np.arange(len(sent)), DRAWS)
        for own in device:
            others = drawn.permutation(np.flatnonzero(of != of[own]))
            for side, extra in zip(sides, ([own], []), strict=True):
                picked = [*extra, *others[: case.clients - len(extra)]]
                noise = case.sigma * drawn.standard_normal(sent.shape[1])
                side.append(sent[picked].sum(0) + noise)
        place = [list(values).index(of[own]) for own in device]
        inside, outside = (
            told(np.stack(s), case.clients, case.sigma)[np.arange(len(device)), place]
            for s in sides
        )
        shown.append(area(inside, outside, device, device))
    return [*case.name, *shown]


def counted(right: NDArray[np.bool_]) -> str:
    """Return how many are right, and the rate with its exact interval."""
    answer = binomtest(int(right.sum()), len(right)).proportion_ci()
    rate = right.mean()
    return f"{right.sum()} of {len(right)}: {rate:.2f} [{answer.low:.2f}, {answer.high:.2f}]"


def area(
    inside: Matrix, outside: Matrix, groups_in: Sequence[int], groups_out: Sequence[int]
) -> str:
    """Return an AUC, with an interval that resamples devices."""
    rng = Randomness(0).child("bootstrap").numpy()
    trials = Trials(
        inside, outside, "utterance", "observational", np.array(groups_in), np.array(groups_out)
    )
    estimate = auc(trials, rng=rng)
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
