"""Every row beside its controls: the same speech and coins, nothing private trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leaderboard.figures.headline import HEADLINE, LEVEL, MEMBERSHIP, SHOWN, strongest
from leaderboard.figures.paired import CONTROLS, Beside, leakage_less, wer_less
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records.run_folder import read_records
from leaderboard.views.table import SEEDS, TITLES, Format, Row, keys_of, place, render, row_of
from targets.core.estimate import Estimate

SELF_TRAINED = CONTROLS[0]  # the control that leakage is read against

WER_KEYS = tuple(f"wer_less_{control}" for control in CONTROLS)
LEAKAGE_KEYS = tuple(f"{attack}_less_{SELF_TRAINED}" for attack in HEADLINE)
COLUMNS = (*WER_KEYS, "auc_allowed", *LEAKAGE_KEYS)
# Of rows that have no controls, such as those of models that others trained.
WITHOUT: Row = dict.fromkeys(COLUMNS, Estimate.unscored("nobody trained its controls"))
WITHOUT["auc_allowed"] = None
KEYS = (
    "target", "scheme", "seed", "epsilon", "wer", *WER_KEYS, MEMBERSHIP, "auc_allowed",
    *LEAKAGE_KEYS,
)  # fmt: skip

HEADERS = TITLES | {
    **{f"wer_less_{control}": f"WER less {control}" for control in CONTROLS},
    "auc_allowed": "allowed AUC",
    **{
        f"{attack}_less_{SELF_TRAINED}": f"{column.title} less {SELF_TRAINED}"
        for attack, column in SHOWN.items()
    },
}

FOOTER = f"""\
less public, less start   the difference from that row, with the same target, seed, test speech and
                          coins: paired by utterance, or by candidate. WER in points: below 0 it is
                          better, and an interval without 0 is a difference that the speech shows
allowed AUC               the largest membership AUC that the mechanism allows, from its own
                          trade-off curve: what an attack that misses nothing would get

start is the public start, trained no further; {SELF_TRAINED} has also taught itself. A dash is not
measured, or not kept by the record; the JSON says which."""


def control_columns(cell: Repeated, beside: Beside) -> Row:
    """Return how a cell compares with its controls, among the rows beside it."""
    rows = cell.measured or cell.records
    tried = cell.membership()
    chosen = {attack: attack for attack in HEADLINE}
    chosen |= {MEMBERSHIP: strongest(tried) or MEMBERSHIP}
    # The attack was chosen by its success: the level is that of the headline.
    level = {MEMBERSHIP: 1 - (1 - LEVEL) / max(len(tried), 1)}
    allowed = [r.auc_allowed for r in rows if r.auc_allowed is not None]
    return {
        **{f"wer_less_{control}": wer_less(rows, beside, control) for control in CONTROLS},
        "auc_allowed": max(allowed, default=None),
        **{
            f"{attack}_less_{SELF_TRAINED}": leakage_less(
                rows, beside, SELF_TRAINED, name, level.get(attack, LEVEL)
            )
            for attack, name in chosen.items()
        },
    }


def controls_table(folder: Path, form: Format, *, seeds: bool = False) -> str:
    """Return the rows of a folder beside their controls; with `seeds` one for each seed."""
    records = sorted(read_records(folder), key=place)
    cells = (each_seed if seeds else over_seeds)(records)
    beside = Beside.of(records)
    return drawn([row_of(cell) | control_columns(cell, beside) for cell in cells], form)


def drawn(content: Sequence[Row], form: Format) -> str:
    """Return the table of rows that hold `COLUMNS`."""
    several = any(len(row[SEEDS]) > 1 for row in content)
    return render(content, keys_of(KEYS, form, several), HEADERS, FOOTER, form)
