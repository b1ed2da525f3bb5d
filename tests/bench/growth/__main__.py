"""Measure how costs grow, print tables, and draw: `python -m tests.bench.growth [KIND...]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench.growth import records, utterances, workers
from tests.bench.growth.curves import table

KINDS = {"utterances": utterances, "records": records, "workers": workers}


def main() -> None:
    """Measure and print; draw where a folder is given."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"all of: {', '.join(KINDS)}")
    parser.add_argument("--plots", type=Path, help="folder of the pictures growth-KIND.png")
    for name, kind in KINDS.items():
        parser.add_argument(f"--{name}", type=int, nargs="+", default=kind.SIZES)
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    found = {}
    for name in chosen.kinds or KINDS:
        with tempfile.TemporaryDirectory() as home:
            found[name] = KINDS[name].measure(Path(home), getattr(chosen, name))
        print(f"{table(found[name])}\n", flush=True)
    if chosen.plots is not None:
        # Not before: a process that has it loaded is too large to measure others.
        from tests.bench.growth.draw import draw

        for name, growth in found.items():
            draw(growth, chosen.plots / f"growth-{name}.png")


if __name__ == "__main__":
    main()
