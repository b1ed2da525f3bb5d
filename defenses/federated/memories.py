"""What a device keeps of its old speech: few utterances, so that their gradients differ.

After Good et al. (2023, arXiv 2310.15054), of which the abstract was at hand. The more the
gradients of what is kept point apart, the shorter is the sum of the normalised ones. It is made
short one utterance at a time: the next to be kept points away most from the sum so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from defenses.dpsgd.clipping import PHYSICAL_BATCH, trained_parameters
from defenses.dpsgd.mechanism import stage_of
from defenses.federated.clients import Client, of_period
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.nn.tape import recording

Alone = Literal["diverse", "uniform"]
Kind = Literal["diverse", "coordinated", "uniform"]


@dataclass(frozen=True)
class Replay:
    """Which old utterances a device keeps, up to a `budget`; 0 keeps nothing.

    `diverse` are those whose gradients differ on one device, `coordinated` those that also differ
    from what other devices keep, `uniform` some by chance.
    """

    kind: Kind
    budget: int


@dataclass(eq=False)
class Memories:
    """What every one of some clients has kept so far, by name, in some period of so many."""

    clients: Sequence[Client]
    periods: int
    replay: Replay
    rng: Randomness
    period: int = field(default=0, init=False)
    kept: dict[str, list[Example]] = field(default_factory=dict, init=False)

    def rounds(self, count: int, recognizer: Recognizer) -> Iterator[tuple[int, Sequence[Client]]]:
        """Yield the number of each of so many rounds, and the clients with what arrived in it.

        Before the first round of a period every device has chosen what it keeps.
        """
        for number in range(count):
            period = stage_of(number, count, self.periods)
            self.move_to(period, recognizer)
            yield number, of_period(self.clients, period, self.periods)

    def move_to(self, period: int, recognizer: Recognizer) -> None:
        """Let every device choose what to keep, at the present weights, where a period is over.

        A device looks at its own speech and at the weights alone. Where devices coordinate, each
        also gets the sum of what those before it have chosen, by name.
        """
        while self.period < period:
            total = torch.zeros(())
            for client in of_period(self.clients, self.period, self.periods):
                pool = [*self.kept.get(client.name, []), *client.examples]
                stream = self.rng.child(self.period, client.name)
                self.kept[client.name], total = self._chosen(recognizer, pool, total, stream)
            self.period += 1

    def with_kept(self, client: Client) -> Client:
        """Return a client with what it has kept beside what it holds."""
        return Client(client.name, [*self.kept.get(client.name, []), *client.examples])

    def _chosen(
        self, recognizer: Recognizer, pool: Sequence[Example], total: Tensor, rng: Randomness
    ) -> tuple[list[Example], Tensor]:
        """Return what is kept of a pool, and the sum of what is kept on all devices so far."""
        budget, kind = self.replay.budget, self.replay.kind
        alone = kind != "coordinated"
        if not budget or (alone and len(pool) <= budget):
            return list(pool[:budget]), total
        if kind == "uniform":
            drawn = rng.numpy().permutation(len(pool))[:budget]
            return [pool[place] for place in sorted(drawn)], total
        directions = gradient_directions(recognizer, pool)
        nothing = torch.zeros_like(directions[0])
        before = nothing if alone else total + nothing
        places = most_diverse(directions, budget, before)
        return [pool[place] for place in places], before + directions[places].sum(0)


def gradient_directions(recognizer: Recognizer, examples: Sequence[Example]) -> Tensor:
    """Return the normalised gradients (N, D) of examples over all trained weights.

    One that is no number has no direction: zeros.

    Raises:
        OverheardError: the target has a layer that writes nothing on the tape.
    """
    parameters = trained_parameters(recognizer)
    rows = [torch.zeros(0)] * len(examples)
    by_length = sorted(range(len(examples)), key=lambda place: len(examples[place].features))
    for start in range(0, len(by_length), PHYSICAL_BATCH):
        places = by_length[start : start + PHYSICAL_BATCH]
        with recording(parameters) as tape:
            losses = recognizer.example_nll([examples[place] for place in places])
        found: dict[Tensor, Tensor] = {}
        for use, gradient in tape.gradients(losses):
            found.update(use.per_example(gradient))
        if set(map(id, found)) != set(map(id, parameters)):
            raise OverheardError(
                "the target has a layer that writes nothing on the tape of per-example gradients; "
                "build it from the layers of targets.nn, or keep by chance (keep = 'uniform')"
            )
        flat = torch.cat([found[p].flatten(1) for p in parameters], 1)
        norms = flat.norm(dim=1, keepdim=True)
        known = torch.isfinite(norms) & (norms > 0)
        for place, row in zip(places, torch.where(known, flat / norms, 0.0), strict=True):
            rows[place] = row
    return torch.stack(rows)


def most_diverse(directions: Tensor, count: int, beside: Tensor) -> list[int]:
    """Return the places of up to `count` directions of (N, D) that point apart, in order.

    Greedy: each is the one that leaves the shortest sum together with those before it and with
    `beside` (D,). Of equals it is the first.
    """
    products = directions @ directions.T
    along = directions @ beside  # how much each points along the sum so far
    chosen: list[int] = []
    for _ in range(min(count, len(directions))):
        # |s + d|² = |s|² + 2 s·d + |d|²
        longer = 2 * along + products.diagonal()
        longer[chosen] = torch.inf
        place = int(longer.argmin())
        chosen.append(place)
        along = along + products[place]
    return sorted(chosen)
