"""The folder of a run with as many records as wanted, all of them copies of published ones.

They differ in the seed, and so in the digest. A suite file beside them asks for exactly these
cells, so that nothing is left to do of it. `python -m tests.bench.growth.many_records OUT RECORDS
[CANDIDATES]` makes one, in a process of its own, of records with as many candidates each.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import defaultdict
from importlib.resources import files
from pathlib import Path

from leaderboard.experiment.fingerprints import attack_code, scheme_code
from leaderboard.experiment.pending import SCHEME
from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.records.store import DIGEST
from leaderboard.spec.cell import Cell
from leaderboard.spec.load import parse_suite
from targets.core.digests import canonical
from tests.bench.growth.records import FILE

SUITE, TARGET = "quick", "ctc"
CANDIDATES = 800  # a record of so many has 140 kB
CANARY = "canary"  # the attack whose scores name the canaries
SEED_MARK, DIGEST_MARK = 987_654_321_987, "digest of the content"


def make_run(out: Path, count: int, candidates: int = CANDIDATES) -> int:
    """Fill a folder with at least `count` records and return how many it has now.

    The cells of one target, at as many seeds as it takes, each with so many candidates.
    """
    published = {
        _setting(record.cell): record
        for record in read_records(Path(str(files("leaderboard") / "published" / SUITE)))
        if record.cell.target == TARGET
    }
    text = (files("leaderboard") / "suites" / f"{SUITE}.toml").read_text(encoding="utf-8")
    seeds = range(-(-count // len(published)))
    # Without audits of mechanisms, of which there are no copies.
    changes = {"seeds": list(seeds), "targets": [TARGET], "audit_mechanisms": None}
    for key, value in changes.items():
        line = "" if value is None else f"{key} = {json.dumps(value)}\n"
        text = re.sub(rf"^{key} = .*\n", line, text, flags=re.M)
    suite = parse_suite(FILE, text)
    (out / FOLDER).mkdir(parents=True)
    (out / FILE).write_text(text, encoding="utf-8")
    cells = suite.cells()
    copies: dict[str, Copies] = {}
    for cell in cells:
        setting = _setting(cell)
        if setting not in copies:
            copies[setting] = Copies(with_candidates(published[setting], candidates), cell)
        path = out / FOLDER / f"{cell.id}.json"
        path.write_text(copies[setting].at(cell.seed), encoding="utf-8")
    return len(cells)


class Copies:
    """A record under any seed: written once, with marks for what differs."""

    def __init__(self, record: Record, cell: Cell) -> None:
        attacks = {a.name: attack_code(a.name) for a in cell.conditions.attacks}
        changes = {
            "cell": cell.model_copy(update={"seed": SEED_MARK}),
            # Of the code as it is now: otherwise a run would have something to do.
            "fingerprints": {SCHEME: scheme_code(cell.scheme), **attacks},
            "supersedes": None,  # what the published one corrects is not copied
        }
        content = record.model_copy(update=changes).content
        self.canonical = canonical(content)
        self.text = json.dumps({**content, DIGEST: DIGEST_MARK}, indent=1, ensure_ascii=False)

    def at(self, seed: int) -> str:
        """Return the text of the record's file at a seed."""
        mark, number = str(SEED_MARK), str(seed)
        digest = hashlib.sha256(self.canonical.replace(mark, number).encode()).hexdigest()
        return self.text.replace(mark, number).replace(DIGEST_MARK, digest) + "\n"


def with_candidates(record: Record, count: int) -> Record:
    """Return a record with `count` candidates: its own, canaries first, again and again."""
    own = dict.fromkeys([*record.scores[CANARY], *record.coins])
    rounds = range(-(-count // len(own)))
    named = [(f"{old}/{n}", old) for n in rounds for old in own][:count]
    kept: dict[str, list[str]] = defaultdict(list)
    for new, old in named:
        kept[old].append(new)
    changes = {
        "speakers": {
            speaker: tuple(new for old in said for new in kept[old])
            for speaker, said in record.speakers.items()
            if any(old in kept for old in said)
        },
        "coins": {new: record.coins[old] for new, old in named},
        "repetitions": {
            new: record.repetitions[old] for new, old in named if old in record.repetitions
        },
        "scores": {
            attack: {new: found[old] for new, old in named if old in found}
            for attack, found in record.scores.items()
        },
    }
    return record.model_copy(update=changes)


def _setting(cell: Cell) -> str:
    return json.dumps([cell.label, cell.epsilon])


if __name__ == "__main__":
    make_run(Path(sys.argv[1]), *map(int, sys.argv[2:]))
