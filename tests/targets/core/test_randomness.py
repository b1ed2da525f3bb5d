"""Streams by name: the same numbers for ever, and nothing in a stream tells what it is below."""

from __future__ import annotations

import numpy as np
import torch

from targets.core.randomness import Randomness


def test_streams_are_what_they_have_always_been():
    """Records rest on these numbers."""
    assert Randomness(0).integer() == 3456079177858693020
    assert Randomness(5).child("a", 3, "ü").integer() == 8561993282447988418


def test_names_alone_make_a_stream():
    one = Randomness(7).child("attack", "membership")
    again = Randomness(7).child("attack").child("membership")
    assert one.integer() == again.integer()
    assert one.numpy().integers(2**62) == again.numpy().integers(2**62)
    assert torch.equal(torch.rand(3, generator=one.torch()), torch.rand(3, generator=again.torch()))
    others = [Randomness(8).child("attack", "membership"), one.child(""), Randomness(7)]
    assert len({one.integer(), *(other.integer() for other in others)}) == 4


def test_to_ask_changes_nothing():
    rng = Randomness(3)
    first = rng.integer()
    rng.child("a").numpy().random(10)
    assert rng.integer() == first
    np.testing.assert_array_equal(rng.numpy().random(4), rng.numpy().random(4))


def test_a_stream_holds_no_seed():
    """Whoever is given one cannot read the seed of the game off it, nor ask for its coins."""
    seed = 123456789123456789
    below = Randomness(seed).child("attack", "membership")
    held = [value for value in vars(below).values() if isinstance(value, int | str | tuple | list)]
    assert not held
    assert str(seed) not in repr(vars(below))
