"""Check an accelerator in minutes: `python -m leaderboard.scale.device_check [--device cuda]`.

Exit code 0 where every check holds, 1 where one does not, 2 where there is no such device.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from tabulate import tabulate

from leaderboard.scale.checks import Row, Size, checks
from leaderboard.scale.throughput import throughput
from leaderboard.spec.load import load_suite
from targets.core.device import CPU, resolve_device
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.randomness import Randomness

FAILED, MISTAKE = 1, 2
LIMIT = 420.0  # seconds of the suite, of ten minutes in all
EPOCHS, SPEAKERS, UTTERANCES = 2, 8, 400  # of the cut suite, at most
SMALL = Size(16, 16, 3, 4, 60, 20_000)  # of --small


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks, print them, and write the record; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--out", type=Path, help="a JSON file for what was found")
    parser.add_argument(
        "--suite", default="quick", help="whose cut is run end to end; none leaves that out"
    )
    parser.add_argument("--small", action="store_true", help="recognisers of toy size")
    given = parser.parse_args(arguments)
    began = monotonic()
    try:
        device = resolve_device(given.device)
        size, rng = SMALL if given.small else Size(), Randomness(0)
        rows = [*checks(device, size, rng), *throughput(device, size, rng)]
        if given.suite != "none":
            rows.append(end_to_end(given.suite, device, LIMIT))
    except OverheardError as error:
        print(f"device_check: {error}", file=sys.stderr)
        return MISTAKE
    name = name_of(device)
    print(table(rows))
    print(f"\n{device} ({name}), torch {torch.__version__}, {monotonic() - began:.0f} s")
    if device == CPU:
        print("no accelerator was checked: this is the CPU, against itself")
    if given.out is not None:
        content = record(rows, device, name, monotonic() - began)
        with whole_file(given.out) as aside:
            aside.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    return FAILED if any(row.passed is False for row in rows) else 0


def table(rows: Iterable[Row]) -> str:
    """Return the rows for a terminal."""
    said = {True: "ok", False: "FAILED", None: ""}
    return tabulate(
        [[row.name, row.found, row.wanted, said[row.passed]] for row in rows],
        ["check", "found", "wanted", ""],
        disable_numparse=True,
    )


def record(rows: Iterable[Row], device: str, name: str, seconds: float) -> dict[str, Any]:
    """Return what was found as JSON; a figure that is none is null."""
    shown = [asdict(row) for row in rows]
    for row in shown:
        row["figure"] = row["figure"] if math.isfinite(row["figure"]) else None
    passed = not any(row["passed"] is False for row in shown)
    return {
        "device": device,
        "name": name,
        "torch": str(torch.__version__),
        "python": sys.version.split()[0],
        "seconds": seconds,
        "passed": passed,
        "checks": shown,
    }


def end_to_end(suite: str, device: str, limit: float) -> Row:
    """Run the cut of a suite on the device, by the command line, as anybody would.

    Raises:
        OverheardError: there is no such suite.
    """
    text = cut(suite)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cut.toml"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "leaderboard.cli", "run", "--suite", str(path)]
        command += ["--device", device, "--workers", "1", "--out", str(Path(folder) / "out")]
        began = monotonic()
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, env=dict(os.environ)
            )
            passed, found = ended.returncode == 0, f"ended in {monotonic() - began:.0f} s"
            if not passed:
                found = ((ended.stderr or ended.stdout).strip().splitlines() or ["no word"])[-1]
        except subprocess.TimeoutExpired:
            passed, found = False, f"not done after {limit:.0f} s"
    return Row(f"cut of {suite}, end to end", found, "ends", passed, monotonic() - began)


def cut(suite: str) -> str:
    """Return a suite as TOML, cut to one target, `none` and `edpsgd`, one seed, one attack.

    It trains for two epochs on little speech: its figures mean nothing.

    Raises:
        OverheardError: there is no such suite.
    """
    content = load_suite(suite).model_dump(mode="json", exclude_none=True)
    content["name"], content["seeds"], content["more_seeds"] = "cut", content["seeds"][:1], {}
    content["targets"], content["attacks"] = content["targets"][:1], [{"name": "membership"}]
    content["schemes"] = [{"name": "none"}, {"name": "edpsgd", "epsilon": [8.0]}]
    content["schemes"][1]["options"] = {"batch_size": 8, "epochs": EPOCHS}
    for speech in content["speech"].values():
        for key, most in (
            ("speakers", SPEAKERS),
            ("utterances", UTTERANCES),
            ("transcribed", UTTERANCES),
        ):
            if key in speech:
                speech[key] = min(speech[key], most)
    content["training"] |= {"epochs": EPOCHS, "public_epochs": EPOCHS, "self_training": 0}
    content["audit_mechanisms"] = False
    for key in ("audit", "canaries"):
        content.pop(key, None)
    return "\n".join(f"{key} = {_toml(value)}" for key, value in content.items()) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def name_of(device: str) -> str:
    """Return what a device calls itself."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


if __name__ == "__main__":
    sys.exit(main())
