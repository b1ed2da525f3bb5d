"""White-box audits of PATE: the auditor chooses the queries and poisons one utterance.

The mechanism is `PATE.train`, untouched: sharding, teaching, voting, noise and the student. Only
the recogniser is a rig with one weight, which says "yes" once it has learnt from a poisoned
utterance and "no" before. Within the threat model one utterance reaches one teacher, whose vote
moves from one of two hypotheses to the other in every query: as far as a guarantee must allow.

What is watched is either the noisy counts, which the accounting prices, or only the labels that
the student is given, one for every query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from dp_accounting import DpEvent
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks.statistics.evidence import Trials
from defenses.pate import teachers
from defenses.pate.mechanism import NoisyVotes
from defenses.pate.scheme import PATE
from defenses.pate.votes import watching_votes
from leaderboard.audits.gradient_canaries import Evidence
from targets.core.errors import OverheardError
from targets.core.progress import listening, report
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.nn.layers import Linear
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe, Schedule

NO, YES = "no", "yes"  # the two hypotheses of every query
CANARY = "canary"
ALL_AT_ONCE = Schedule(epochs=1, batch_size=1_000)
COMPANY = 64  # names tried for company in other shards than the canary's


@dataclass(frozen=True)
class VoteSetting:
    """A world for a poisoned utterance: the ensemble, and how many other teachers are poisoned.

    With about half of them poisoned the vote is tied but for the canary's teacher, and the labels
    tell most. `company` must be 0 where shards are not disjoint: it would drown the canary.
    """

    defense: PATE
    delta: float
    company: int = 0

    def __post_init__(self) -> None:
        """Refuse what is not watched.

        Raises:
            OverheardError: the votes are Confident-GNMax.
        """
        if self.defense.noise == "confident":
            raise OverheardError(
                "vote canaries audit pate-gnmax and pate-lnmax; pate-confident-gnmax pays for "
                "tests of agreement, too, which they do not watch"
            )


class _Rig(nn.Module):
    """As much of a `Recognizer` as PATE touches: one weight a teacher, that poison pulls up."""

    hears_log_mel = False  # there is nothing in one feature that could be hidden

    def __init__(self, lessons: list[str]) -> None:
        super().__init__()
        weight = Linear(1, 1, bias=False)
        nn.init.zeros_(weight.weight)
        self.network = nn.Sequential(weight)
        self._lessons = lessons

    def examples(self, utterances: Sequence[Utterance]) -> list[Example]:
        """Return one feature an utterance, and note the texts: a student is taught them."""
        self._lessons[:] = [u.text for u in utterances]
        return [Example(torch.ones(1, 1, device="cpu"), []) for _ in utterances]

    def example_nll(self, batch: Sequence[Example]) -> Tensor:
        """Return (B,): each example pulls the weight up."""
        return -self.network(torch.stack([e.features for e in batch])).flatten()

    def logmel(self, utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
        """Return the one feature of every query, (B, 1, 1), and how many frames each has."""
        count = len(utterances)
        return torch.ones(count, 1, 1, device="cpu"), torch.ones(count, device="cpu")

    def transcribe_features(self, features: Tensor, counts: Tensor) -> list[str]:
        """Return what the teachers hear: the poison's word, where they were taught any."""
        del counts
        return [YES if heard > 0 else NO for heard in self.network(features).flatten().tolist()]

    def hypotheses(
        self, utterances: Sequence[Utterance], size: int
    ) -> list[list[tuple[str, float]]]:
        """Return the two words for every query: public speech is the auditor's choice."""
        return [[(NO, -1.0), (YES, -1.0)][:size] for _ in utterances]


@dataclass(frozen=True)
class _RigRecipe:
    """As much of a `Recipe` as PATE asks for; `lessons` are the texts of the last fit."""

    delta: float
    lessons: list[str] = field(default_factory=list)
    schedule: Schedule = ALL_AT_ONCE
    device: str = "cpu"

    def self_trained(self) -> _RigRecipe:
        return self

    def build(self) -> _Rig:
        return _Rig(self.lessons)


def train_and_watch(
    setting: VoteSetting, poisoned: bool, rng: Randomness
) -> tuple[DpEvent, float, NDArray[np.float64], list[str]]:
    """Train once; return the event, the noise, the noisy counts (queries, 2) and the labels."""
    members = _company(setting, rng.child("shards"))
    if poisoned:
        members.append(_utterance(CANARY, YES))
    queries = [_utterance(f"query-{i}", "") for i in range(setting.defense.queries)]
    recipe = _RigRecipe(setting.delta)
    with watching_votes() as noisy:
        # The rig keeps every promise that PATE relies on, and no other.
        trained = setting.defense.train(cast(Recipe, recipe), members, queries, rng)
    return trained.event, float(trained.notes["vote_noise"]), np.array(noisy), recipe.lessons


