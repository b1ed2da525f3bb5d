"""What devices keep: utterances whose gradients point apart, and never more than the budget."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from defenses.federated.clients import Client, clients_of
from defenses.federated.memories import Memories, Replay, gradient_directions, most_diverse
from targets.core.randomness import Randomness
from tests.fakes import TARGETS, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
MEMBERS = speech(12, "private", speakers=2)
KINDS = ("diverse", "coordinated", "uniform")


@pytest.fixture(scope="module")
def recognizer():
    return recipe_for("ctc", PUBLIC).build()


@pytest.fixture(scope="module")
def clients(recognizer):
    return clients_of(MEMBERS, recognizer.examples(MEMBERS))


def unit(rows):
    rows = torch.as_tensor(np.asarray(rows), dtype=torch.float32)
    return rows / rows.norm(dim=1, keepdim=True)


def test_of_several_kinds_one_of_each_is_kept():
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(12)[:3], [6, 2, 3], axis=0)
    found = most_diverse(unit(centres + 0.1 * rng.normal(size=(11, 12))), 3, torch.zeros(12))
    assert sorted(np.repeat([0, 1, 2], [6, 2, 3])[found]) == [0, 1, 2]


def test_what_others_keep_is_not_kept_again():
    directions = torch.eye(4)
    assert most_diverse(directions, 2, torch.tensor([1.0, 0, 1.0, 0])) == [1, 3]
    assert most_diverse(directions, 2, torch.zeros(4)) == [0, 1]
    assert most_diverse(directions, 9, torch.zeros(4)) == [0, 1, 2, 3]


def test_the_sum_of_what_is_kept_is_about_as_short_as_the_shortest():
    rng = np.random.default_rng(1)
    over, chance = [], []
    for _ in range(20):
        directions = unit(rng.normal(size=(9, 5)))
        lengths = [
            float(directions[list(places)].sum(0).norm())
            for places in itertools.combinations(range(9), 4)
        ]
        kept = float(directions[most_diverse(directions, 4, torch.zeros(5))].sum(0).norm())
        over.append(kept - min(lengths))
        chance.append(float(np.mean(lengths)) - min(lengths))
    assert np.mean(over) < 0.4 * np.mean(chance)


def test_a_direction_is_the_gradient_and_one_that_diverged_has_none(recognizer, clients):
    first, second = clients[0].examples[:2]
    found = gradient_directions(recognizer, [first, second])
    weights = [p for p in recognizer.network.parameters() if p.requires_grad]
    gradient = torch.autograd.grad(recognizer.example_nll([first])[0], weights)
    wanted = torch.cat([g.flatten() for g in gradient])
    torch.testing.assert_close(found[0], wanted / wanted.norm())
    assert float(found[1].norm()) == pytest.approx(1)
    silent = type(first)(torch.full_like(first.features, torch.nan), first.labels)
    beside = gradient_directions(recognizer, [silent, first])
    assert not beside[0].any()
    torch.testing.assert_close(beside[1], found[0])


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_directions_are_gradients_of_every_target(target):
    recognizer = recipe_for(target, PUBLIC).build()
    examples = recognizer.examples(MEMBERS[:2])
    weights = [p for p in recognizer.network.parameters() if p.requires_grad]
    found = gradient_directions(recognizer, examples)
    for example, direction in zip(examples, found, strict=True):
        gradient = torch.autograd.grad(recognizer.example_nll([example])[0], weights)
        wanted = torch.cat([g.flatten() for g in gradient])
        torch.testing.assert_close(direction, wanted / wanted.norm(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_devices_keep_their_own_up_to_the_budget(recognizer, clients, kind):
    memories = Memories(clients, 3, Replay(kind, 3), Randomness(0))
    assert [len(memories.with_kept(c).examples) for c in clients] == [6, 6]
    for period in (1, 2):
        memories.move_to(period, recognizer)
        for client in clients:
            held = {id(e) for e in client.examples[: 2 * period]}
            kept = [id(e) for e in memories.kept[client.name]]
            assert len(kept) == len(set(kept)) == min(3, 2 * period)
            assert set(kept) <= held
    now = Client(clients[0].name, clients[0].examples[4:])
    assert memories.with_kept(now).examples[-2:] == list(now.examples)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_kept_without_a_budget(recognizer, clients, kind):
    memories = Memories(clients, 2, Replay(kind, 0), Randomness(0))
    memories.move_to(1, recognizer)
    assert not any(memories.kept.values())


def kept_by(recognizer, clients, kind):
    memories = Memories(clients, 2, Replay(kind, 2), Randomness(0))
    memories.move_to(1, recognizer)
    return {name: [id(e) for e in kept] for name, kept in memories.kept.items()}


def test_devices_that_choose_alone_know_nothing_of_each_other(recognizer, clients):
    first, second = clients
    same = Client(second.name, first.examples)  # says what the first one says
    for kind in ("diverse", "uniform"):
        both = kept_by(recognizer, [first, second], kind)
        assert both[second.name] == kept_by(recognizer, [second], kind)[second.name]
    alone = kept_by(recognizer, [first, same], "diverse")
    assert alone[first.name] == alone[same.name]
    together = kept_by(recognizer, [first, same], "coordinated")
    assert together[first.name] == alone[first.name]
    assert together[same.name] != alone[same.name]


def test_a_round_holds_what_has_arrived_in_its_period_after_all_have_chosen(recognizer, clients):
    memories = Memories(clients, 2, Replay("uniform", 1), Randomness(0))
    seen = [
        (number, [len(c.examples) for c in present], len(memories.kept))
        for number, present in memories.rounds(4, recognizer)
    ]
    assert seen == [(n, [3, 3], 0 if n < 2 else 2) for n in range(4)]
