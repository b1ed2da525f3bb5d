"""The leaderboard as static pages that need no server and no network, from records alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from leaderboard.records.model_audit import ModelAudit
from leaderboard.site import board as board_view
from leaderboard.site import entry as entry_view
from leaderboard.site import models as model_view
from leaderboard.site.entries import Entry, read_entries, sound_label
from leaderboard.views import export
from leaderboard.views.table import TITLES, Format, render
from targets.core.errors import OverheardError
from targets.core.files import PARTIAL

MARK = ".overheard-site"  # in every folder that this module wrote, and may therefore replace
ASSETS = ("site.css", "charts.js", "board.js", "entry.js", "compare.js")


class SiteError(OverheardError):
    """The pages cannot be written: one line naming the folder."""


def published_runs() -> list[Path]:
    """Return the folders of the published records."""
    home = Path(str(files("leaderboard") / "published"))
    return sorted((run for run in home.iterdir() if run.is_dir()), key=lambda run: run.name)


def write_site(out: Path, runs: Sequence[Path], models: Sequence[ModelAudit] = ()) -> Path:
    """Write the pages of some runs into a folder and return the one to open.

    Audits of `models` that others trained have a table of their own.

    The folder is replaced as a whole, if it is one of ours.

    Raises:
        SiteError: the folder holds something else.
        RecordError: see `read_entries`.
    """
    if out.exists() and not (out / MARK).exists() and (not out.is_dir() or any(out.iterdir())):
        raise SiteError(f"{out}: holds other files than a page of overheard: name another folder")
    entries = read_entries(runs)
    with _whole_folder(Path(os.path.abspath(out))) as aside:
        _write(aside, entries, models)
    return out / "index.html"


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    aside = out.with_name(f"{PARTIAL}{os.getpid()}-{out.name}")
    try:
        aside.mkdir(parents=True)
        yield aside
        if out.exists():
            shutil.rmtree(out)
        os.replace(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(home: Path, entries: Sequence[Entry], models: Sequence[ModelAudit]) -> None:
    _text(home / MARK, "Written by `overheard site`, which may replace this folder.\n")
    _write_assets(home / "assets", entries)
    _write_figures(home, entries)
    _copy_runs(home / "runs", entries)
    pages = Environment(
        loader=PackageLoader("leaderboard.site", "pages"),
        autoescape=True,  # a submission's words are among what is shown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals |= {"version": metadata.version("overheard"), "sound_label": sound_label}
    index = pages.get_template("index.html").render(
        root="", here="index", models=model_view.models(models), **board_view.board(entries)
    )
    _text(home / "index.html", index)
    compare = pages.get_template("compare.html").render(
        root="", here="compare", suites=board_view.by_suite(entries)
    )
    _text(home / "compare.html", compare)
    _write_entries(home / "entries", entries, pages)


def _write_assets(home: Path, entries: Sequence[Entry]) -> None:
    home.mkdir()
    for name in ASSETS:
        shutil.copyfile(str(files("leaderboard.site") / "pages" / name), home / name)
    plotly = files("plotly") / "package_data" / "plotly.min.js"
    shutil.copyfile(str(plotly), home / "plotly.min.js")
    _text(home / "entries.js", f"window.overheard = {_json(board_view.overview(entries))};\n")


def _write_figures(home: Path, entries: Sequence[Entry]) -> None:
    figures = [
        row
        for entry in entries
        if not entry.superseded_by
        for row in export.figures_of(
            entry.record, entry.results, entry.beside, entry.board, entry.differences
        )
    ]
    for form in (Format.CSV, Format.JSON):
        _text(home / f"figures.{form}", render(figures, export.KEYS, TITLES, "", form) + "\n")


def _write_entries(home: Path, entries: Sequence[Entry], pages: Environment) -> None:
    home.mkdir()
    page = pages.get_template("entry.html")
    corrected = {entry.superseded_by: entry.name for entry in entries if entry.superseded_by}
    for entry in entries:
        curves = entry_view.curves(entry)
        content = page.render(
            root="../",
            here="entry",
            entry=entry,
            corrects=corrected.get(entry.name),
            verdict=" ".join(filter(None, (entry_view.verdict(entry.record), entry.disproof))),
            curves=list(curves),
            tiles=entry_view.tiles(entry),
            groups=entry_view.groups(entry),
            provenance=entry_view.provenance(entry),
        )
        _text(home / f"{entry.name}.html", content)
        shutil.copyfile(entry.path, home / f"{entry.name}.json")
        details = {
            "facts": entry_view.facts(entry),
            "roc": curves,
            "figures": entry_view.figures(entry),
        }
        script = f"window.overheard.details[{_json(entry.name)}] = {_json(details)};\n"
        _text(home / f"{entry.name}.js", script)


def _copy_runs(home: Path, entries: Sequence[Entry]) -> None:
    for run in board_view.seen_and_heard(entries):
        folder = home / run.name
        (folder / "sounds").mkdir(parents=True)
        for file in (run.picture, *run.sounds):
            if file:
                to = folder / file.name if file is run.picture else folder / "sounds" / file.name
                shutil.copyfile(file, to)


def _text(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
