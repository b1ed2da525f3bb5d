"""Text as the labels of a tokenizer, in the case that it knows."""

from __future__ import annotations

from typing import Any

from leaderboard.recognisers.base import UnheardError


def labels_of(tokenizer: Any, text: str, name: str) -> list[int]:
    """Return the labels of a text; where it has no small letters, those of capitals.

    Raises:
        UnheardError: the tokenizer cannot write the text.
    """
    unknown = tokenizer.unk_token_id
    for written in (text, text.upper(), text.lower()):
        found = list(tokenizer(written, add_special_tokens=False).input_ids)
        if unknown is None or unknown not in found:
            return found
    lacks = sorted({c for c in text if unknown in _ids(tokenizer, c)} or {text})
    raise UnheardError(
        f"{name}: its labels cannot write {lacks[0]!r}, which the transcript has: leave it out"
    )


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)