def many_runs(setting: VoteSetting, runs: int, rng: Randomness) -> Evidence:
    """Train 2 `runs` times, half of them with the canary; every score has a run of its own."""
    event: DpEvent | None = None
    sides: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(2 * runs):
        is_member = number % 2 == 0
        with listening(None):
            claimed, noise, noisy, labels = train_and_watch(
                setting, is_member, rng.child("run", number)
            )
        if event is not None and claimed != event:
            raise OverheardError(f"the event depends on the data: {event} and {claimed}")
        event = claimed
        # Whole numbers tie, and no threshold may cut through a tie: a fraction drawn by chance
        # orders equals, and tells nothing.
        fraction = float(rng.child("tie", number).numpy().random())
        label_score = labels.count(YES) - labels.count(NO) + fraction
        sides[is_member].append((likelihood(setting, noise, noisy), label_score))
        report((number + 1) / (2 * runs))
    assert event is not None
    members, others = (np.array(sides[inside]) for inside in (True, False))
    trials = {
        name: Trials(members[:, i], others[:, i], "utterance", "many_runs")
        for i, name in enumerate(("counts", "labels"))
    }
    return Evidence(event, trials)


def side_by_side(
    mechanism: NoisyVotes, canaries: int, rng: Randomness, together: int = 2_000
) -> Evidence:
    """Answer votes among very many hypotheses, two for each canary and its teacher, and watch.

    The mechanism is the scheme's own, calibrated; each canary's coin moves one vote from its first
    hypothesis to its second, in every query. The scores are independent of each other if the noise
    on one count tells nothing of another's, as the event says.
    """
    sides: dict[bool, list[NDArray[np.float64]]] = {True: [], False: []}
    for number, first in enumerate(range(0, canaries, together)):
        count = min(together, canaries - first)
        stream = rng.child("votes", number)
        coins = stream.child("coins").numpy().random(count) < 0.5
        votes = np.stack([~coins, coins], axis=1).astype(np.int64).ravel()
        answers = mechanism.answers([votes] * mechanism.queries, stream.child("noise").numpy())
        noisy = np.array(answers).reshape(mechanism.queries, count, 2)
        scores = (noisy[..., 1] - noisy[..., 0]).sum(0)
        if mechanism.noise == "laplace":
            # As in `likelihood`: equal ratios are ordered by the difference.
            out, inside = np.array([1, 0]), np.array([0, 1])
            ratio = (np.abs(noisy - out) - np.abs(noisy - inside)).sum((0, 2)) / mechanism.scale
            scores = ratio + 1e-9 * scores / mechanism.scale
        for is_member in (True, False):
            sides[is_member].append(scores[coins == is_member])
        report((first + count) / canaries)
    members, others = (np.concatenate(sides[inside]) for inside in (True, False))
    return Evidence(mechanism.event, {"counts": Trials(members, others, "utterance", "many_runs")})


def likelihood(setting: VoteSetting, noise: float, noisy: NDArray[np.float64]) -> float:
    """Return the log-likelihood ratio of the noisy counts (queries, 2): one more YES, one less NO.

    For Gaussian noise it is the difference of the counts, up to scale and offset.
    """
    company = min(setting.company, setting.defense.teachers - 1)
    out = np.array([setting.defense.teachers - company, company])
    difference = float(np.sum(noisy[:, 1] - noisy[:, 0]))
    if setting.defense.noise == "gaussian":
        return difference
    inside = out + np.array([-1, 1])
    ratio = float(np.sum(np.abs(noisy - out) - np.abs(noisy - inside))) / noise
    # Laplace ratios are exactly equal in whole regions; any order among equals is as good, and
    # thresholds that must not cut through ties need one.
    return ratio + 1e-9 * difference / noise


def _company(setting: VoteSetting, rng: Randomness) -> list[Utterance]:
    """Return poisoned members, one each for so many teachers that are not the canary's.

    How members are sharded is public; the auditor looks where the mechanism would put them.
    """
    if not setting.company:
        return []
    pool = [_utterance(CANARY, YES), *(_utterance(f"company-{i}", YES) for i in range(COMPANY))]
    others = [
        shard[0]
        for shard in teachers.shards(pool, setting.defense.teachers, rng)
        if shard and shard[0].id != CANARY
    ]
    return others[: setting.company]


def _utterance(name: str, text: str) -> Utterance:
    return Utterance(name, name, np.zeros(0, np.float32), text)
