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
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from tabulate import tabulate

from targets.core.errors import OverheardError
from targets.corpora.entry import Problem
from targets.corpora.fit import Complaint, too_many_labels
from targets.corpora.read import Finding, examine, is_mixed, recognised, remark_lines
from targets.corpora.registry import CORPORA
from targets.models.registry import TARGETS
from targets.speech.transcript import CHANGES, changes, example
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.synthetic.corpus import default_cache, embedded_corpus

EMBEDDED = "embedded"
# What is shown of the embedded corpus, which has any size that is asked for.
_SPEAKERS, _UTTERANCES, _SEED = 60, 600, 0
_EXCERPT = 40  # characters of a transcript
_SHOWN = 5  # places in a warning


@dataclass
class Summary:
    """Counts over the good utterances of a corpus, gathered one utterance at a time."""

    count: int = 0
    durations: list[float] = field(default_factory=list)
    genders: dict[str, str] = field(default_factory=dict)
    rates: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    mixed: int = 0
    splits: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    changed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def add(self, utterance: Utterance) -> None:
        """Count one utterance."""
        says = utterance.attributes
        self.rates[says.get("sample_rate", "16000")] += 1
        self.channels[says.get("channels", "1")] += 1
        self.mixed += is_mixed(utterance)
        self._count(utterance.speaker, utterance.text, utterance.duration, says)

    def find(self, finding: Finding) -> None:
        """Count one utterance of real speech, and what was noticed about it."""
        entry = finding.entry
        if finding.utterance is not None:
            self.add(finding.utterance)
        else:
            says = {**entry.attributes, "split": entry.split or "none"}
            self._count(entry.speaker, finding.text, entry.duration, says)
        self.remarks += [(remark, entry.id) for remark in finding.remarks]
        for change in changes(entry.text, finding.text):
            self.changed[change] += 1
            if change not in self.examples:
                self.examples[change] = example(change, entry.text, finding.text)

    def _count(
        self, speaker: str, text: str, seconds: float | None, says: Mapping[str, str]
    ) -> None:
        self.count += 1
        if seconds is not None:
            self.durations.append(seconds)
        self.genders[speaker] = says.get("gender", "unknown")
        self.splits.setdefault(says.get("split", "none"), []).append((speaker, seconds or 0))
        self.words.update(text.split())

    def render(self) -> str:
        """Return tables: the corpus, its splits, and how its transcripts were changed."""
        d = self.durations
        rows = [
            ("utterances", str(self.count)),
            ("speakers", f"{len(self.genders)} ({_tally(Counter(self.genders.values()))})"),
            ("hours", f"{sum(d) / 3600:.2f}" + self._stated()),
            ("distinct words", str(len(self.words))),
        ]
        if d:
            spread = f"{min(d):.2f} / {statistics.median(d):.2f} / {max(d):.2f}"
            rows.append(("seconds, min / median / max", spread))
        if self.rates:
            rows.append(("recordings per sample rate in Hz", _tally_rates(self.rates)))
            mixed = f" ({self.mixed} mixed down to one)" if self.mixed else ""
            rows.append(("recordings per number of channels", _tally_rates(self.channels) + mixed))
        splits = [
            (name, len(rows_), len({s for s, _ in rows_}), sum(t for _, t in rows_) / 3600)
            for name, rows_ in sorted(self.splits.items())
        ]
        tables = [
            tabulate(rows, tablefmt="plain", disable_numparse=True),
            tabulate(splits, headers=("split", "utterances", "speakers", "hours"), floatfmt=".2f"),
        ]
        changed = [
            (name, self.changed[name], *map(_excerpt, self.examples[name]))
            for name in CHANGES
            if self.changed[name]
        ]
        if changed:
            headers = ("changed in transcripts", "utterances", "such as", "becomes")
            tables.append(tabulate(changed, headers=headers, disable_numparse=True))
        return "\n\n".join(tables)

    def _stated(self) -> str:
        """Say where the hours are only what the source states, and of how much of it."""
        if self.rates or not self.count:
            return ""
        return f" (as stated, of {len(self.durations)} utterances)"


def corpus(
    path: Annotated[
        str,
        typer.Argument(
            help="A file or folder of real speech (`overheard list corpora` shows the layouts), "
            "or `embedded` for the synthetic speech."
        ),
    ],
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Open no audio: see what is stated and that files exist."),
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            help="A target: what it cannot learn is wrong too, not only worth a warning.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what a corpus holds and list everything that is wrong with it."""
    if target is not None and target not in TARGETS:
        raise OverheardError(
            f"--target {target}: no such target (known: {', '.join(TARGETS.names())})"
        )
    console = Console(stderr=True)
    summary, found, crowded = Summary(), list[Problem](), dict[str, list[str]]()
    try:
        layout = None if path == EMBEDDED else recognised(Path(path))
        with Progress(
            *(SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn()),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as bar:
            items = _embedded(bar) if layout is None else examine(Path(path), decode=not quick)
            for item in bar.track(items, description="utterances read"):
                if isinstance(item, Problem):
                    found.append(item)
                elif isinstance(item, Finding):
                    summary.find(item)
                    for name, complaint in _unlearnable(item, target):
                        if target is not None:
                            found.append(
                                item.entry.problem(f"{name}: {complaint[0]}", complaint[1])
                            )
                        else:
                            place = f"{item.entry.id} (line {item.entry.line})"
                            crowded.setdefault(place, []).append(name)
                else:
                    summary.add(item)
    except (OverheardError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    for problem in found:
        # Not through rich: it would wrap the line, and style what looks like markup.
        typer.echo(str(problem), err=True)
    for line in remark_lines(summary.remarks):
        typer.echo(f"warning: {line}", err=True)
    if crowded:
        typer.echo(f"warning: {_crowded(crowded)}", err=True)
    if layout is not None:
        typer.echo(f"read as {layout}: {CORPORA[layout].summary}\n")
    typer.echo(summary.render())
    if quick and layout is not None:
        typer.echo("\nno audio was opened (--quick): truncated, silent or wrong audio is not seen")
    if found:
        typer.echo(f"\n{len(found)} problem{'s' if len(found) > 1 else ''}, listed above", err=True)
        raise typer.Exit(1)
    if not summary.count:
        typer.echo(f"{path}: no utterance — add lines to the manifest", err=True)
        raise typer.Exit(1)


def _unlearnable(finding: Finding, target: str | None) -> Iterable[tuple[str, Complaint]]:
    """Yield the targets, or whether the one, that cannot learn an utterance, and why."""
    spoken, stated = finding.utterance, finding.entry.duration
    if spoken is None and stated is None:
        return
    samples = spoken.size if spoken is not None else round(SAMPLE_RATE * (stated or 0))
    for entry in TARGETS if target is None else (TARGETS[target],):
        if entry.frames_per_label is not None:
            complaint = too_many_labels(finding.text, samples, entry.frames_per_label)
            if complaint is not None:
                yield entry.name, complaint


def _crowded(places: Mapping[str, list[str]]) -> str:
    """Return one line on utterances, by id and line, and the targets that cannot learn them."""
    targets = list(dict.fromkeys(name for names in places.values() for name in names))
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    count = f"{len(places)} recording{'s' * (len(places) > 1)}"
    return (
        f"too short for their transcripts, if the target is {' or '.join(targets)}: "
        f"{count}, {', '.join(list(places)[:_SHOWN])}{more} "
        f"(--target {targets[0]} says how much)"
    )


def _embedded(bar: Progress) -> Iterable[Utterance]:
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


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"
