"""What a suite would cost where it has never run: from counted work and the speed of a device.

Nothing here is measured but the speed, and whoever gives it says where it is from. Training,
reference models and one pass over the candidates for each attack are counted; attacks that ask many
questions of a model, teachers and votes are not, and their jobs have no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from leaderboard.experiment.choices import attacks_of
from leaderboard.experiment.durations import Duration
from leaderboard.experiment.stages.references import references_wanted
from leaderboard.game.recipe import default_delta
from leaderboard.jobs.ray_pool import RETRIES
from leaderboard.planting.ceiling import MOST, needed
from leaderboard.scale.work import Work, forward_work, plain_work, private_work, shape_of
from leaderboard.spec.cell import Cell, Conditions
from leaderboard.spec.suite import Suite
from targets.core.errors import OverheardError

FRAMES = 100  # a second
FEATURE_BYTES = 4 * 64 * FRAMES  # a second, as training keeps them
STATE_BYTES = 16  # a weight in single precision: itself, its gradient, and two moments of Adam
NOISY_BYTES = 8  # more a weight under DP: the sum, and the noise on it
PHYSICAL_BATCH = 32  # as `defenses.dpsgd.clipping` has it
ROWS = 64  # of stacked models at least, as `targets.training.ensemble` has it
LABELS = 28  # characters; of subwords the output layer is a bit larger
PRIVATE_EPOCHS = 10.0  # of dpsgd and edpsgd where a suite does not say


@dataclass(frozen=True)
class Speed:
    """Operations of products a second that a device does in training, and who says so."""

    operations: float
    source: str


# Below the data sheet's 495e12 (TF32, dense), since no training reaches that.
ASSUMED = Speed(
    1.5e14, "assumed: 30 % of the 495e12 that NVIDIA's data sheet has for one H100 in TF32"
)


@dataclass(frozen=True)
class Costs:
    """Of one target of a suite: operations for an utterance of mean length, and bytes.

    `weights` is how many it has. The bytes are of a physical batch of the longest utterances that
    the suite lets in, beside what is kept for each weight.
    """

    weights: int
    forward: float
    plain: float
    private: float
    plain_bytes: int
    private_bytes: int


def costs_of(conditions: Conditions, target: str, seconds: float) -> Costs:
    """Return the costs of a target, counted, where utterances have `seconds` on average.

    Raises:
        OverheardError: its work is not counted.
    """
    training, longest = conditions.training, conditions.speech.private.max_seconds
    network = shape_of(target, LABELS, training.channels, training.hidden)
    usual = round(seconds * FRAMES)
    most = usual if longest is None else round(longest * FRAMES)
    batch = PHYSICAL_BATCH
    full: tuple[Work, Work] = plain_work(network, batch, most), private_work(network, batch, most)
    return Costs(
        sum(p.numel() for p in network.parameters()),
        forward_work(network, 1, usual).operations,
        plain_work(network, 1, usual).operations,
        private_work(network, batch, usual).operations / batch,
        full[0].held_bytes,
        full[1].held_bytes,
    )


def candidates_of(conditions: Conditions) -> int:
    """Return how many candidates a suite has.

    Raises:
        OverheardError: it does not say how much private speech it takes.
    """
    count = conditions.speech.private.utterances
    if count is None:
        raise OverheardError("speech.private.utterances: say how many, or nothing can be projected")
    return count + conditions.canaries.count


def operations_of_cell(cell: Cell, costs: Costs) -> float | None:
    """Return what training, attacking and decoding a cell asks; None where it is not counted.

    Half the candidates are trained on. Each attack hears every candidate once.
    """
    conditions = cell.conditions
    heard = candidates_of(conditions) / 2
    if cell.scheme == "public":
        trained = 0.0
    elif cell.scheme == "none":
        trained = heard * conditions.training.epochs * costs.plain
    elif cell.scheme in ("dpsgd", "edpsgd"):
        # One at a time the products of dpsgd are those of plain training.
        each = costs.private if cell.scheme == "edpsgd" else costs.plain
        trained = heard * float(cell.options.get("epochs", PRIVATE_EPOCHS)) * each
    else:
        return None
    tested = conditions.speech.test.utterances or 0
    passes = len(conditions.attacks) * candidates_of(conditions) + tested
    return trained + passes * costs.forward


def operations_of_stage(
    kind: str, conditions: Conditions, costs: Costs, references: int
) -> float | None:
    """Return what a shared stage asks; None where it is not counted.

    `references` reference models are each trained on a random half of the candidates, and hear all
    of them once.
    """
    training, public = conditions.training, conditions.speech.public
    if kind == "start":
        heard = public.utterances if public.transcribed is None else public.transcribed
        if heard is None or training.pretraining is not None:
            return None
        return heard * training.public_epochs * costs.plain
    if kind == "references":
        each = training.epochs * costs.plain / 2 + costs.forward
        return references * candidates_of(conditions) * each
    return None


def memory_of_cell(scheme: str, costs: Costs) -> int:
    """Return the bytes that training a cell holds on its device at once."""
    if scheme in ("dpsgd", "edpsgd"):
        held = costs.private_bytes if scheme == "edpsgd" else costs.plain_bytes // PHYSICAL_BATCH
        return costs.weights * (STATE_BYTES + NOISY_BYTES) + held
    return costs.weights * STATE_BYTES + costs.plain_bytes


def memory_of_references(conditions: Conditions, costs: Costs, references: int) -> int:
    """Return the bytes that training reference models holds at once.

    As many are stacked as make `ROWS` rows; the weights of all lie beside them.
    """
    batch = conditions.training.batch_size
    together = min(references, max(1, ROWS // batch))
    rows = together * batch
    stacked = together * costs.weights * STATE_BYTES + costs.plain_bytes * rows // PHYSICAL_BATCH
    return stacked + references * costs.weights * 4


def disk_of(
    cells: int, starts: int, references: int, costs: Costs, heard_seconds: float
) -> Mapping[str, float]:
    """Return the bytes on disk by what they are: weights of cells, starts, references; features.

    Features are those of one training, in the temporary folder of each worker.
    """
    weight_bytes = 4.0 * costs.weights
    return {
        "weights of cells": cells * weight_bytes,
        "starts": starts * weight_bytes,
        "references": references * weight_bytes,
        "features of one training": heard_seconds * FEATURE_BYTES,
    }


def spoken_bytes(count: float) -> str:
    """Return a number of bytes in GB, to two digits."""
    digits = max(0, 1 - math.floor(math.log10(count / 1e9))) if count else 0
    return f"{count / 1e9:.{min(digits, 3)}f} GB"


@dataclass(frozen=True)
class Projection:
    """What the jobs of a suite would cost; `costs` by target, `note` says why it is projected."""

    suite: Suite
    speed: Speed
    seconds: float
    costs: Mapping[str, Costs]
    references: int
    note: str = ""

    def duration_of_cell(self, cell: Cell) -> Duration:
        """Return how long a cell would take."""
        return self._duration(operations_of_cell(cell, self.costs[cell.target]))

    def duration_of_stage(self, kind: str, cell: Cell) -> Duration:
        """Return how long what a cell shares with others would take."""
        costs = self.costs[cell.target]
        return self._duration(operations_of_stage(kind, cell.conditions, costs, self.references))

    def figures(self) -> dict[str, Any]:
        """Return memory and disk in bytes, candidates by ε, and what they are made of."""
        conditions = self.suite.conditions
        schemes = [scheme.name for scheme in self.suite.schemes]
        epsilons = sorted({e for s in self.suite.schemes for e in s.epsilon or ()})
        candidates = candidates_of(conditions)
        delta = conditions.delta or default_delta(candidates)
        cells = self.suite.cells()
        games = {(cell.target, cell.seed) for cell in cells}
        memory, disk = {}, {}
        for target, costs in self.costs.items():
            memory[target] = {s: memory_of_cell(s, costs) for s in schemes if s != "public"}
            if self.references:
                memory[target]["references"] = memory_of_references(
                    conditions, costs, self.references
                )
            disk[target] = disk_of(
                sum(cell.target == target for cell in cells),
                1,
                self.references * sum(t == target for t, _ in games),
                costs,
                self.seconds * candidates / 2,
            )
        return {
            "speed": asdict(self.speed),
            "seconds_of_an_utterance": self.seconds,
            "costs": {target: asdict(costs) for target, costs in self.costs.items()},
            "memory_bytes": memory,
            "disk_bytes": disk,
            "candidates": candidates,
            "delta": delta,
            "candidates_needed": {
                f"{e:g}": {noise: needed(e, delta, noise) for noise in ("any", "gaussian")}
                for e in epsilons
            },
        }

    def told(self, work_seconds: float) -> str:
        """Return the figures in words, and what of them was measured."""
        figures = self.figures()
        lines = [f"projected, not measured: {self.note}" if self.note else "projected"]
        lines.append(f"speed: {self.speed.operations:g} operations a second; {self.speed.source}")
        for target, costs in self.costs.items():
            lines += [
                f"{target}: {costs.weights / 1e6:.1f} million weights; an utterance of "
                f"{self.seconds:g} s is {costs.plain:.3g} operations of training, "
                f"{costs.private:.3g} under edpsgd ({costs.private / costs.plain:.2f} times)",
                "  memory of a device: "
                + _listed({k: spoken_bytes(v) for k, v in figures["memory_bytes"][target].items()}),
                "  disk: "
                + _listed({k: spoken_bytes(v) for k, v in figures["disk_bytes"][target].items()}),
            ]
        lines.append(f"work: {work_seconds / 3600:.0f} device hours, one job a device at a time")
        needs = {
            f"ε = {e}": f"{_count(n['any'])} ({_count(n['gaussian'])} where the noise is Gaussian)"
            for e, n in figures["candidates_needed"].items()
        }
        if needs:
            lines.append(
                f"candidates that a perfect attack needs to contradict (δ = {figures['delta']:g}, "
                f"here {figures['candidates']:,}): {_listed(needs)}"
            )
        return "\n".join([*lines, *SHARED])

    def _duration(self, operations: float | None) -> Duration:
        if operations is None:
            return Duration(None, "its work is not counted")
        return Duration(operations / self.speed.operations, "counted work")


SHARED = (
    "counted: products of matrices in training, references, and one pass of each attack; not "
    "element-wise work (it is in a measured speed), loading of audio, or moving data between "
    "machines",
    "across machines (--ray): starts, references and teachers are made once and shared by files on "
    "a file system that all see; a job lost with its machine is tried "
    f"{RETRIES} times more, from its beginning; one that raises an error is not, and leaves the "
    "others running; the same command goes on from the finished jobs",
)


def project(suite: Suite, speed: Speed, seconds: float, note: str = "") -> Projection:
    """Return the projection of a suite at a speed, where utterances have `seconds` on average.

    Raises:
        OverheardError: the work of one of its targets is not counted, or it does not say how much
            private speech it takes.
    """
    conditions = suite.conditions
    candidates_of(conditions)
    costs = {target: costs_of(conditions, target, seconds) for target in suite.targets}
    return Projection(suite, speed, seconds, costs, references_wanted(attacks_of(conditions)), note)


def _listed(values: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in values.items())


def _count(count: int | None) -> str:
    return f"more than {MOST:,}" if count is None else f"{count:,}"
