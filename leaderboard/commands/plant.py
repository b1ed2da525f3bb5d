"""`overheard plant`: deal the game before somebody else's training."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.commands.seeds import BITS
from leaderboard.jobs.counting import counting
from leaderboard.planting.canaries import Wanted
from leaderboard.planting.ceiling import LEVEL, ceiling, needed
from leaderboard.planting.deal import Deal, Dealt
from leaderboard.planting.deal import plant as deal_out
from leaderboard.planting.planted import FORMS, SECRET, TRAIN
from leaderboard.planting.tables import FILES, Format
from targets.core.errors import OverheardError
from targets.speech.utterance import Unit


def plant(
    corpus: Annotated[
        Path,
        typer.Argument(help="A file or folder of real speech, of any layout that overheard reads."),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not exist.")],
    unit: Annotated[Unit, typer.Option(help="Who has a coin of their own.")] = "utterance",
    canaries: Annotated[int, typer.Option(min=0, help="How many secrets are planted.")] = 300,
    templates: Annotated[str, typer.Option(help="What they say.")] = "pin4,phone,name,address",
    repetitions: Annotated[
        str, typer.Option(help="How often each is in the training speech.")
    ] = "1,4,16",
    voices: Annotated[int, typer.Option(help="How many synthetic voices say them.")] = 12,
    forms: Annotated[
        str,
        typer.Option(help="What is heard: the secret, noise in its place, or another secret."),
    ] = ",".join(FORMS),
    form: Annotated[Format, typer.Option("--format", help="What the trainer reads.")] = "manifest",
    audit_fraction: Annotated[
        float, typer.Option(help="The share of the corpus with coins; the rest is trained on.")
    ] = 1.0,
    split: Annotated[
        str | None,
        typer.Option(help="The split that is dealt.", show_default="all but dev and test"),
    ] = None,
    claimed_epsilon: Annotated[
        float | None,
        typer.Option(help="The ε that will be promised: can the audit tell?", show_default=False),
    ] = None,
    delta: Annotated[float, typer.Option(help="δ of that promise.")] = 1e-5,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="For rehearsals: whoever knows it knows the coins.",
            show_default="a secret one",
        ),
    ] = None,
) -> None:
    """Deal a corpus: what to train on, and what to hold out for `overheard audit-model`.

    Every utterance (or speaker) is trained on or held out by the toss of a hidden coin. Spoken
    secrets join them. Train on `train/` alone.
    """
    wanted = Wanted(
        count=canaries,
        templates=_list("--templates", templates),
        repetitions=_numbers("--repetitions", repetitions),
        forms=_forms(forms),  # type: ignore[arg-type]
        voices=voices,
    )
    deal = Deal(unit, wanted, form, audit_fraction, split, delta, claimed_epsilon)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OverheardError(f"{out}: exists already, and is not replaced — name another --out")
    with counting() as tell:
        dealt = deal_out(corpus, out, deal, secrets.randbits(BITS) if seed is None else seed, tell)
    typer.echo(_summary(out, deal, dealt))


def _summary(out: Path, deal: Deal, dealt: Dealt) -> str:
    delta, unit = deal.delta, deal.unit
    lines = [
        f"planted: {out}",
        f"{dealt.candidates} candidates, {dealt.canaries} of them canaries; "
        f"{dealt.always} more utterances are always trained on"
        + (f"; {dealt.left_out} of dev and test were left alone" if dealt.left_out else ""),
        f"{dealt.coins} coins can audit the ε of one {unit}",
    ]
    if unit == "utterance" and dealt.coins < dealt.candidates:
        repeated = dealt.candidates - dealt.coins
        lines[-1] += f" ({repeated} canaries are said more than once, and show extraction alone)"
    lines.append(
        f"the largest ε that an audit of them can show at δ={delta:g}, {LEVEL:.0%} confidence: "
        f"{ceiling(dealt.coins, delta):.2f}, and {ceiling(dealt.coins, delta, 'gaussian'):.2f} "
        "where the noise is Gaussian (DP-SGD)"
    )
    claim = deal.claimed_epsilon
    if claim is not None:
        for noise, words in (("any", "any mechanism"), ("gaussian", "Gaussian noise")):
            most = ceiling(dealt.coins, delta, noise)  # type: ignore[arg-type]
            if most > claim:
                lines.append(f"claimed ε={claim:g}, {words}: the audit can contradict it")
                continue
            enough = needed(claim, delta, noise)  # type: ignore[arg-type]
            cure = "no number of coins can" if enough is None else f"it takes about {enough} coins"
            lines.append(
                f"claimed ε={claim:g}, {words}: this audit cannot contradict it; {cure} at "
                f"δ={delta:g}"
            )
    place = out / TRAIN / FILES[deal.format]
    lines += [
        f"train on {place} and nothing else; keep {out / SECRET} away from whoever trains",
        f"then: overheard audit-model MODEL --planted {out}",
    ]
    return "\n".join(lines)


def _list(option: str, text: str) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not items:
        raise OverheardError(f"{option}: names nothing — separate several by commas")
    return items


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, _list(option, text)))
    except ValueError:
        raise OverheardError(f"{option} {text}: give numbers, such as 1,4,16") from None


def _forms(text: str) -> tuple[str, ...]:
    items = _list("--forms", text)
    for item in items:
        if item not in FORMS:
            raise OverheardError(f"--forms {item}: use some of {', '.join(FORMS)}")
    return items
