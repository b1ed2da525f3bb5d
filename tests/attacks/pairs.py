"""Which attacks do not apply to which targets: `python -m tests.attacks.pairs docs/attacks.md`.

Every attack is asked about every target, of toy size and with random weights. The table of the page
is drawn anew; `test_applicability.py` holds it to what the attacks say.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from attacks.applicability import reason_against
from attacks.registry import ATTACKS
from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, untrained
from targets.models.registry import TARGETS
from targets.speech.tokens import Characters
from tests.tiny_whisper import make_whisper, recipe_of

HEADERS = ("attack", "does not apply to", "because")
PLACE = re.compile(r"(<!-- what does not apply -->\n).*?(<!-- end of table -->)", re.DOTALL)


def toy(target: str, folder: Path) -> Recognizer:
    """Return a target of toy size with random weights; the folder is for a checkpoint."""
    if TARGETS[target].pretrained:
        return recipe_of(make_whisper(folder)).untrained(Randomness(0))
    return untrained(target, Characters(), 8, 8, Randomness(0))


def reasons_against(target: Recognizer) -> dict[str, str]:
    """Return by name the attacks that do not apply to a target, and why."""
    asked = {name: reason_against(ATTACKS.load(name)(), target) for name in ATTACKS.names()}
    return {name: reason for name, reason in asked.items() if reason}


def drawn() -> str:
    """Return the table as Markdown, a row for each attack and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for target in TARGETS.names():
        with tempfile.TemporaryDirectory() as folder:
            for attack, reason in reasons_against(toy(target, Path(folder))).items():
                found.setdefault((attack, reason), []).append(target)
    rows = []
    for (attack, reason), targets in sorted(
        found.items(), key=lambda row: ATTACKS.names().index(row[0][0])
    ):
        rows.append((f"`{attack}`", ", ".join(f"`{t}`" for t in targets), reason))
    return tabulate(rows, HEADERS, tablefmt="github")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    text = PLACE.sub(lambda m: f"{m[1]}\n{drawn()}\n\n{m[2]}", page.read_text(encoding="utf-8"))
    with whole_file(page) as aside:
        aside.write_text(text, encoding="utf-8")
