"""Events in records: read back without running any of it, and the kind of noise that follows."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import dp_accounting as dp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.accounting.event_algebra import noise_kind
from defenses.accounting.event_json import EventError
from defenses.accounting.event_text import (
    MOST_TEXT,
    event_from_text,
    event_to_text,
    noise_kind_of_text,
)
from defenses.accounting.price import dp_sgd_event

PUBLISHED = sorted(Path(str(files("leaderboard"))).glob("published/*/*.json"))
GAUSSIAN = "GaussianDpEvent(noise_multiplier=1.0)"

numbers = st.floats(1e-3, 1e9)
leaves = st.one_of(
    st.builds(dp.GaussianDpEvent, numbers),
    st.builds(dp.LaplaceDpEvent, numbers),
    st.just(dp.NonPrivateDpEvent()),
    st.just(dp.NoOpDpEvent()),
)
events = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(dp.PoissonSampledDpEvent, st.floats(0, 1), inner),
        st.builds(dp.SelfComposedDpEvent, inner, st.integers(1, 10**7)),
        st.builds(dp.ComposedDpEvent, st.lists(inner, max_size=3)),
    ),
    max_leaves=4,
)


def by_pattern(text):
    """Tell the kind of noise as it was told before events were read back: by the names in it."""
    named = set(re.findall(r"\w+(?=\()", text))
    named -= {"ComposedDpEvent", "PoissonSampledDpEvent", "SelfComposedDpEvent"}
    return "gaussian" if named and named <= {"GaussianDpEvent"} else "any"


@given(events)
def test_an_event_comes_back_as_it_was(event):
    assert event_from_text(event_to_text(event)) == event
    assert noise_kind_of_text(event_to_text(event)) == noise_kind(event)
    assert noise_kind(event) == by_pattern(repr(event))


def test_every_published_event_is_read_and_has_the_noise_it_had():
    texts = [json.loads(path.read_text(encoding="utf-8"))["event"] for path in PUBLISHED]
    assert len(texts) > 80
    for text in filter(None, texts):
        assert event_to_text(event_from_text(text)) == text
        assert noise_kind_of_text(text) == by_pattern(text)
    assert {noise_kind_of_text(text) for text in texts} == {"gaussian", "any"}


@pytest.mark.parametrize(
    ("event", "noise"),
    [
        (dp.GaussianDpEvent(1.0), "gaussian"),
        (dp_sgd_event(1.0, 0.1, 5), "gaussian"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.GaussianDpEvent(2.0)]), "gaussian"),
        (dp.LaplaceDpEvent(1.0), "any"),
        (dp.SelfComposedDpEvent(dp.ComposedDpEvent([dp.LaplaceDpEvent(1.0)] * 2), 5), "any"),
        (dp.PoissonSampledDpEvent(0.1, dp.LaplaceDpEvent(1.0)), "any"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.LaplaceDpEvent(1.0)]), "any"),
        (dp.RandomizedResponseDpEvent(0.5, 4), "any"),
        (dp.UnsupportedDpEvent(), "any"),
        (dp.NonPrivateDpEvent(), "any"),
        (dp.NoOpDpEvent(), "any"),
        (dp.ComposedDpEvent([]), "any"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.NonPrivateDpEvent()]), "any"),
    ],
    ids=repr,
)  # fmt: skip
def test_only_gaussian_noise_is_trusted_to_be_gaussian(event, noise):
    assert noise_kind(event) == noise
    assert noise_kind_of_text(repr(event)) == noise


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no event"),
        ("None", "named arguments"),
        ("GaussianDpEvent", "named arguments"),
        ("GaussianDpEvent(1.0)", "named arguments"),
        ("dp.GaussianDpEvent(noise_multiplier=1.0)", "named arguments"),
        ("GaussianDpEvent(noise_multiplier=1.0", "no event"),
        ("GaussianDpEvent(noise_multiplier=1.0); 1", "no event"),
        ("GaussianDpEvent()", "should have noise_multiplier"),
        ("GaussianDpEvent(noise_multiplier=1.0, sigma=2.0)", "should have noise_multiplier"),
        ("GaussianDpEvent(**{'noise_multiplier': 1.0})", "should have noise_multiplier"),
        ("GaussianDpEvent(noise_multiplier=True)", "should be of type float"),
        ("GaussianDpEvent(noise_multiplier='1')", "should be of type float"),
        ("GaussianDpEvent(noise_multiplier=-1.0)", "should be of type float"),
        ("GaussianDpEvent(noise_multiplier=float('nan'))", "should be of type float"),
        ("GaussianDpEvent(noise_multiplier=1.0, noise_multiplier=2.0)", "should have"),
        ("NonPrivateDpEvent(event=1)", "should have no arguments"),
        (f"SelfComposedDpEvent(event={GAUSSIAN}, count=1.5)", "should be of type int"),
        (f"ComposedDpEvent(events={GAUSSIAN})", "should be of type list"),
        (f"ComposedDpEvent(events=[{GAUSSIAN}, 1])", "named arguments"),
        ("RandomizedResponseDpEvent(noise_parameter=0.5, num_buckets=4)", "no known event"),
        ("exit()", "no known event"),
        ("__import__('os').system('true')", "named arguments"),
        ("ComposedDpEvent(events=[" * 3_000, "no event"),
        ("(" * 90_000, "no event"),
        (" " * (MOST_TEXT + 1), "characters long"),
        ("GaussianDpEvent(noise_multiplier=\0)", "no event"),
    ],
)
def test_what_is_no_event_is_refused_and_trusted_with_nothing(text, said):
    with pytest.raises(EventError, match=said) as refused:
        event_from_text(text)
    assert "\n" not in str(refused.value)
    assert noise_kind_of_text(text) == "any"
