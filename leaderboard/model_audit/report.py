"""The report of an audit as one page that needs no server, no network and no script."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from leaderboard.model_audit.canary_table import Share
from leaderboard.model_audit.result import INVERTED, Result
from leaderboard.model_audit.roc_picture import legend, picture
from leaderboard.model_audit.rules.blind import LOOKED_AT
from leaderboard.planting.planted import Planted
from leaderboard.records.model_audit import EVERYONE, UTTERANCES, of_looks
from targets.core.estimate import Estimate

SOUNDS = 3  # recordings to play
DASH = "—"


def report(result: Result, planted: Planted) -> str:
    """Return the page; of the candidates it names ids alone, and plays synthetic canaries alone."""
    pages = Environment(
        loader=PackageLoader("leaderboard.model_audit", "pages"),
        autoescape=True,  # what a model writes is among what is shown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"number": number, "interval": interval, "share": share, "percent": percent}
    pages.filters |= {"small": small, "coded": coded}
    group = UTTERANCES if _has(result, UTTERANCES) else EVERYONE
    curves = {
        name: groups[group].curve for name, groups in result.rankings.items() if group in groups
    }
    held_out = [g[group].held_out for g in result.rankings.values() if group in g]
    css = (files("leaderboard.site") / "pages" / "site.css").read_text(encoding="utf-8")
    return pages.get_template("report.html").render(
        r=result,
        css=Markup(css.replace("</", "<\\/")),
        group=group,
        roc=picture(curves, 1 / max(held_out, default=10)) if curves else "",
        legend=legend(curves),
        sounds=_sounds(result, planted),
        headline=headline(result),
        looked=looked(result),
        looked_at=LOOKED_AT,
        draw_counts=_draw_counts(result),
    )


def headline(result: Result) -> str:
    """Return the verdict in one sentence."""
    if result.design == "observational":
        blind = result.blind
        told = DASH if blind is None else interval(blind.auc)
        return f"Nobody tossed coins: no ε. Without the model the lists are told by AUC {told}."
    if result.claimed_epsilon is None and result.verdict == INVERTED:
        return f"What was let through, this audit {INVERTED}."
    if result.claimed_epsilon is None:
        return (
            f"Audited ε is at least {number(result.bound.low)}; nothing was claimed."
            if result.bound.scored
            else f"No ε could be audited ({result.bound.method})."
        )
    claim = f"ε = {result.claimed_epsilon:g}"
    return {
        "falsified": f"The claim {claim} is falsified.",
        "consistent": f"The claim {claim} is consistent with all that was found.",
    }.get(result.verdict, f"Whether {claim} is true, this audit {result.verdict}.")


def looked(result: Result) -> str | None:
    """Return what the number of looks at the coins means, in a sentence; None of a single one."""
    count = len(result.looks)
    if count < 2:
        return None
    return (
        f"This is look {result.look} of {count} at the same coins: {of_looks(count)}. What holds "
        f"with 95 % for all {count} together: ε ≥ {number(result.together.low)}."
    )


def number(value: float | None) -> str:
    """Return a number with two digits, or a dash."""
    return DASH if value is None or math.isnan(value) else f"{value:.2f}"


def small(value: float | None) -> str:
    """Return a number of any size with two digits that count, or a dash."""
    return (
        DASH if value is None or math.isnan(value) else "∞" if math.isinf(value) else f"{value:.2g}"
    )


def interval(estimate: Estimate) -> str:
    """Return a value with its interval, or a dash."""
    if not estimate.scored:
        return DASH
    if math.isnan(estimate.low):
        return number(estimate.value)
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def percent(estimate: Estimate) -> str:
    """Return a rate in percent with its interval, or a dash."""
    if not estimate.scored:
        return DASH
    if math.isnan(estimate.low):
        return f"{100 * estimate.value:.1f} %"
    return f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def share(part: Share) -> str:
    """Return how many of how many, or a dash where there are none."""
    return f"{part.hits} of {part.of}" if part.of else DASH


def coded(text: str) -> Markup:
    """Return text in which what stands between backticks is set as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def _draw_counts(result: Result) -> list[str]:
    """Return the numbers of draws of which any row says something."""
    sides = [side for row in result.draws for side in (row.members, row.held_out)]
    return sorted({n for side in sides for n in side.median}, key=int)


def _has(result: Result, group: str) -> bool:
    return any(group in groups for groups in result.rankings.values())


def _sounds(result: Result, planted: Planted) -> Sequence[Mapping[str, str]]:
    """Return recordings of the first canaries that are shown, as addresses that hold the data."""
    by_id = {c.id: c for c in planted.candidates}
    found = []
    for written in result.written[:SOUNDS]:
        canary = by_id[written.id]
        path = canary.covered or canary.audio
        data = base64.b64encode(path.read_bytes()).decode()
        kind = path.suffix.removeprefix(".")
        found.append({"id": canary.id, "source": f"data:audio/{kind};base64,{data}"})
    return found
