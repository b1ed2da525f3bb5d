"""`overheard check` and `check-attack`: the contract, in the sandbox, on toy speech."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from attacks.base import Weights
from defenses.accounting.price import price
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.stages.start import PublicStart
from leaderboard.game.game import Game
from leaderboard.spec.load import load_suite
from leaderboard.submissions import sandbox
from leaderboard.submissions.limits import DisqualifiedError, Limits, SubmissionFailedError
from leaderboard.submissions.sandboxed import SandboxedAttack, SandboxedDefense
from leaderboard.submissions.submission import SubmissionError, read_submission
from targets.core.randomness import Randomness
from targets.training.recipe import Recipe

PRACTICE = "tiny"  # the suite whose speech and target a submission is checked on
SECONDS = 300.0

Place = Annotated[str, typer.Argument(metavar="FILE.py:CLASS", help="What is submitted.")]
Settings = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="A field of the class.")
]
Trust = Annotated[bool, typer.Option("--trust", help="Run it as you, without a sandbox.")]


def check(place: Place, settings: Settings = [], trust: Trust = False) -> None:  # noqa: B006
    """Put a defense through the contract that all of them must meet."""
    submission = read_submission(place, "defense", settings)
    sandbox.require(trust)
    recipe, game = _practice()
    sandboxed = SandboxedDefense(submission, Limits(seconds=SECONDS), trust, contract=True)
    with _telling(place):
        trained = sandboxed.train(recipe, game.members, game.public, Randomness(0))
    epsilon = price(trained.event, recipe.delta, basis="claimed").epsilon
    promise = "no ε" if math.isinf(epsilon) else f"ε = {epsilon:.3g} at δ = {recipe.delta:g}"
    typer.echo(f"{place} meets the contract; on toy speech it promises {promise}")


def check_attack(place: Place, settings: Settings = [], trust: Trust = False) -> None:  # noqa: B006
    """Put an attack through the contract that all of them must meet."""
    submission = read_submission(place, "attack", settings)
    sandbox.require(trust)
    recipe, game = _practice()
    start = recipe.build().requires_grad_(False)
    view = Weights(start, start, [u for u in game.public if u.text])
    sandboxed = SandboxedAttack(submission, recipe, Limits(seconds=SECONDS), trust, contract=True)
    with _telling(place):
        sandboxed.score(view, game.candidates, Randomness(0))
    typer.echo(f"{place} meets the contract")


@contextmanager
def _telling(place: str) -> Iterator[None]:
    """Say of which submission a failure is, and that its own words have just been shown."""
    try:
        yield
    except (SubmissionFailedError, DisqualifiedError) as error:
        raise SubmissionError(f"{place}: {error}".replace("in the log", "above")) from None


def _practice() -> tuple[Recipe, Game]:
    suite = load_suite(PRACTICE)
    with tempfile.TemporaryDirectory(prefix="overheard-") as folder:
        nowhere = Path()  # the suite has no real speech
        experiment = Experiment(suite.conditions, suite.targets[0], 0, Path(folder), nowhere)
        PublicStart(experiment).compute()
        return experiment.recipe, experiment.game
