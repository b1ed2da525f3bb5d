"""White-box audits of noisy descent: crafted gradients go in, every noisy update is watched.

The mechanism is the defense's own `train`, untouched. Only what it trains is a rig: a linear model
in which utterance i has whatever gradient the auditor wrote down for it, so that clipping, the
sum, the noise, the sampling and the optimiser are the real ones and nothing else costs time.

A canary's gradient is far longer than the clipping norm and points where no other gradient does.
Neighbouring datasets then differ as much as the guarantee allows, at every step in which the
canary is drawn, and what the updates show along that direction is all there is to know.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from dp_accounting import DpEvent, GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import binom
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from attacks.statistics.evidence import Trials
from defenses.base import Defense
from defenses.dpsgd.adamix import public_share
from defenses.dpsgd.ftrl import DPFTRL
from defenses.federated.scheme import DPFedAvg
from leaderboard.audits import ordered_canaries
from targets.core.errors import OverheardError
from targets.core.progress import listening, report
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.nn.layers import Linear
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe

LOUD = 1e4  # norm of a crafted gradient: cut to the clipping norm, and normalised to nearly one
QUIET = 32  # directions without any gradient, where the noise is seen alone
PUBLIC = 4  # utterances beside canaries, where training mixes public gradients with private ones
SILENCE = np.zeros(0, np.float32)

Updates = NDArray[np.float64]  # (steps, directions), in clipping norms of one example


@dataclass(frozen=True)
class Evidence:
    """What an audit of one mechanism saw: the event it claims, and trials of every statistic."""

    event: DpEvent
    trials: Mapping[str, Trials]


class NoisyDescent(Defense, Protocol):
    """A scheme that releases noisy sums of gradients, cut to `clip` (1 where it has none).

    Sums are divided by `batch_size`.
    """

    @property
    def batch_size(self) -> int:
        """The expected size of a batch."""
        ...


@dataclass(frozen=True)
class Setting:
    """A world for canaries: the defense, the public numbers, and who else is in the data.

    `tensors` is how many parameter tensors a gradient is spread over, equally. `company` is how
    many other members there are, each with a direction of its own. `repetitions` is how often a
    canary is in the data: so many entries, each drawn by its own coin, or all on its device.
    `public` is how many public utterances there are, with gradients of norm 1 along the first
    canary's direction. Canaries are in the cohort that the defense names, if it names one: that may
    be drawn more often than all others.
    """

    defense: NoisyDescent | DPFedAvg
    expected_members: int
    delta: float
    tensors: int = 1
    company: int = 0
    repetitions: int = 1
    public: int = 0

    @property
    def unit(self) -> Unit:
        """What a canary is: an utterance, or all that a device holds."""
        return "speaker" if isinstance(self.defense, DPFedAvg) else "utterance"

    @property
    def attributes(self) -> dict[str, str]:
        """What the corpus says of canaries."""
        attribute = getattr(self.defense, "attribute", "")
        return {attribute: getattr(self.defense, "cohort", "")} if attribute else {}

    @property
    def norms(self) -> float:
        """What turns an update into clipping norms of one unit, along the canary's gradient."""
        if isinstance(self.defense, DPFedAvg):  # its updates go down
            return -self.defense.per_round / self.defense.clip
        return self.defense.batch_size / getattr(self.defense, "clip", 1.0)


class _Network(nn.Module):
    """One linear functional a parameter tensor."""

    def __init__(self, tensors: int, directions: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Linear(directions, 1, bias=False) for _ in range(tensors))


class _Rig(nn.Module):
    """As much of a `Recognizer` as training touches; an example's gradient is its features.

    Who has no direction in `of` is public.
    """

    def __init__(self, tensors: int, directions: int, of: Mapping[str, int]) -> None:
        super().__init__()
        self.network = _Network(tensors, directions)
        self._shape = tensors, directions
        self._of = of

    def examples(self, utterances: Sequence[Utterance]) -> list[Example]:
        """Return the crafted gradients: of norm `LOUD`, public ones 1, equal in all tensors."""
        found = []
        for utterance in utterances:
            features = torch.zeros(self._shape, device="cpu")
            norm = LOUD if utterance.id in self._of else 1.0
            features[:, self._of.get(utterance.id, 0)] = norm / math.sqrt(self._shape[0])
            found.append(Example(features, []))
        return found

    def example_nll(self, batch: Sequence[Example]) -> Tensor:
        """Return (B,): linear in the weights, so that the gradient is the same at every step."""
        x = torch.stack([e.features for e in batch])
        parts = [part(x[:, i : i + 1]) for i, part in enumerate(self.network.parts)]
        return torch.cat(parts, 1).sum((1, 2))


