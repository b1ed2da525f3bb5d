"""Functions as they were called before mechanisms were objects, for submissions that call them so.

Nothing of ours does, and nothing should. `targets.core.moved` leads old imports here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from defenses.dpsgd import scheme
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
