"""Where a run keeps its files; the name of each changes with all that determines its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from leaderboard.spec.cell import Cell, Conditions
from targets.core.digests import digest_of, stamp
from targets.core.errors import OverheardError

EMBEDDED = "embedded"  # the source that is no folder
SOUNDS = "sounds"  # beside the panel, what is heard of it


def weights_file(out: Path, cell: Cell) -> Path:
    """Return where the weights of a cell are kept."""
    return out / "weights" / f"{cell.id}-{cell.training_digest[:12]}.safetensors"


def weights_digest(out: Path, cell: Cell) -> str | None:
    """Return the SHA-256 of the weights that are kept of a cell; None where there are none."""
    path = weights_file(out, cell)
    if not path.exists():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def corpus_folder(source: str, data: Path) -> Path:
    """Return the folder or file of real speech that a source names below `data`.

    Raises:
        OverheardError: it is not there.
    """
    folder = data / source
    if not folder.exists():
        raise OverheardError(
            f"{folder}: no such corpus; put it there, or name its parent folder with --data"
        )
    return folder


def real_sources(conditions: Conditions) -> tuple[str, ...]:
    """Return the names of the folders of real speech that conditions name, sorted."""
    sources = {one.source for one in conditions.speech.named.values()}
    return tuple(sorted(sources - {EMBEDDED}))


def stamps(conditions: Conditions, data: Path) -> dict[str, str]:
    """Return the stamp of what conditions name below `data`: speech, checkpoint, partition."""
    checkpoint, clients = conditions.training.checkpoint, conditions.speech.private.clients
    partition = None if clients is None else clients.file
    further = [name for name in (checkpoint, partition) if name is not None]
    folders = {*real_sources(conditions), *further}
    return {folder: stamp(data / folder) for folder in sorted(folders)}


def start_file(out: Path, conditions: Conditions, target: str, data: Path) -> Path:
    """Return where a public start is kept; `data` is where folders of real speech lie."""
    public = conditions.speech.public
    content: dict[str, object] = {
        "tokens": conditions.tokens,
        "public": public.model_dump(mode="json"),
        "training": conditions.training.model_dump(mode="json"),
    }
    if public.source != EMBEDDED:
        content["speech"] = stamp(data / public.source)
    more = conditions.speech.untranscribed
    if more is not None:  # the student of the start hears it
        content["untranscribed"] = more.model_dump(mode="json")
        if more.source != EMBEDDED:
            content["more speech"] = stamp(data / more.source)
    if conditions.training.checkpoint is not None:
        content["checkpoint"] = stamp(data / conditions.training.checkpoint)
    return out / "starts" / f"{target}-{digest_of(content)[:12]}.safetensors"


def submitted_file(out: Path, sha256: str) -> Path:
    """Return where a run keeps a submitted file."""
    return out / "submissions" / f"{sha256[:16]}.py"


def panel_file(out: Path) -> Path:
    """Return where the spectrogram panel is drawn."""
    return out / "spectrograms.png"