@dataclass(frozen=True)
class _RigRecipe:
    """As much of a `Recipe` as a defense asks for."""

    tensors: int
    directions: int
    of: Mapping[str, int]
    delta: float
    expected_members: int
    device: str = "cpu"

    def build(self) -> _Rig:
        return _Rig(self.tensors, self.directions, self.of)

    def self_trained(self) -> _RigRecipe:
        """It has learnt all there is from untranscribed speech, which is nothing."""
        return self


@contextmanager
def watching_updates() -> Iterator[list[Tensor]]:
    """Keep the gradient that every optimiser inside is handed, (tensors, directions) a step.

    It is what DP-SGD releases: the noisy mean. Whatever the optimiser makes of it is
    post-processing.
    """
    seen: list[Tensor] = []

    def look(optimizer: Optimizer, *_: object) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        seen.append(torch.cat([p.grad.detach().clone() for p in parameters]))

    handle = register_optimizer_step_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


def train_and_watch(
    setting: Setting, is_member: Sequence[bool], rng: Randomness
) -> tuple[DpEvent, Updates]:
    """Train once with the canaries that are members; return the event and the updates.

    The first directions of the updates are the canaries', in order, whether they are in or not.
    """
    names = _canaries(len(is_member))
    others = [f"company-{i}" for i in range(setting.company)]
    of = {name: i for i, name in enumerate([*names, *others])}
    chosen = [name for name, inside in zip(names, is_member, strict=True) if inside]
    present = [name for name in chosen for _ in range(setting.repetitions)] + others
    recipe = _RigRecipe(
        setting.tensors,
        len(of) + (QUIET if setting.company else 0),
        of,
        setting.delta,
        setting.expected_members,
    )
    members = [Utterance(n, n, SILENCE, "", attributes=setting.attributes) for n in present]
    with watching_updates() as seen:
        # The rig keeps every promise that training relies on, and no other.
        public = [Utterance(f"public-{i}", "", SILENCE, "a") for i in range(setting.public)]
        trained = setting.defense.train(cast(Recipe, recipe), members, public, rng)
    # Along a direction spread equally over the tensors; in units of one clipped gradient.
    along = (torch.stack(seen).sum(1) / math.sqrt(setting.tensors)).double().numpy()
    if setting.public:  # what is known is taken off
        share = public_share(setting.public, setting.expected_members)
        along[:, 0] -= share
        along /= 1 - share
    return trained.event, along * setting.norms


def many_runs(setting: Setting, runs: int, rng: Randomness) -> Evidence:
    """Train 2 `runs` times, half of them with one canary; every score has a run of its own."""
    event: DpEvent | None = None
    sides: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for number in range(2 * runs):
        is_member = number % 2 == 0
        with listening(None):
            claimed, updates = train_and_watch(setting, [is_member], rng.child("run", number))
        if event is not None and claimed != event:
            raise OverheardError(f"the event depends on the data: {event} and {claimed}")
        event = claimed
        found = _statistics(setting, updates[:, :1], event)
        if setting.company:
            found["quiet"] = quiet(updates[:, 1 + setting.company :])
        sides[is_member].append({name: float(values[0]) for name, values in found.items()})
        report((number + 1) / (2 * runs))
    assert event is not None
    trials = {
        name: Trials(
            np.array([s[name] for s in sides[True]]),
            np.array([s[name] for s in sides[False]]),
            setting.unit,
            "many_runs",
        )
        for name in sides[True][0]
    }
    return Evidence(event, trials)


