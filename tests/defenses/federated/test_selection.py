"""Selection: devices are drawn as often as they are priced, and the heaviest costs most."""

from __future__ import annotations

import pytest

from defenses.accounting.price import dp_sgd_event, price
from defenses.federated.clients import Client
from defenses.federated.selection import Selection, device_prices, drawn
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

UNIFORM = Selection("uniform", 0.1, 20.0, 4.0)
ACTIVITY = Selection("activity", 0.1, 20.0, 4.0)
DELTA = 1e-5


@pytest.mark.parametrize(
    ("selection", "count", "rate"),
    [
        (UNIFORM, 1, 0.1),
        (UNIFORM, 2_000, 0.1),
        (ACTIVITY, 20, 0.1),
        (ACTIVITY, 10, 0.05),
        (ACTIVITY, 60, 0.3),
        (ACTIVITY, 80, 0.4),
        (ACTIVITY, 2_000, 0.4),  # no more than the heaviest
        (Selection("activity", 0.5, 20.0, 4.0), 60, 1.0),
    ],
)
def test_the_rate_follows_from_a_device_alone(selection, count, rate):
    assert selection.rate(count) == pytest.approx(rate)
    assert selection.rate(count) <= selection.worst <= 1


@pytest.mark.parametrize("selection", [UNIFORM, ACTIVITY])
def test_devices_are_drawn_at_their_rate(selection):
    clients = [Client(f"c{count}", [None] * count) for count in (5, 20, 80, 400)]
    times = dict.fromkeys((c.name for c in clients), 0)
    rounds = 2_000
    for number in range(rounds):
        for client in drawn(clients, selection, Randomness(0).child(number)):
            times[client.name] += 1
    for client in clients:
        rate = selection.rate(len(client.examples))
        error = 4 * (rate * (1 - rate) / rounds) ** 0.5
        assert times[client.name] / rounds == pytest.approx(rate, abs=error)


def test_a_device_more_changes_no_other_coin():
    clients = [Client(f"c{n}", [None] * 20) for n in range(50)]
    for number in range(20):
        rng = Randomness(0).child(number)
        with_it = {c.name for c in drawn(clients, ACTIVITY, rng)}
        without = {c.name for c in drawn(clients[1:], ACTIVITY, rng)}
        assert with_it - {"c0"} == without


def test_every_device_has_its_price_and_none_is_above_the_worst():
    found = device_prices(ACTIVITY, (0.5, 1, 4, 100), 2.0, 50, DELTA)
    epsilons = [p.epsilon for p in found]
    assert epsilons == sorted(epsilons)
    worst = price(dp_sgd_event(2.0, ACTIVITY.worst, 50), DELTA).epsilon
    assert epsilons[-1] == epsilons[-2] == worst
    assert found[1].epsilon == price(dp_sgd_event(2.0, 0.1, 50), DELTA).epsilon < 0.5 * worst
    same = device_prices(UNIFORM, (0.5, 1, 4), 2.0, 50, DELTA)
    assert len({p.epsilon for p in same}) == 1


def test_what_selects_nobody_is_refused():
    with pytest.raises(OverheardError, match="selection is 'best'; use one of uniform, activity"):
        Selection("best", 0.1, 20.0, 4.0)
    for heaviest in (0.5, float("inf"), float("nan")):
        with pytest.raises(OverheardError, match=r"heaviest is .*; give at least 1"):
            Selection("activity", 0.1, 20.0, heaviest)
