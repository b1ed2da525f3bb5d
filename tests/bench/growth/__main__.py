"""Measure how costs grow, print tables, and draw: `python -m tests.bench.growth [KIND...]`."""

from __future__ import annotations

import argparse
import tempfile
from importlib import import_module
from pathlib import Path

from tests.bench.growth.curves import table

# In this order, each imported when it is measured: a process that has numpy, Ray or matplotlib
# loaded is too large to measure others.
KINDS = ("utterances", "records", "workers")


def main() -> None:
    """Measure and print; draw where a folder is given."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"all of: {', '.join(KINDS)}")
    parser.add_argument("--plots", type=Path, help="folder of the pictures growth-KIND.png")
    for name in KINDS:
        parser.add_argument(f"--{name}", type=int, nargs="+", metavar="N", help="other sizes")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    found = {}
    for name in [name for name in KINDS if name in (chosen.kinds or KINDS)]:
        kind = import_module(f"tests.bench.growth.{name}")
        with tempfile.TemporaryDirectory() as home:
            found[name] = kind.measure(Path(home), getattr(chosen, name) or kind.SIZES)
        print(f"{table(found[name])}\n", flush=True)
    if chosen.plots is not None:
        from tests.bench.growth.draw import draw

        for name, growth in found.items():
            draw(growth, chosen.plots / f"growth-{name}.png")


if __name__ == "__main__":
    main()
