"""Events as JSON: there and back, and nothing that is not on the list."""

from __future__ import annotations

import json
import math

import dp_accounting as dp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.accounting.event_json import MOST_PARTS, EventError, event_from_json, event_to_json
from defenses.accounting.price import dp_sgd_event, gaussian_votes_event, laplace_votes_event

GAUSSIAN = '{"kind": "gaussian", "noise_multiplier": 1.0}'
MANY = ",".join([GAUSSIAN] * MOST_PARTS)

noises = st.floats(1e-3, 1e9)
leaves = st.one_of(
    st.builds(dp.GaussianDpEvent, noises),
    st.builds(dp.LaplaceDpEvent, noises),
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


@given(events)
def test_an_event_comes_back_as_it_was(event):
    assert event_from_json(event_to_json(event)) == event


@pytest.mark.parametrize(
    "event",
    [
        dp_sgd_event(1.1, 0.01, 100),
        gaussian_votes_event(10.0, 50),
        laplace_votes_event(10.0, 50),
        dp.NonPrivateDpEvent(),
    ],
)
def test_the_events_of_our_own_schemes_are_known(event):
    assert event_from_json(event_to_json(event)) == event


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 15_000, "not JSON"),
        ("[" * 100_000, "characters long"),
        ("[]", "should be an object"),
        ("null", "should be an object"),
        ('{"kind": "os.system"}', "unknown kind"),
        ('{"kind": ["gaussian"]}', "unknown kind"),
        ("{}", "unknown kind"),
        ('{"kind": "gaussian"}', "should have noise_multiplier"),
        ('{"kind": "no_op", "more": 1}', "should have nothing"),
        ('{"kind": "gaussian", "noise_multiplier": NaN}', "NaN is no number"),
        ('{"kind": "gaussian", "noise_multiplier": 1e999}', "from 0.001 to 1e"),
        ('{"kind": "gaussian", "noise_multiplier": 0}', "from 0.001 to 1e"),
        ('{"kind": "gaussian", "noise_multiplier": -1}', "from 0.001 to 1e"),
        ('{"kind": "gaussian", "noise_multiplier": true}', "not bool"),
        ('{"kind": "gaussian", "noise_multiplier": "1"}', "not str"),
        ('{"kind": "repeated", "count": 1.5, "event": EVENT}', "whole number"),
        ('{"kind": "repeated", "count": 0, "event": EVENT}', "whole number"),
        ('{"kind": "repeated", "count": 100000000, "event": EVENT}', "whole number"),
        ('{"kind": "composed", "events": EVENT}', "should be a list"),
        ('{"kind": "composed", "events": [MANY]}', "parts"),
        (
            '{"kind": "poisson_sampled", "sampling_probability": 2, "event": EVENT}',
            "from 0 to 1",
        ),
    ],
)
def test_what_is_no_event_is_refused_in_words(text, said):
    with pytest.raises(EventError, match=said) as refused:
        event_from_json(text.replace("EVENT", GAUSSIAN).replace("MANY", MANY))
    assert "\n" not in str(refused.value)


def test_an_event_inside_out_is_refused():
    content: object = {"kind": "no_op"}
    for _ in range(30):
        content = {"kind": "repeated", "count": 1, "event": content}
    with pytest.raises(EventError, match="deep"):
        event_from_json(json.dumps(content))


@pytest.mark.parametrize(
    "event",
    [
        dp.RandomizedResponseDpEvent(0.5, 4),
        dp.UnsupportedDpEvent(),
        dp.GaussianDpEvent(math.nan),
        dp.GaussianDpEvent("loud"),
        "an ε of 0.1",
    ],
    ids=repr,
)
def test_what_has_no_json_says_so(event):
    with pytest.raises(EventError):
        event_to_json(event)


def test_a_number_that_no_float_holds_is_out_of_range():
    text = f'{{"kind": "gaussian", "noise_multiplier": 1{"0" * 400}}}'
    with pytest.raises(EventError, match="noise_multiplier should be from"):
        event_from_json(text)
