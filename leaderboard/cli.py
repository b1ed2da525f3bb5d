"""The command line. Everything slow is imported by the command that needs it."""

from __future__ import annotations

import importlib
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.views.table import Format
from targets.core.errors import OverheardError

MISTAKE = 2  # exit code of what the user can mend
STOPPED = 130  # exit code of what Ctrl-C ended, as shells have it

app = typer.Typer(
    help="How much private speech can be overheard from a recogniser, and is its ε true?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Handed on untouched to a command that lives in a module of its own.
HAND_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

Places = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Folders of runs; reports of audit-model.")
]
Written = Annotated[Format, typer.Option("--format", help="How the table is written.")]
EachSeed = Annotated[
    bool, typer.Option("--seeds", help="A row for each seed, where a cell has several.")
]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"overheard {metadata.version('overheard')}")
        raise typer.Exit


@app.callback()
def overheard(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """How much private speech can be overheard from a recogniser, and is its ε true?"""


@app.command(context_settings=HAND_ON)
def run(context: typer.Context) -> None:
    """Train, attack and score every cell of a suite; go on where an earlier run stopped."""
    _hand_on(context, "run")


@app.command("list", context_settings=HAND_ON)
def list_(context: typer.Context) -> None:
    """List the targets, schemes, attacks, suites or corpora that there are."""
    _hand_on(context, "list_", "list")


@app.command(context_settings=HAND_ON)
def plan(context: typer.Context) -> None:
    """Show what a run would do, what is there already, and how long it should take."""
    _hand_on(context, "plan")


@app.command()
def table(
    places: Places,
    form: Written = Format.TEXT,
    seeds: EachSeed = False,
) -> None:
    """Print the leaderboard of a run, from its records alone, and models of yours below it."""
    from leaderboard.records.model_audit import runs_and_audits
    from leaderboard.views import table as tables

    runs, models = runs_and_audits(places)
    if len(runs) > 1:
        raise OverheardError(
            f"{runs[1]}: a second run, and a table is of one: `overheard compare` takes several"
        )
    typer.echo(tables.table(next(iter(runs), None), form, seeds=seeds, models=models))


@app.command()
def compare(
    places: Places,
    form: Written = Format.TEXT,
    seeds: EachSeed = False,
    plot: Annotated[
        Path | None, typer.Option(help="A PNG file for the picture.", show_default=False)
    ] = None,
) -> None:
    """Print the claimed ε beside the audited one, from the records of runs alone."""
    from leaderboard.records.model_audit import runs_and_audits
    from leaderboard.views import compare as comparisons

    folders, models = runs_and_audits(places)
    typer.echo(comparisons.compare(folders, form, seeds=seeds, models=models))
    if plot is not None:
        from leaderboard.views.compare_plot import draw

        draw(folders, plot)


@app.command()
def votes(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs.")],
    form: Written = Format.TEXT,
    seeds: EachSeed = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Where folders of real speech are: labels are compared with what was said.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Rows of this target alone.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="A PNG file for the picture.", show_default=False)
    ] = None,
) -> None:
    """Print how teachers of PATE voted, what it gave, and which accounting bought what."""
    from leaderboard.votes.view import votes_table

    typer.echo(votes_table(folders, form, data, target, seeds=seeds))
    if plot is not None:
        from leaderboard.votes.plot import draw

        draw(folders, plot, data, target)


@app.command()
def cohorts(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs.")],
    form: Written = Format.TEXT,
    seeds: EachSeed = False,
    attack: Annotated[
        str | None,
        typer.Option(help="Whose scores tell of leakage.", show_default="that of the audit"),
    ] = None,
) -> None:
    """Print word errors and leakage of every cohort of speakers, and tests of their differences."""
    from leaderboard.cohorts.table import cohort_table

    typer.echo(cohort_table(folders, form, attack, seeds=seeds))


@app.command()
def export(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs.")],
    form: Written = Format.CSV,
) -> None:
    """Print every figure of the records, one a line, with level, method and ceiling."""
    from leaderboard.views import export as exports

    typer.echo(exports.export(folders, form))


@app.command()
def site(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Where the page goes.")],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN...]",
            help="Folders of runs; reports of audit-model.",
            show_default="the published",
        ),
    ] = None,
) -> None:
    """Write the leaderboard as a page that needs no server, from records alone."""
    from leaderboard.records.model_audit import runs_and_audits
    from leaderboard.site import build as sites

    folders, models = runs_and_audits(runs or ())
    page = sites.write_site(out, folders or sites.published_runs(), models)
    typer.echo(f"page: {page}", err=True)


