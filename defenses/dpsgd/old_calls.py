"""Functions as they were called before mechanisms were objects, for submissions that call them so.

Nothing of ours does, and nothing should. `targets.core.moved` leads old imports here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from dp_accounting import DpEvent

from defenses.dpsgd import mechanism, scheme
from defenses.dpsgd.microbatch import STAGES
from defenses.dpsgd.sampling import rate_and_steps
from targets.models.recognizer import Example, Recognizer
from targets.training.recipe import Recipe


def sampling(recipe: Recipe, batch_size: int, epochs: float) -> tuple[float, int]:
    """Return the Poisson rate and the number of steps; see `rate_and_steps`."""
    return rate_and_steps(recipe.expected_members, batch_size, epochs)


def descend(
    recognizer: Recognizer,
    batches: Iterable[Sequence[Example]],
    steps: int,
    learning_rate: float,
    set_gradients: Callable[[int, Sequence[Example]], None],
) -> None:
    """Take steps of Adam by the gradients that are set for each batch; see `scheme.descend`."""

    def gradients() -> Iterator[int]:
        for step, batch in enumerate(batches):
            set_gradients(step, batch)
            yield step

    scheme.descend(recognizer, gradients(), steps, learning_rate)


def decaying_event(noise: float, rate: float, steps: int, decay: float) -> DpEvent:
    """Return the event of DP-SGD whose noise decays; see `mechanism.subsampled_gaussian_event`."""
    return mechanism.subsampled_gaussian_event(noise, rate, steps, STAGES, decay)


def stage_of(step: int, steps: int) -> int:
    """Return in which of the stages of training a step is; see `mechanism.stage_of`."""
    return mechanism.stage_of(step, steps, STAGES)
