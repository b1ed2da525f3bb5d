"""What the spectrogram panel shows, whether the one on disk shows it, and where its files lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from attacks.registry import ATTACKS
from leaderboard.experiment.fingerprints import attack_code, module_code, scheme_code
from leaderboard.spec.cell import Cell, Conditions
from leaderboard.spec.paths import SOUNDS, panel_file
from leaderboard.spec.suite import Suite
from targets.core.digests import digest_of

KEY = "overheard"  # of the text in the picture that says what was drawn
ATTACK = "inversion"
# The device whose update is shown, and who clips and releases it: as in `dp-fedavg`.
STEPS, RATE, CLIP, DELTA = 16, 0.2, 0.3, 1e-5
EPSILONS = (10.0, 1.0)  # of its release
UPDATE_CODE = ("attacks.inversion.update_leakage", "defenses.federated.local_training")


def panel_cells(suite: Suite) -> list[Cell]:
    """Return the cells shown: without protection, then one scheme from its largest ε down.

    None are where the suite inverts no model.
    """
    if not any(ATTACKS[attack.name].family == "inversion" for attack in suite.attacks):
        return []
    cells = suite.cells()
    first = [c for c in cells if c.target == cells[0].target and c.seed == cells[0].seed]
    open_ = [c for c in first if c.scheme == "none"][:1]
    private = [c for c in first if c.epsilon is not None]
    shown = [c for c in private if c.label == private[0].label] if private else []
    return open_ + sorted(shown, key=lambda c: -(c.epsilon or 0))


def panel_key(cells: Sequence[Cell], stamps: Mapping[str, str] | None = None) -> str:
    """Return a digest of all that a panel of these cells depends on.

    `stamps` are those of the real speech (`paths.stamps`).
    """
    attack = [a.options for a in cells[0].conditions.attacks if a.name == ATTACK]
    models = [[cell.training_digest, scheme_code(cell.scheme)] for cell in cells]
    update = [STEPS, RATE, CLIP, DELTA, EPSILONS, *map(module_code, UPDATE_CODE)]
    return digest_of([models, attack, attack_code(ATTACK), update, *([stamps] if stamps else [])])


def panel_shows(out: Path, key: str) -> bool:
    """Return whether the panel on disk is there and was drawn under a key."""
    try:
        with Image.open(panel_file(out)) as picture:
            return picture.info.get(KEY) == key
    except (FileNotFoundError, UnidentifiedImageError):
        return False


def judge_marker(out: Path, conditions: Conditions) -> Path:
    """Return the file that says that the judge of the panel was trained on this public speech."""
    splits = conditions.speech.model_dump(mode="json")
    return out / "judge" / f"trained-{digest_of(splits)[:8]}"


def sound_file(out: Path, cell: Cell | None) -> Path:
    """Return where the sound rebuilt from a cell's model is kept; of the original for None."""
    return out / SOUNDS / f"{'original' if cell is None else _level(cell.epsilon)}.wav"


def update_sound_file(out: Path, epsilon: float | None) -> Path:
    """Return where the sound rebuilt from an update is kept; `epsilon` is None without noise."""
    return out / SOUNDS / f"update-{_level(epsilon)}.wav"


def control_sound_file(out: Path, name: str) -> Path:
    """Return where the sound of a control is kept."""
    return out / SOUNDS / f"{name}.wav"


def _level(epsilon: float | None) -> str:
    return "none" if epsilon is None else f"eps{epsilon:g}"
