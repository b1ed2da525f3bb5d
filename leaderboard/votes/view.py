"""The table of votes: how teachers agreed, what it gave, and which accounting bought what."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from leaderboard.views.table import SEEDS, TITLES, Format, Row, keys_of, render
from leaderboard.votes.rows import DP_SGD, PUBLIC, RIVALS, read_votes
from targets.core.estimate import Estimate

WIDTH = 100  # characters of a line of words
WHO = ("target", "scheme", "seed", "epsilon")
# In the text one table below another, to a machine one row with all.
PARTS = {
    "How teachers voted": (
        "teachers", "queries", "answers", "noise", "lead_needed", "agreement", "lead", "decided",
    ),
    "Word errors of the labels, and of the student": (
        "wer_unvoted", "wer_labels", "wer_listed", "wer",
        f"wer_{DP_SGD}", "of_edpsgd", f"wer_less_{DP_SGD}", f"wer_{PUBLIC}", f"wer_less_{PUBLIC}",
    ),
    "Which accounting bought what": (
        "queries", "noise_alone", "noise", "noise_renyi", "noise_added",
        "epsilon_winners", "epsilon_released",
    ),
}  # fmt: skip
KEYS = tuple(
    dict.fromkeys([*WHO, "delta", *(f"wer_{rival}" for rival in RIVALS), *sum(PARTS.values(), ())])
)
HEADERS = TITLES | {
    "noise": "noise",
    "lead_needed": "lead needed",
    "wer_unvoted": "labels, no votes %",
    "wer_labels": "labels %",
    "wer_listed": "best listed %",
    f"wer_{DP_SGD}": f"{DP_SGD} %",
    "of_edpsgd": f"of {DP_SGD}",
    f"wer_less_{DP_SGD}": f"less {DP_SGD}",
    f"wer_{PUBLIC}": f"{PUBLIC} %",
    f"wer_less_{PUBLIC}": f"less {PUBLIC}",
    "noise_alone": "each alone",
    "noise_renyi": "Rényi",
    "noise_added": "added up",
    "epsilon_winners": "ε of winners",
    "epsilon_released": "released",
}
FOOTER = """\
noise              its deviation on every count, in votes, at the promised ε; in the last table
                   beside what other accounting would have needed for it
lead needed        by which one of two hypotheses stays ahead of the other in 95 of 100 draws
agreement          share of the teachers that voted for the most voted hypothesis, mean of queries
lead               by how many votes it leads the next; `decided`: how often by the lead needed
labels             word errors of the answers, of what would be believed without votes, and of the
                   best text that could be voted for
of edpsgd          the student's WER as a share of that of DP-SGD at the same ε
less edpsgd        the student's WER less that of the row, in points, with the same seeds, test
less public        speech and ε (`public` touches nothing private); paired by utterance
each alone         noise if every vote were priced as if it were the only one: no guarantee
Rényi, added up    noise by Rényi accounting, and where ε and δ of all votes are added up
ε of winners       what the same noise would cost on these votes if winners alone were given away:
                   private, and not what the scheme does; `released`: as it might be published"""


def votes_table(
    folders: Sequence[Path],
    form: Format,
    data: Path | None = None,
    target: str | None = None,
    *,
    seeds: bool = False,
) -> str:
    """Return what the records of some folders say of votes, those of one `target` or of all.

    With `data`, where folders of real speech lie, labels are compared with what was said.

    Raises:
        OverheardError: a folder holds no records of PATE, or the speech is not there.
    """
    rows = [c.row for one in folders for c in read_votes(one, data, target, seeds=seeds).cells]
    several = any(len(row[SEEDS]) > 1 for row in rows)
    first = ("suite",) if len(folders) > 1 else ()
    if form in (Format.JSON, Format.CSV):
        return render(rows, (*first, *KEYS, SEEDS), HEADERS, "", form)
    who = keys_of((*first, *WHO), form, several)
    drawn = []
    for title, keys in PARTS.items():
        table = render(rows, (*who, *keys), HEADERS, "", form).rstrip()
        drawn.append(f"**{title}**\n\n{table}" if form is Format.MARKDOWN else f"{title}\n{table}")
    missing = list(dict.fromkeys(_missing(rows)))
    if form is Format.TEXT:
        drawn += [FOOTER, *missing]
    elif form is Format.MARKDOWN:
        drawn += missing
    return "\n\n".join(drawn)


def _missing(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is known of no row, and why."""
    reasons: dict[str, list[str]] = {}
    for key in dict.fromkeys(sum(PARTS.values(), ())):
        values = [row[key] for row in rows]
        if all(isinstance(v, Estimate) and not v.scored for v in values):
            reasons.setdefault(values[0].method, []).append(HEADERS.get(key, key))
    for reason, names in reasons.items():
        why = reason.removeprefix("unscored: ")
        yield textwrap.fill(f"No figure for {', '.join(names)}: {why}.", WIDTH)
