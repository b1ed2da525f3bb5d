"""`overheard audit-model`: what a recogniser that somebody else trained leaks of a planted game."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from attacks.statistics.evidence import Noise
from leaderboard.jobs.counting import counting
from leaderboard.model_audit.crew import Crew
from leaderboard.model_audit.observed import observed
from leaderboard.model_audit.questions import BASE, MODEL, REFERENCE, roles_of
from leaderboard.model_audit.report import headline, interval, looked, number, report, share
from leaderboard.model_audit.result import Result
from leaderboard.model_audit.run import Asked, audit_model
from leaderboard.planting.planted import Planted, read_planted
from leaderboard.recognisers.base import Opening, OutsideRecogniser
from leaderboard.recognisers.hf.memory import processes_in
from leaderboard.recognisers.hf.recogniser import HfRecogniser
from leaderboard.recognisers.hf.sharing import share_encoders
from leaderboard.recognisers.open import FORMS, open_recogniser
from leaderboard.recognisers.stimuli import carriers, sounds
from leaderboard.records.model_audit import (
    ELSEWHERE,
    EVERYONE,
    FILE,
    LONGEST,
    UTTERANCES,
    shown,
)
from leaderboard.records.provenance import cores, ram_gib
from leaderboard.records.store import write_digested
from targets.core.errors import OverheardError
from targets.core.files import default_cache, whole_file

FALSIFIED = 3  # exit code of a claim that the coins contradict
IN_TIME = 0.8  # of the patience: a service gives its own reason before the alarm rings
PAGE = "report.html"


def audit_model_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=FORMS)],
    planted: Annotated[
        Path | None,
        typer.Option(help="The folder that `overheard plant` wrote.", show_default=False),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(help="In its place: speech that was trained on.", show_default=False),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(help="With --members: speech that was not.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="What the fine-tuning began from, written as MODEL.", show_default=False),
    ] = None,
    references: Annotated[
        list[str] | None,
        typer.Option(help="A model that saw no candidate; may be given again.", show_default=False),
    ] = None,
    claimed_epsilon: Annotated[
        float | None,
        typer.Option(help="The ε to be checked.", show_default="what was said when planting"),
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Its δ.", show_default="what was said when planting")
    ] = None,
    noise: Annotated[
        Noise, typer.Option(help="'gaussian' if the training is DP-SGD: a stronger bound.")
    ] = "any",
    guesses: Annotated[
        float | None,
        typer.Option(
            help="The share of coins to guess on, decided beforehand: 0.9 where canaries should be "
            "told nearly without fail.",
            show_default="five numbers of guesses share the level",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where answers, record and report go.")] = Path(
        "report"
    ),
    limit: Annotated[
        int | None, typer.Option(min=2, help="Ask about so many candidates.", show_default="all")
    ] = None,
    others: Annotated[
        int, typer.Option(min=1, help="Other secrets that a canary's is ranked among.")
    ] = 15,
    patience: Annotated[float, typer.Option(min=0.01, help="Seconds for one answer.")] = 120.0,
    device: Annotated[str, typer.Option(help="What weights are put on.")] = "cpu",
    language: Annotated[
        str, typer.Option(help="Told to models that take one, such as en.", show_default=False)
    ] = "",
    adapter: Annotated[
        Path | None,
        typer.Option(help="The folder of a peft adapter, of MODEL alone.", show_default=False),
    ] = None,
    key_from: Annotated[
        str,
        typer.Option(
            help="The environment variable with the key, sent to each http: named.",
            show_default=False,
        ),
    ] = "",
    requests_a_minute: Annotated[
        float, typer.Option(min=0.01, help="How often a service is asked at most.")
    ] = 600.0,
    stimuli: Annotated[
        bool, typer.Option(help="Also ask what is written where nobody speaks: 38 sounds.")
    ] = True,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="Further answers to each of those sounds, drawn at random; to canaries too, of "
            "models without likelihoods.",
        ),
    ] = 3,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that ask at once, each with the models in its memory.",
            show_default="one a core for hf: models on the CPU, as memory allows",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="What tables call it.", show_default="as MODEL is written")
    ] = "",
    scheme: Annotated[
        str, typer.Option(help="How it was trained, in a word or two, for tables.")
    ] = ELSEWHERE,
) -> None:
    """Ask a recogniser about every planted candidate, and say what it leaks.

    Exit code 3: the claimed ε is falsified. The same command goes on where it was stopped.
    """
    if delta is not None and not 0.0 <= delta < 1.0:
        raise OverheardError(f"--delta is {delta:g}; give a number in [0, 1)")
    if claimed_epsilon is not None and not 0.0 <= claimed_epsilon < math.inf:
        raise OverheardError(
            f"--claimed-epsilon is {claimed_epsilon:g}; give a number of at least 0"
        )
    if guesses is not None and not 0.0 < guesses <= 1.0:
        raise OverheardError(f"--guesses is {guesses:g}; give a share, above 0 and at most 1")
    for option, text in (("name", name or "-"), ("scheme", scheme)):
        if text != shown(text):
            raise OverheardError(f"--{option}: give one line of at most {LONGEST} letters")
    game = _game(planted, members, held_out, out)
    opening = Opening(
        device=device,
        language=language,
        adapter=adapter,
        key_from=key_from,
        requests_a_minute=requests_a_minute,
        patience=IN_TIME * patience,
        answers=out / "service",
    )
    asked = Asked(
        delta=game.delta if delta is None else delta,
        claimed_epsilon=game.claimed_epsilon if claimed_epsilon is None else claimed_epsilon,
        noise=noise,
        guesses=guesses,
        limit=limit,
        others=others,
        draws=draws,
        patience=patience,
        language=language,
        device=device,
    )
    opened = partial(_opened, opening, model, base, tuple(references or ()))
    roles = opened()
    at_once = _at_once(workers, device, roles.values())
    with counting() as tell:
        result = audit_model(
            game,
            roles[MODEL],
            out,
            asked,
            base=roles.get(BASE),
            references=[who for role, who in roles.items() if role.startswith(REFERENCE)],
            stimuli=[*sounds(), *carriers(cache=default_cache())] if stimuli else (),
            crew=Crew(at_once, opened) if at_once > 1 else None,
            progress=partial(tell, "answers"),
        )
    result = replace(result, scheme=scheme, name=name or result.name)
    write_digested(result.to_json(), out / FILE)
    with whole_file(out / PAGE) as aside:
        aside.write_text(report(result, game), encoding="utf-8")
    typer.echo(_summary(result))
    typer.echo(f"report: {out / PAGE}")
    if result.verdict == "falsified":
        raise typer.Exit(FALSIFIED)


def _opened(
    opening: Opening, model: str, base: str | None, references: Sequence[str]
) -> Mapping[str, OutsideRecogniser]:
    """Return the recognisers by role; an adapter is of the model alone."""
    bare = replace(opening, adapter=None)
    others = [*([] if base is None else [base]), *references]
    first, *rest = share_encoders(
        [open_recogniser(model, opening), *(open_recogniser(one, bare) for one in others)]
    )
    if base is None:
        return roles_of(first, references=rest)
    return roles_of(first, rest[0], rest[1:])


def _at_once(workers: int | None, device: str, recognisers: Collection[OutsideRecogniser]) -> int:
    """Return how many processes ask: of models that lie here one a core, as memory allows."""
    here = all(isinstance(one, HfRecogniser) for one in recognisers)
    if workers is not None and workers > 1 and not here:
        raise OverheardError(
            f"--workers {workers}: only hf: models are asked by several processes — leave it out"
        )
    if workers is not None:
        return workers
    return min(cores(), processes_in(ram_gib(), recognisers)) if here and device == "cpu" else 1


def _game(planted: Path | None, members: Path | None, held_out: Path | None, out: Path) -> Planted:
    if planted is not None and members is None and held_out is None:
        return read_planted(planted)
    if planted is None and members is not None and held_out is not None:
        return observed(members, held_out, out)
    raise OverheardError("give --planted, or both --members and --held-out")


def _summary(result: Result) -> str:
    lines = [headline(result)]
    if result.bound.scored:
        lines.append(
            f"audited ε ≥ {number(result.bound.low)} at δ={result.delta:g} by {result.attack} "
            f"(ceiling {number(result.bound.ceiling)}); {result.bound.method}"
        )
    lines += [line for line in [looked(result)] if line]
    blind = result.blind
    if blind is not None:
        lines.append(f"without the model: AUC {interval(blind.auc)}")
    if blind is not None and result.design == "observational":
        lines += [f"gain of {n} over that: {interval(gain)}" for n, gain in blind.gains.items()]
    shown = result.rankings if result.design == "one_run" else {}
    for name, groups in shown.items():
        one = groups.get(UTTERANCES) or groups.get(EVERYONE)
        if one is not None:
            lines.append(
                f"{name}: AUC {interval(one.auc)}, {one.members} members, {one.held_out} held out"
            )
    for row in result.canaries:
        trained, held_out = row.members, row.held_out
        lines.append(
            f"canaries, {row.form}, said {row.repetitions}×: secret written "
            f"{share(trained.written)} trained on, {share(held_out.written)} held out; beats its "
            f"twin {share(trained.twins)} and {share(held_out.twins)}"
        )
    lines += [*_extracted(result), *_states(result)]
    for reason, count in result.failures.items():
        lines.append(f"no answer, {count}×: {reason}")
    if result.empty:
        lines.append(f"{result.empty} transcripts hold no word")
    lines += [f"not run: {name}: {reason}" for name, reason in result.absent.items()]
    return "\n".join(lines)


def _states(result: Result) -> list[str]:
    if any(probe.same for probe in result.probes):
        return ["states: the encoder is as in the base; it gives nothing away of the training"]
    return [
        f"states of the encoder, {probe.what}: AUC {interval(probe.model)}, base "
        f"{interval(probe.base)}, gain {interval(probe.gain)}"
        for probe in result.probes
    ]


def _extracted(result: Result) -> list[str]:
    lines = []
    for row in result.draws:
        most = max({*row.members.likely, *row.held_out.likely}, key=int)
        trained, held_out = row.members, row.held_out
        lines.append(
            f"canaries, {row.form}, said {row.repetitions}×, drawn {most}×: there at even odds or "
            f"better {trained.likely.get(most, 0)} of {trained.of} trained on, "
            f"{held_out.likely.get(most, 0)} of {held_out.of} held out"
        )
    found = result.untargeted
    if found is not None:
        by_chance = "" if found.p is None else f" (by chance p = {found.p:.2g})"
        lines.append(
            f"where nobody speaks: {found.words} words{' beyond the base' * bool(result.base)}; "
            f"{share(found.trained)} that only members' transcripts have, "
            f"{share(found.held_out)} of held-out ones alone{by_chance}"
        )
    return lines
