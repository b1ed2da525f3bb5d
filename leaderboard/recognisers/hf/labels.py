"""Text as the labels of a tokenizer, in a spelling that it knows."""

from __future__ import annotations

import unicodedata
from typing import Any

from leaderboard.recognisers.base import UnheardError

_SPOKEN = "'&%@#*"  # Unicode calls them punctuation; they are part of words, or words themselves


def labels_of(tokenizer: Any, text: str, name: str) -> list[int]:
    """Return the labels of a text, in the first of its spellings that has labels for all of it.

    As it is, in capitals, in small letters, and then each of these without punctuation.

    Raises:
        UnheardError: the tokenizer can write none of them.
    """
    bare = _without_punctuation(text)
    for written in (text, bare) if bare else (text,):
        for cased in (written, written.upper(), written.lower()):
            found = _ids(tokenizer, cased)
            if tokenizer.unk_token_id is None or tokenizer.unk_token_id not in found:
                return found
    lacks = [c for c in sorted(set(bare)) if not _knows(tokenizer, c)] or [text]
    raise UnheardError(
        f"{name}: its labels cannot write {lacks[0]!r}, which the transcript has: leave it out"
    )


def _without_punctuation(text: str) -> str:
    straight = text.replace("’", "'").replace("‘", "'")
    kept = [c if c in _SPOKEN or unicodedata.category(c)[0] != "P" else " " for c in straight]
    return " ".join("".join(kept).split())


def _knows(tokenizer: Any, character: str) -> bool:
    cased = (character, character.upper(), character.lower())
    return any(tokenizer.unk_token_id not in _ids(tokenizer, c) for c in cased)


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)
