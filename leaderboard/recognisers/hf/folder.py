"""From `hf:FOLDER` or `hf:NAME` to a folder whose weights may be read, and its digest."""

from __future__ import annotations

from pathlib import Path

from leaderboard.recognisers.base import RecogniserError
from leaderboard.recognisers.identity import digest_of_files
from targets.core.errors import OverheardError
from targets.models.whisper.checkpoint import INDEX, WEIGHTS, read_json

ADAPTER = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
READ = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")  # all that is ever read


def folder_of(place: str) -> Path:
    """Return the folder that a place names: itself, or a model's in the library's cache.

    Raises:
        RecogniserError: there is none.
    """
    if Path(place).is_dir():
        return Path(place)
    if place.startswith((".", "/", "~")) or place.count("/") > 1:
        raise RecogniserError(f"hf:{place}: no such folder")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise not_installed() from None
    try:
        found = snapshot_download(place, local_files_only=True, allow_patterns=list(READ))
    except Exception:  # of another library: no such name, or not all of it is there
        raise RecogniserError(
            f"hf:{place}: no such folder, and not in the local cache; nothing is "
            f"downloaded here: save the model and its processor with save_pretrained(folder)"
        ) from None
    return Path(found)


def model_type(folder: Path) -> str:
    """Return what kind of model a folder holds, once its weights are known to be safetensors.

    Raises:
        RecogniserError: it holds none, or weights as pickle only.
    """
    try:
        found = read_json(folder / "config.json").get("model_type")
    except OverheardError as error:
        raise RecogniserError(f"{error}; save the model there with save_pretrained()") from None
    if not isinstance(found, str):
        raise RecogniserError(f"{folder / 'config.json'}: has no model_type: not of transformers")
    if not (folder / WEIGHTS).exists() and not (folder / INDEX).exists():
        raise RecogniserError(
            f"{folder}: has no {WEIGHTS}; weights are read as safetensors only, never as pickle: "
            f"save the model again with save_pretrained(folder)"
        )
    return found


def digest_of_folders(*folders: Path) -> str:
    """Return the SHA-256 over the names and contents of all that is read from folders."""
    return digest_of_files(
        path
        for folder in folders
        for path in sorted({path for pattern in READ for path in folder.glob(pattern)})
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what another library says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def not_installed() -> RecogniserError:
    """Return the error of a missing `transformers`."""
    return RecogniserError(
        "hf: the library transformers is not installed: pip install 'overheard[hf]'"
    )
