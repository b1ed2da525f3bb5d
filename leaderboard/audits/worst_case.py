"""The worst case that final weights show: start and canary chosen against the mechanism.

The auditor sees where training began and where it ended, and nothing in between. The target is a
real recogniser, small and untrained, and the scheme's own `train` runs untouched. The canary is
speech with a transcript that is not its own, so that it can only be learnt by heart; no other
member pulls the weights its way by chance, since everyone is in every batch. What tells whether it
was in is how far the weights have moved along the direction in which its gradient pulls at the
start.

Every score has a training run of its own. Many hundreds of runs take minutes, since the target is
so small.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from dp_accounting import DpEvent

from attacks.statistics.evidence import Trials
from defenses.accounting.price import price
from defenses.base import weights_of
from leaderboard.audits.at_settings import pairs_for
from leaderboard.audits.gradient_canaries import Evidence
from leaderboard.audits.own_curve import own_curve_bound
from leaderboard.audits.training_audit import GRADIENT_SCHEMES
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.progress import listening, report
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.training.recipe import Recipe, Schedule

CHANNELS, HIDDEN = 4, 8  # of the target: enough for a gradient that is spread over many weights
SECONDS = 0.25  # of a recording
COMPANY = 1  # other members
# So small that the canary's gradient stays what it was: large steps would turn it.
LEARNING_RATE = 1e-5
SAID, WRONG = "one two", "zq"  # what recordings say, and what the canary's transcript claims
# So many training runs a side leave the bound above half of ε, and at ε = 1 above a third.
MORE_PAIRS, MOST_PAIRS, FEWEST_PAIRS = 0.16, 4_000, 500


@dataclass(frozen=True)
class WorstCase:
    """What final weights proved of a scheme at an ε, and what that assumes."""

    scheme: str
    event: DpEvent
    delta: float
    claimed: float
    audited: Estimate
    p_value: float
    assumes: str
    scores: int
    steps: int
    seconds: float


def audit_worst_case(
    scheme: str,
    epsilon: float,
    rng: Randomness,
    *,
    delta: float,
    level: float = 0.95,
    steps: int = 1,
    runs: int | None = None,
) -> WorstCase:
    """Return what final weights prove of DP-SGD or its efficient form, from `runs` on each side.

    Raises:
        OverheardError: there is no such scheme.
    """
    if scheme not in GRADIENT_SCHEMES:
        raise OverheardError(f"--scheme {scheme}: there is {', '.join(GRADIENT_SCHEMES)}")
    began = time.monotonic()
    runs = runs or worst_case_pairs(epsilon, delta)
    evidence, weights = trained_and_compared(
        scheme, epsilon, steps, runs, delta, rng.child(scheme, f"{epsilon:g}")
    )
    (trials,) = evidence.trials.values()
    audited, p_value = own_curve_bound(trials, evidence.event, delta, level)
    return WorstCase(
        scheme,
        evidence.event,
        delta,
        price(evidence.event, delta).epsilon,
        audited,
        p_value,
        f"start and canary are chosen against the scheme, {COMPANY} other members, everyone in "
        f"every batch, {steps} step(s) of a CTC with {weights:,} weights, of which only the first "
        "and the last are seen; the mechanism is of the kind that its event says, at any noise",
        trials.size,
        steps,
        round(time.monotonic() - began, 1),
    )


def worst_case_pairs(epsilon: float, delta: float) -> int:
    """Return how many training runs a side prove about half of ε and more."""
    wanted = math.ceil(MORE_PAIRS * pairs_for(epsilon, delta))
    return min(MOST_PAIRS, max(FEWEST_PAIRS, wanted))


def trained_and_compared(
    scheme: str, epsilon: float, steps: int, runs: int, delta: float, rng: Randomness
) -> tuple[Evidence, int]:
    """Train 2 `runs` times, half of them with the canary; return the trials, and how many weights.

    A score is how far the weights went along the descent of the canary's loss at the start.
    """
    voices = rng.child("voices").numpy()
    recordings = [_recording(number, voices) for number in range(COMPANY + 1)]
    canary = Utterance("canary", "canary", recordings[0].samples, WRONG)
    recipe = _recipe(rng, delta)
    start = recipe.build()
    direction = _pull(start, canary)
    names = [f"network.{name}" for name, _ in start.network.named_parameters()]
    before = torch.cat([recipe.start[name].flatten().double() for name in names])
    defense = GRADIENT_SCHEMES[scheme](
        epsilon,
        epochs=steps,
        batch_size=recipe.expected_members,
        learning_rate=LEARNING_RATE,
    )
    event: DpEvent | None = None
    sides: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * runs):
        is_member = number % 2 == 0
        members = [*recordings[1:], *([canary] if is_member else [])]
        with listening(None):
            trained = defense.train(recipe, members, (), rng.child("run", number))
        if event is not None and trained.event != event:
            raise OverheardError(f"the event depends on the data: {event} and {trained.event}")
        event = trained.event
        ended = torch.cat([trained.weights[n].flatten().double() for n in names])
        sides[is_member].append(float((ended - before) @ direction))
        report((number + 1) / (2 * runs))
    assert event is not None
    trials = Trials(np.array(sides[True]), np.array(sides[False]), "utterance", "many_runs")
    return Evidence(event, {"weights": trials}), len(before)


def _recipe(rng: Randomness, delta: float) -> Recipe:
    bare = Recipe("ctc", Characters(), CHANNELS, HIDDEN, Schedule(1), delta, COMPANY + 1)
    return replace(bare, start=weights_of(bare.untrained(rng.child("start"))))


def _recording(number: int, voices: np.random.Generator) -> Utterance:
    """Return a tone with noise, as short as a word: nobody has to understand it."""
    time_s = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = voices.uniform(100, 300)
    sound = 0.3 * np.sin(2 * np.pi * pitch * time_s) + 0.1 * voices.standard_normal(len(time_s))
    return Utterance(f"member-{number}", f"voice-{number}", sound.astype(np.float32), SAID)


def _pull(recognizer: Recognizer, canary: Utterance) -> torch.Tensor:
    """Return (W,), of norm one, the way in which a canary's gradient moves the weights."""
    recognizer.zero_grad()
    recognizer.example_nll(recognizer.examples([canary])).sum().backward()
    parts = [p.grad if p.grad is not None else p * 0 for p in recognizer.network.parameters()]
    gradient = torch.cat([part.detach().flatten().double() for part in parts])
    return -gradient / gradient.norm()
