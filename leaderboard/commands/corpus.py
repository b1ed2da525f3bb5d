"""`overheard corpus`: what a corpus holds, and everything that is wrong with it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from tabulate import tabulate

from targets.core.errors import OverheardError
from targets.corpora.read import Problem, survey
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import default_cache, embedded_corpus

EMBEDDED = "embedded"
# What is shown of the embedded corpus, which has any size that is asked for.
_SPEAKERS, _UTTERANCES, _SEED = 60, 600, 0


@dataclass
class Summary:
    """Counts over the good utterances of a corpus, gathered one utterance at a time."""

    durations: list[float] = field(default_factory=list)
    speakers: set[str] = field(default_factory=set)
    genders: dict[str, str] = field(default_factory=dict)
    rates: Counter[str] = field(default_factory=Counter)
    splits: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)

    def add(self, utterance: Utterance) -> None:
        """Count one utterance."""
        says = utterance.attributes
        self.durations.append(utterance.duration)
        self.speakers.add(utterance.speaker)
        self.genders[utterance.speaker] = says.get("gender", "unknown")
        self.rates[says.get("sample_rate", "16000")] += 1
        self.splits.setdefault(says.get("split", "none"), []).append(
            (utterance.speaker, utterance.duration)
        )
        self.words.update(utterance.text.split())

    def render(self) -> str:
        """Return two tables: the corpus, and its splits."""
        d = self.durations
        rows = [
            ("utterances", str(len(d))),
            ("speakers", f"{len(self.speakers)} ({_tally(Counter(self.genders.values()))})"),
            ("hours", f"{sum(d) / 3600:.2f}"),
            ("distinct words", str(len(self.words))),
        ]
        if d:
            spread = f"{min(d):.2f} / {statistics.median(d):.2f} / {max(d):.2f}"
            rows.append(("seconds, min / median / max", spread))
            rows.append(("recordings per sample rate in Hz", _tally_rates(self.rates)))
        splits = [
            (name, len(rows_), len({s for s, _ in rows_}), sum(t for _, t in rows_) / 3600)
            for name, rows_ in sorted(self.splits.items())
        ]
        return "\n\n".join(
            [
                tabulate(rows, tablefmt="plain", disable_numparse=True),
                tabulate(
                    splits, headers=("split", "utterances", "speakers", "hours"), floatfmt=".2f"
                ),
            ]
        )


def corpus(
    path: Annotated[
        str,
        typer.Argument(
            help="A manifest, a folder, a Lhotse .jsonl.gz, or `embedded` for the synthetic speech."
        ),
    ],
) -> None:
    """Show what a corpus holds and list everything that is wrong with it."""
    console = Console(stderr=True)
    summary, found = Summary(), []
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            items = _embedded(bar) if path == EMBEDDED else survey(Path(path))
            for item in bar.track(items, description="reading"):
                if isinstance(item, Problem):
                    found.append(item)
                else:
                    summary.add(item)
    except (OverheardError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    for problem in found:
        # Not through rich: it would wrap the line, and style what looks like markup.
        typer.echo(str(problem), err=True)
    typer.echo(summary.render())
    if found:
        typer.echo(f"\n{len(found)} problem{'s' if len(found) > 1 else ''}, listed above", err=True)
        raise typer.Exit(1)
    if not summary.durations:
        typer.echo(f"{path}: no utterance — add lines to the manifest", err=True)
        raise typer.Exit(1)


def _embedded(bar: Progress) -> Iterable[Utterance | Problem]:
    task = bar.add_task("synthesising", total=_UTTERANCES)
    return embedded_corpus(
        speakers=_SPEAKERS,
        utterances=_UTTERANCES,
        seed=_SEED,
        cache=default_cache(),
        progress=lambda done, total: bar.update(task, completed=done, total=total),
    )


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))


def _tally_rates(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{rate}: {n}" for rate, n in sorted(counts.items()))
