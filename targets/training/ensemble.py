"""Many recognisers of one recipe trained together: teachers of PATE, reference models of attacks.

Their weights are stacked, and a step of training is one pass for several models. What a model
becomes depends on its own shard alone: how many steps it takes, which utterances meet in a batch,
at which norm its gradient is cut. (Padding can change how sums are rounded, nothing else.)

On one thread of a processor the products of matrices, of which there are as many as before, take
half of the time, and reading and writing memory most of the rest: what is saved is the calls.
Measured, CTC: with 16 utterances a batch, as reference models have, 0.9 to 1.0 times what the
models cost one by one; with 4, 2 and 1, as small shards have, 0.8, 0.6 and 0.5 times. (A profile:
`docs/membership.md`.) 100 teachers with 17 utterances each cost 0.8 (CTC) and 1.1 (RNN-T) times
one model on as much speech. Questions share their features and their loop over steps: 0.6 to 0.8
times.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from targets.core.device import free_bytes
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer, in_batches
from targets.nn.stacked import stacked
from targets.speech.utterance import Utterance
from targets.training.fit import MOST_GRADIENT, POOL, rate
from targets.training.recipe import Recipe, Schedule

ROWS = 64  # of one pass, all its models' together: more would leave the processor's caches
FILLED = 0.5  # of an accelerator's free memory, at most
BACKWARD, STATES = 2, 4  # of a pass's memory, its way back too; weights, gradients, Adam's moments
ASKED = 8  # utterances that several models hear at once

Weights = Mapping[str, Tensor]
Shard = list[Example]
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Ensemble:
    """E models of one recipe. `weights` (E, *shape) are those of their networks, by name.

    The weights may be anywhere; the models listen on the recipe's device.
    """

    recipe: Recipe
    weights: Weights

    @property
    def size(self) -> int:
        """Number of models."""
        return len(next(iter(self.weights.values())))

    def recognizer(self, k: int) -> Recognizer:
        """Return model k by itself."""
        recognizer = self.recipe.build()
        recognizer.network.load_state_dict({name: w[k] for name, w in self.weights.items()})
        return recognizer

    def nll(self, utterances: Sequence[Utterance]) -> Tensor:
        """Return the losses (E, N) in nats of every utterance under every model, on the CPU."""

        def losses(
            many: Recognizer, features: Tensor, counts: Tensor, said: list[str]
        ) -> list[float]:
            return many.nll_of(features, counts, said).tolist()

        found = torch.tensor(self._ask(utterances, losses), device="cpu")
        return found.view(self.size, len(utterances))

    def transcribe(self, utterances: Sequence[Utterance]) -> list[list[str]]:
        """Return for each of the E models its greedy transcripts of N utterances."""

        def texts(many: Recognizer, features: Tensor, counts: Tensor, _: list[str]) -> list[str]:
            return many.transcribe_features(features, counts)

        return self._ask(utterances, texts)

    @torch.no_grad()
    def _ask(
        self,
        utterances: Sequence[Utterance],
        question: Callable[[Recognizer, Tensor, Tensor, list[str]], Sequence[Answer]],
    ) -> list[list[Answer]]:
        """Return the answers (E, N) to a question about features, counts and what was said."""
        alone, together = self.recipe.build(), ROWS // ASKED
        groups = [
            {n: w[first : first + together].to(self.recipe.device) for n, w in self.weights.items()}
            for first in range(0, self.size, together)
        ]
        sizes = [len(next(iter(group.values()))) for group in groups]
        recognizers = [_many(alone, group) for group in groups]

        def ask(batch: Sequence[Utterance]) -> list[list[Answer]]:
            features, counts = alone.logmel(batch)
            said = [u.text for u in batch]
            answers: list[Answer] = []
            for many, models in zip(recognizers, sizes, strict=True):
                frames = features.repeat(models, 1, 1)
                answers += question(many, frames, counts.repeat(models), said * models)
            return [answers[n :: len(batch)] for n in range(len(batch))]

        answers = in_batches(utterances, ask, ASKED)
        return [[models[k] for models in answers] for k in range(self.size)]


def fit_ensemble(
    recipe: Recipe,
    shards: Sequence[Sequence[Utterance]],
    schedule: Schedule,
    rng: Randomness,
    start: Weights | None = None,
) -> Ensemble:
    """Train one model on each shard, at least one, by Adam as `fit` does.

    All start from the recipe's public start, or from `start`, a recogniser's weights; a model with
    an empty shard stays there. An epoch over n utterances has ceil(n / batch size) steps, with
    batches of about equal size.
    """
    recipe = recipe if start is None else replace(recipe, start=start)
    alone = recipe.build()
    heard = list(dict.fromkeys(u for shard in shards for u in shard))
    examples = dict(zip(heard, alone.examples(heard), strict=True))
    weights = {
        name: weight.detach().expand(len(shards), *weight.shape).clone()
        for name, weight in alone.network.state_dict().items()
    }
    done, total = 0, sum(map(len, shards))
    most = _models_at_once(alone, list(examples.values()), schedule.batch_size)
    for models in _groups([len(shard) for shard in shards], schedule.batch_size, most):
        chosen = [[examples[u] for u in shards[k]] for k in models]
        places = torch.tensor(models, device=recipe.device)
        part = {name: weight.index_select(0, places) for name, weight in weights.items()}
        begun, done = done, done + sum(map(len, chosen))
        with stage(begun / total, done / total):
            _fit_group(_many(alone, part), chosen, schedule, rng, models)
        for name, weight in part.items():
            weights[name].index_copy_(0, places, weight)
    return Ensemble(recipe, weights)


def _many(alone: Recognizer, weights: Weights) -> Recognizer:
    """Return a recogniser whose network is that of several models."""
    many = copy.deepcopy(alone)
    many.network = stacked(alone.network, weights)
    return many


def _models_at_once(alone: Recognizer, examples: Shard, batch_size: int) -> int:
    """Return how many models are trained in one pass: as many as `ROWS` rows, or more.

    More where an accelerator has memory left: what a batch of the longest examples holds there is
    measured.
    """
    usual = max(1, ROWS // batch_size)
    device = str(next(alone.network.parameters()).device)
    free = free_bytes(device)
    if free is None or not examples:
        return usual
    batch = sorted(examples, key=lambda e: len(e.features))[-batch_size:]
    losses = alone.example_nll(batch)  # holds what the way back needs
    held = max(0, free - (free_bytes(device) or 0))  # others may free some meanwhile
    del losses
    weights = sum(p.numel() * p.element_size() for p in alone.network.parameters())
    return max(usual, int(FILLED * free / (BACKWARD * held + STATES * weights)))


def _groups(sizes: Sequence[int], batch_size: int, most: int) -> list[list[int]]:
    """Return the numbers of the models to train together, at most so many, no empty shards.

    Those of a group take equally many steps, and have shards of about the same size.
    """
    equal: dict[int, list[int]] = defaultdict(list)
    for k in sorted(range(len(sizes)), key=sizes.__getitem__):
        equal[math.ceil(sizes[k] / batch_size)].append(k)
    equal.pop(0, None)
    return [
        models[a:b]
        for models in equal.values()
        for a, b in _parts(len(models), math.ceil(len(models) / most))
    ]


def _parts(count: int, parts: int) -> list[tuple[int, int]]:
    """Return where each of `parts` about equal parts of `count` begins and ends."""
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


def _fit_group(
    many: Recognizer,
    shards: Sequence[Shard],
    schedule: Schedule,
    rng: Randomness,
    models: Sequence[int],
) -> None:
    """Train the models of one group, whose weights `many` changes in place."""
    batches = math.ceil(len(shards[0]) / schedule.batch_size)
    steps = schedule.epochs * batches
    parameters = [p for p in many.network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    orders = [rng.child("model", k, "order").numpy() for k in models]
    # All models hear their shortest utterances in the same step, and so on: what is padded is
    # little. The order of the steps is drawn without a look at any shard but for its steps.
    turns = rng.child("turns", batches).numpy()
    for epoch in range(schedule.epochs):
        epochs = [_batches(s, batches, o) for s, o in zip(shards, orders, strict=True)]
        for turn in turns.permutation(batches):
            loss = _sum_of_means(many, [epoch_of[turn] for epoch_of in epochs])
            optimizer.zero_grad()
            loss.backward()
            _clip(parameters)
            optimizer.step()
            scheduler.step()
        report((epoch + 1) / schedule.epochs)


def _batches(examples: Shard, count: int, order: np.random.Generator) -> list[Shard]:
    """Return `count` batches with each example once, shorter utterances in the earlier ones."""
    shuffled = [examples[i] for i in order.permutation(len(examples))]
    parts = _parts(len(examples), count)
    batches = []
    for first in range(0, count, POOL):
        pool = parts[first : first + POOL]
        begin, end = pool[0][0], pool[-1][1]
        by_length = sorted(shuffled[begin:end], key=lambda e: len(e.features))
        batches += [by_length[a - begin : b - begin] for a, b in pool]
    return batches


def _sum_of_means(many: Recognizer, batches: Sequence[Shard]) -> Tensor:
    """Return the sum over models of the mean loss of their batches, with a gradient."""
    most = max(map(len, batches))
    # A smaller batch is filled up with copies that have no weight.
    rows = [batch[n % len(batch)] for batch in batches for n in range(most)]
    shares = [(n < len(batch)) / len(batch) for batch in batches for n in range(most)]
    losses = many.example_nll(rows)
    return losses @ losses.new_tensor(shares)


def _clip(parameters: Sequence[Tensor]) -> None:
    """Cut the gradient of each model at `MOST_GRADIENT`."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    scales = (MOST_GRADIENT / (norms + 1e-6)).clamp_max(1.0)
    if (scales < 1).any():
        for g in gradients:
            g *= scales.view(-1, *[1] * (g.dim() - 1))
