"""The language of an utterance: the attribute that names it, and those that targets tell apart."""

from __future__ import annotations

LANGUAGE = "language"  # the attribute of an utterance, whose value is a code of `LANGUAGES`
ENGLISH = "en"
LANGUAGES = (ENGLISH, "es", "de")  # the first is that of speech whose language is not known