def one_run(setting: Setting, canaries: int, rng: Randomness) -> Evidence:
    """Train once with many canaries, each by its own fair coin and along its own direction."""
    coins = rng.child("coins").numpy().random(canaries) < 0.5
    event, updates = train_and_watch(setting, coins.tolist(), rng.child("run"))
    found = _statistics(setting, updates[:, :canaries], event)
    return Evidence(
        event,
        {name: Trials(s[coins], s[~coins], setting.unit, "one_run") for name, s in found.items()},
    )


def side_by_side(setting: Setting, canaries: int, runs: int, rng: Randomness) -> Evidence:
    """Train `runs` times with many canaries, by fair coins and each along its own direction.

    The scores are independent of each other if the mechanism is what its event says: noise and
    draws of one direction then tell nothing of another's. They are many runs' at the price of few,
    for audits that hold the event itself to account.
    """
    event: DpEvent | None = None
    sides: dict[bool, list[NDArray[np.float64]]] = {True: [], False: []}
    for number in range(runs):
        stream = rng.child("run", number)
        coins = stream.child("coins").numpy().random(canaries) < 0.5
        with listening(None):
            claimed, updates = train_and_watch(setting, coins.tolist(), stream)
        if event is not None and claimed != event:
            raise OverheardError(f"the event depends on the data: {event} and {claimed}")
        event = claimed
        scores = _statistics(setting, updates[:, :canaries], event)["likelihood"]
        for inside in (True, False):
            sides[inside].append(scores[coins == inside])
        report((number + 1) / runs)
    assert event is not None
    members, others = (np.concatenate(sides[inside]) for inside in (True, False))
    return Evidence(event, {"likelihood": Trials(members, others, setting.unit, "many_runs")})


def _statistics(
    setting: Setting, updates: Updates, event: DpEvent
) -> dict[str, NDArray[np.float64]]:
    """Return what the attacker of the setting's defense computes of each canary's direction."""
    if isinstance(setting.defense, DPFedAvg):  # however many entries, a device is drawn once
        return statistics(updates, event)
    if not isinstance(setting.defense, DPFTRL):
        return statistics(updates, event, setting.repetitions)
    mechanism = setting.defense.mechanism(setting.expected_members)
    names = _canaries(updates.shape[1])
    return ordered_canaries.statistics(updates, event, mechanism, names, setting.repetitions)


def statistics(
    updates: Updates, event: DpEvent, repetitions: int = 1
) -> dict[str, NDArray[np.float64]]:
    """Return what the attacker computes of each canary's direction, (directions,) a statistic.

    `likelihood` is the likelihood ratio of the claimed mechanism, the best there is against it.
    Where batches are drawn, two more look for what that ratio does not expect: `range` is the
    largest update less the smallest (noise that repeats, or is missing, leaves none without the
    canary), `schedule` sums the first step of every epoch, where a loader without chance puts the
    first member. Which are used follows from the event, before any update is seen.
    """
    noise, rate = subsampled_gaussian(event)
    # How many of a canary's entries may have been drawn, and how likely so many are.
    drawn = np.arange(repetitions + 1)[:, None, None]
    weight = binom.logpmf(drawn, repetitions, rate)
    evidence = logsumexp(weight + drawn * (updates - drawn / 2) / noise**2, axis=0)
    if rate == 1.0:
        return {"likelihood": evidence.sum(0)}
    return {
        "likelihood": evidence.sum(0),
        "range": np.ptp(updates, axis=0),
        "schedule": updates[:: round(1 / rate)].sum(0),
    }


def quiet(updates: Updates) -> NDArray[np.float64]:
    """Return (1,) how little noise there is where no gradient points: does it tell the number?

    Noise divided by the drawn batch size shrinks with every further member.
    """
    return -np.log(np.mean(np.square(updates)) + 1e-30)[None]


def subsampled_gaussian(event: DpEvent) -> tuple[float, float]:
    """Return noise multiplier and sampling rate of the event of DP-SGD.

    Raises:
        OverheardError: the event is another one.
    """
    if isinstance(event, SelfComposedDpEvent) and isinstance(event.event, PoissonSampledDpEvent):
        inner = event.event.event
        if isinstance(inner, GaussianDpEvent):
            return inner.noise_multiplier, event.event.sampling_probability
    raise OverheardError(f"gradient canaries audit DP-SGD, not {event}")


def _canaries(count: int) -> list[str]:
    return [f"canary-{i}" for i in range(count)]
