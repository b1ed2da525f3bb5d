"""What a device keeps of its old speech: few utterances, so that their gradients differ.

After Good et al. (2023, arXiv 2310.15054), of which the abstract was at hand. The more the
gradients of what is kept point apart, the shorter is the sum of the normalised ones. It is made
short one utterance at a time: the next to be kept points away most from the sum so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from defenses.dpsgd.clipping import trained_parameters
from defenses.federated.clients import Client, of_period
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer

DIVERSE, COORDINATED, UNIFORM = "diverse", "coordinated", "uniform"


@dataclass(frozen=True)
class Keeping:
    """How many old utterances a device keeps, and which.

    `diverse` are those whose gradients differ on one device, `coordinated` those that also differ
    from what other devices keep, `uniform` some by chance. A `budget` of 0 keeps nothing.

    Raises:
        OverheardError: there is no such kind, or the budget is negative.
    """

    kind: str
    budget: int
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what keeps nothing that makes sense."""
        if self.kind not in self.kinds:
            raise OverheardError(f"keep is {self.kind!r}; use one of {', '.join(self.kinds)}")
        if self.budget < 0:
            raise OverheardError(f"budget is {self.budget}; give 0 for nothing, or more")


@dataclass(eq=False)
class Memories:
    """What every one of some clients has kept so far, by name, in some period of so many."""

    clients: Sequence[Client]
    periods: int
    keeping: Keeping
    rng: Randomness
    period: int = field(default=0, init=False)
    kept: dict[str, list[Example]] = field(default_factory=dict, init=False)

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
        budget, kind = self.keeping.budget, self.keeping.kind
        alone = kind != COORDINATED
        if not budget or (alone and len(pool) <= budget):
            return list(pool[:budget]), total
        if kind == UNIFORM:
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
    """
    parameters = trained_parameters(recognizer)
    rows = []
    for example in examples:
        loss = recognizer.example_nll([example]).sum()
        parts = torch.autograd.grad(loss, parameters, allow_unused=True)
        flat = [
            torch.zeros_like(p) if part is None else part
            for p, part in zip(parameters, parts, strict=True)
        ]
        row = torch.cat([part.flatten() for part in flat])
        norm = row.norm()
        rows.append(row / norm if 0 < float(norm) < torch.inf else torch.zeros_like(row))
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
