"""How numbers travel in every JSON that is written here: records, tables and reports alike.

JSON has no NaN and no infinity. An unscored value (NaN) is null, an endless bound is the text
"inf" or "-inf", and so is an endless ε; a missing ceiling is null too. Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import JsonValue

from defenses.accounting.guarantee import Guarantee
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

ESTIMATE_KEYS = ("value", "low", "high", "level", "method", "ceiling")
GUARANTEE_KEYS = ("epsilon", "delta", "unit", "relation", "accountant", "basis")


def number_to_json(value: float | None) -> float | str | None:
    """Return a number as JSON can carry it: NaN as null, infinities as "inf" and "-inf"."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(value)


def number_from_json(value: object) -> float:
    """Return the number that `number_to_json` wrote.

    Raises:
        ValueError: it is no number.
    """
    if value is None:
        return math.nan
    if value in ("inf", "-inf"):
        return float(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError('should be a number, null, "inf" or "-inf"')
    try:
        return float(value)
    except OverflowError:  # JSON has whole numbers of any length
        raise ValueError("should be a number below 1e308") from None


def estimate_to_json(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as an object of JSON-able values."""
    return {
        "value": number_to_json(estimate.value),
        "low": number_to_json(estimate.low),
        "high": number_to_json(estimate.high),
        "level": number_to_json(estimate.level),
        "method": estimate.method,
        "ceiling": number_to_json(estimate.ceiling),
    }


def estimate_from_json(value: object) -> Estimate:
    """Return the estimate that `estimate_to_json` wrote; an Estimate passes unchanged.

    Raises:
        ValueError: keys are missing, unknown or of the wrong type.
    """
    if isinstance(value, Estimate):
        return value
    if not isinstance(value, Mapping) or set(value) != set(ESTIMATE_KEYS):
        raise ValueError(f"should be an object with {', '.join(ESTIMATE_KEYS)}")
    if not isinstance(value["method"], str):
        raise ValueError("'method' should be text")
    return Estimate(
        value=number_from_json(value["value"]),
        low=number_from_json(value["low"]),
        high=number_from_json(value["high"]),
        level=number_from_json(value["level"]),
        method=value["method"],
        ceiling=None if value["ceiling"] is None else number_from_json(value["ceiling"]),
    )


def guarantee_to_json(guarantee: Guarantee) -> dict[str, Any]:
    """Return a guarantee as an object of JSON-able values; ε is null where nothing is promised."""
    return {
        "epsilon": guarantee.promised,
        "delta": guarantee.delta,
        "unit": guarantee.unit,
        "relation": guarantee.relation,
        "accountant": guarantee.accountant,
        "basis": guarantee.basis,
    }


def guarantee_from_json(value: object) -> Guarantee:
    """Return the guarantee that `guarantee_to_json` wrote; a Guarantee is checked and passes.

    Raises:
        ValueError: keys are missing, unknown, of the wrong type or out of range.
    """
    if isinstance(value, Guarantee):
        value = guarantee_to_json(value)
    if not isinstance(value, Mapping) or set(value) != set(GUARANTEE_KEYS):
        raise ValueError(f"should be an object with {', '.join(GUARANTEE_KEYS)}")
    if value["unit"] not in get_args(Unit):
        raise ValueError(f"'unit' should be one of {', '.join(get_args(Unit))}")
    if not isinstance(value["basis"], str):
        raise ValueError("'basis' should be text")
    for key in ("relation", "accountant"):
        if not isinstance(value[key], str | None):
            raise ValueError(f"'{key}' should be text or null")
    epsilon = _bounded("epsilon", value["epsilon"], math.inf)
    return Guarantee(
        epsilon=math.inf if epsilon is None else epsilon,
        delta=_bounded("delta", value["delta"], 1.0),
        unit=value["unit"],
        relation=value["relation"],
        accountant=value["accountant"],
        basis=value["basis"],
    )


def _bounded(key: str, value: object, most: float) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= float(str(value)) <= most or math.isinf(float(str(value))):
        raise ValueError(f"'{key}' should be a number from 0 to {most:g}, or null")
    return float(str(value))


def to_json(value: object) -> JsonValue:
    """Return a value as JSON can carry it: tuples as arrays, estimates and numbers as above.

    Raises:
        ValueError: something within it has no place in JSON.
    """
    if isinstance(value, Estimate):
        return estimate_to_json(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return number_to_json(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"{type(value).__name__} has no place in a record")
