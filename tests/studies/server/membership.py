"""Who trained on which utterance: the table of membership from rounds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attacks.updates.alignment import Round, aligned, gradients_of
from attacks.updates.whitening import Matrix, basis, coordinates
from leaderboard.experiment.panel.cells import CLIP, RATE
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from tests.studies.server.attributes import SHARES, area
from tests.studies.server.world import STEPS, Case, World, cases

A_VOICE = 3  # public utterances whose gradients say what is usual


@dataclass(frozen=True, eq=False)
class Seen:
    """A round: gradients at its weights, and the updates of all devices."""

    candidates: Matrix  # (N, D)
    public: Matrix
    updates: Tensor  # (devices, P)
    columns: Tensor  # (P, D), the basis


def table(world: World) -> list[list[str]]:
    """Return the AUC by round and case, against the same speakers and against others."""
    size = world.size
    held, unused = world.part(0), world.part(2)
    taking, resting = range(size.devices), range(size.devices, size.voices)
    members = [u for d in taking for u in held[d][: size.candidates]]
    same = [u for d in taking for u in unused[d][: size.candidates]]
    of = np.repeat(np.array(taking), size.candidates)
    others = [u for d in resting for u in unused[d][: size.candidates]]
    of_others = np.repeat(np.array(resting), size.candidates)
    public = [u for v in (world.public, world.typed) for c in v.values() for u in c[:A_VOICE]]
    share = chosen(world)
    rounds = []
    for _ in range(size.rounds):
        rounds.append(_round(world, [*members, *same, *others], public, held[: size.devices]))
        world.move(rounds[-1].updates.mean(0))
    places = np.array_split(
        np.arange(len(members) + len(same) + len(others)), np.cumsum([len(members), len(same)])
    )
    rows = []
    for case in cases(size):
        after_one, after_all = _scores(rounds, case, size.held, share)
        # Of those who rest each is looked for in one of the sums.
        sums = size.devices // case.clients
        where = np.concatenate([of // case.clients, of // case.clients, of_others % sums])
        row = list(case.name)
        for scores in (after_one, after_all):
            found = scores[where, np.arange(len(where))]
            inside, near, far = (found[p] for p in places)
            row += [area(inside, near, of, of), area(inside, far, of, of_others)]
        rows.append(row)
    return rows


def _round(
    world: World,
    candidates: Sequence[Utterance],
    public: Sequence[Utterance],
    devices: Sequence[Sequence[Utterance]],
) -> Seen:
    usual, own = gradients_of(world.model, public), gradients_of(world.model, candidates)
    columns = basis(torch.cat([usual, own]))
    known, looked = (coordinates(rows, columns) for rows in (usual, own))
    return Seen(looked, known, world.updates(devices), columns)


def _scores(rounds: Sequence[Seen], case: Case, held: int, share: float) -> tuple[Matrix, Matrix]:
    """Return the scores (sums, candidates) after the first round, and after all."""
    total = []
    for number, seen in enumerate(rounds):
        sent = coordinates(case.sent(seen.updates), seen.columns)
        sums = sent.reshape(len(sent) // case.clients, case.clients, -1).sum(1)
        drawn = Randomness(0).child("rounds", number, *case.name).numpy()
        sums = sums + case.sigma * drawn.standard_normal(sums.shape)
        norm = float(seen.updates.norm(dim=1).median())
        step = RATE * STEPS / held * (min(1.0, CLIP / norm) if case.clipped else 1.0)
        how = Round(case.clients * held, step, case.sigma)
        total.append(aligned(seen.candidates, seen.public, sums, how, share))
    return total[0], np.sum(total, axis=0)


def chosen(world: World) -> float:
    """Return the share that finds most in one sum over devices of half the public voices.

    The members are of what the first device of each voice holds; the others are what the second
    holds. See `attacks.updates.whitening.scatter`.
    """
    voices, held = list(world.public.values()), world.size.held
    half, picked = voices[: len(voices) // 2], world.size.candidates
    inside = [u for c in half for u in c[:picked]]
    outside = [u for c in half for u in c[held : held + picked]]
    rest = [u for c in [*voices[len(half) :], *world.typed.values()] for u in c[:A_VOICE]]
    seen = _round(world, [*inside, *outside], rest, [c[:held] for c in half])
    total = coordinates(seen.updates, seen.columns).sum(0, keepdims=True)
    how = Round(len(half) * held, RATE * STEPS / held)

    def found(share: float) -> float:
        scores = aligned(seen.candidates, seen.public, total, how, share)[0]
        return float((scores[: len(inside), None] > scores[len(inside) :]).mean())

    rates = {share: found(share) for share in SHARES}
    print("AUC on public voices by share:", rates, file=sys.stderr, flush=True)
    return max(rates, key=lambda share: rates[share])
