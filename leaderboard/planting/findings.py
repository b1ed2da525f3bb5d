"""Utterances of a corpus as they may be copied; the first that may not ends it, in one line."""

from __future__ import annotations

from pathlib import Path

from targets.corpora.entry import CorpusError, Problem
from targets.corpora.read import Finding


def usable(item: Finding | Problem, corpus: Path) -> Finding:
    """Return what was found, if it can be copied as it is.

    Raises:
        CorpusError: it has a problem, or samples that 16 bits would cut off.
    """
    if isinstance(item, Problem):
        raise CorpusError(f"{item} (`overheard corpus {corpus}` lists all problems)")
    if "integer scale" in item.remarks:
        wrong, cure = "samples far beyond 1 would be cut off", "divide by 32768, export again"
        raise CorpusError(str(item.entry.problem(wrong, cure)))
    return item