@app.command(context_settings=HAND_ON)
def corpus(context: typer.Context) -> None:
    """Show what a corpus holds and everything that is wrong with it."""
    _hand_on(context, "corpus")


@app.command(context_settings=HAND_ON)
def new(context: typer.Context) -> None:
    """Write a file to start a submission, or the audit of a model of yours, from."""
    _hand_on(context, "new")


@app.command(context_settings=HAND_ON)
def check(context: typer.Context) -> None:
    """Put a submitted defense through the contract."""
    _hand_on(context, "check")


@app.command(context_settings=HAND_ON)
def check_attack(context: typer.Context) -> None:
    """Put a submitted attack through the contract."""
    _hand_on(context, "check_attack", "check")


@app.command(context_settings=HAND_ON)
def check_model(context: typer.Context) -> None:
    """Put a recogniser that is to be audited through the contract."""
    _hand_on(context, "check_model", "audits.check_model")


@app.command(context_settings=HAND_ON)
def score(context: typer.Context) -> None:
    """Score a submitted defense beside the schemes of a suite."""
    _hand_on(context, "score")


@app.command(context_settings=HAND_ON)
def score_attack(context: typer.Context) -> None:
    """Run a submitted attack on all weights of a run."""
    _hand_on(context, "score_attack", "score")


@app.command(context_settings=HAND_ON)
def verify(context: typer.Context) -> None:
    """Make a record again from its own spec, and compare."""
    _hand_on(context, "verify")


@app.command(context_settings=HAND_ON)
def merge(context: typer.Context) -> None:
    """Join runs made on different machines."""
    _hand_on(context, "merge")


@app.command(context_settings=HAND_ON)
def train(context: typer.Context) -> None:
    """Train a target without privacy and measure its word error rate."""
    _hand_on(context, "train")


@app.command(context_settings=HAND_ON)
def account(context: typer.Context) -> None:
    """Price DP-SGD, or find the noise that an ε needs."""
    _hand_on(context, "account")


@app.command(context_settings=HAND_ON)
def audit(context: typer.Context) -> None:
    """Bound ε from below by scores and coins in a file."""
    _hand_on(context, "audit", "audits.scores")


@app.command(context_settings=HAND_ON)
def audit_training(context: typer.Context) -> None:
    """Audit the training itself: how much of the claimed ε an observer of the mechanism proves."""
    _hand_on(context, "audit_training", "audits.training")


@app.command(context_settings=HAND_ON)
def audit_repetitions(context: typer.Context) -> None:
    """Audit canaries that are in the data more than once against the ε of their group."""
    _hand_on(context, "audit_repetitions", "audits.repetitions")


@app.command(context_settings=HAND_ON)
def audit_worst_case(context: typer.Context) -> None:
    """Audit final weights alone, where start and canary are chosen against the scheme."""
    _hand_on(context, "audit_worst_case_command", "audits.worst_case")


@app.command(context_settings=HAND_ON)
def plant(context: typer.Context) -> None:
    """Deal a corpus before others train on it: hidden coins, spoken secrets, a part held out."""
    _hand_on(context, "plant")


@app.command(context_settings=HAND_ON)
def audit_model(context: typer.Context) -> None:
    """Say what a recogniser leaks that was trained on a planted corpus, and if its ε is true."""
    _hand_on(context, "audit_model_command", "audits.model")


@app.command(context_settings=HAND_ON)
def coverage(context: typer.Context) -> None:
    """Check by simulation how often each bound claims too much."""
    _hand_on(context, "coverage", "audits.coverage")


def _hand_on(context: typer.Context, name: str, home: str | None = None) -> None:
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    module = importlib.import_module(f"leaderboard.commands.{home or name}")
    command.command()(getattr(module, name))
    command(context.args, prog_name=f"overheard {name.strip('_').replace('_', '-')}")


def main() -> None:
    """Run the command line; a mistake of the user ends in its message, never in a traceback."""
    try:
        app()
    except OverheardError as error:
        # By name: the runner is not imported unless something ran.
        stopped = type(error).__name__ == "InterruptedRunError"
        _give_up(str(error), STOPPED if stopped else MISTAKE)
    except KeyboardInterrupt:
        _give_up("stopped", STOPPED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _give_up(f"{error.filename or 'system'}: {error.strerror or error}", MISTAKE)
    except Exception as error:
        if os.environ.get("OVERHEARD_DEBUG"):
            raise
        text = " ".join(str(error).split())
        _give_up(
            f"{type(error).__name__}: {text} (a fault of overheard itself; "
            "OVERHEARD_DEBUG=1 shows where)",
            MISTAKE,
        )


def _give_up(message: str, code: int) -> None:
    for line in message.splitlines() or [message]:
        typer.echo(f"overheard: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
