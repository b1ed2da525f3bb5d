"""Plain training, without privacy: of the public start, and of the `none` scheme."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from targets.core.errors import OverheardError
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.base import train_base_alone
from targets.models.recognizer import Example, Recognizer
from targets.speech.augmentation import masked
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe, Schedule

WARM_UP = 0.1  # share of the steps in which the learning rate rises
MOST_GRADIENT = 5.0  # norm at which a step's gradient is cut, against rare huge steps
Objective = Callable[[Sequence[Example], Tensor], Tensor]  # of a batch and its losses (B,)
POOL = 8  # batches whose utterances are sorted by length together, to save padding


def fit(
    recognizer: Recognizer,
    utterances: Sequence[Utterance],
    schedule: Schedule,
    rng: Randomness,
    *,
    augment: bool = False,
    objective: Objective | None = None,
) -> None:
    """Train what is not frozen by Adam, with a warm-up and a cosine decay of the learning rate.

    `augment` hides parts of every spectrogram anew each time (SpecAugment): few utterances are then
    worth more, if they are gone through more often. What hears no spectrogram has nothing hidden.
    `objective` is what is made as small as it can be, if not the mean loss.
    """
    augment = augment and recognizer.hears_log_mel
    examples = recognizer.examples(utterances)
    hiding = rng.child("augmentation").torch()

    def loss_of(batch: list[Example]) -> Tensor:
        if augment:
            batch = [Example(masked(e.features, hiding), e.labels) for e in batch]
        losses = recognizer.example_nll(batch)
        return losses.mean() if objective is None else objective(batch, losses)

    weights = [w for w in recognizer.network.parameters() if w.requires_grad]
    descend(weights, examples, loss_of, schedule, rng)


def descend(
    weights: Sequence[Tensor],
    examples: Sequence[Example],
    loss_of: Callable[[list[Example]], Tensor],
    schedule: Schedule,
    rng: Randomness,
) -> None:
    """Make the loss of a batch small in some weights, as `fit` does: `loss_of` is of each batch."""
    steps = schedule.epochs * math.ceil(len(examples) / schedule.batch_size)
    optimizer = torch.optim.Adam(weights, lr=schedule.learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    order = rng.child("order").numpy()
    for epoch in range(schedule.epochs):
        for batch in batches(examples, schedule.batch_size, order):
            loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights, MOST_GRADIENT)
            optimizer.step()
            scheduler.step()
        report((epoch + 1) / schedule.epochs)


def batches(
    examples: Sequence[Example], size: int, order: np.random.Generator
) -> Iterator[list[Example]]:
    """Yield each example once, in random batches of similar lengths."""
    shuffled = [examples[i] for i in order.permutation(len(examples))]
    found: list[list[Example]] = []
    for start in range(0, len(shuffled), size * POOL):
        pool = sorted(shuffled[start : start + size * POOL], key=lambda e: len(e.features))
        found += [pool[i : i + size] for i in range(0, len(pool), size)]
    for i in order.permutation(len(found)):
        yield found[i]


def rate(step: int, steps: int) -> float:
    """Return the share of the full learning rate at a step: linear warm-up, cosine decay."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def public_start(
    recipe: Recipe,
    public: Sequence[Utterance],
    schedule: Schedule,
    rng: Randomness,
    *,
    augment: bool = False,
    encoder: Mapping[str, Tensor] | None = None,
) -> Recognizer:
    """Return the recipe's target trained on public speech alone, from random weights.

    Of one with adapters it is the base that learns. `encoder` has weights that its encoder begins
    at in place of random ones; the target is then one that has an encoder.

    Raises:
        OverheardError: there is no public speech.
    """
    if not public:
        raise OverheardError("there is no transcribed public speech to start from")
    recognizer = recipe.untrained(rng.child("weights"))
    train_base_alone(recognizer.network)
    if encoder is not None:
        recognizer.network.encoder.load_state_dict(encoder)
    recognizer.logmel.calibrate(public)
    fit(recognizer, public, schedule, rng.child("fit"), augment=augment)
    return recognizer
