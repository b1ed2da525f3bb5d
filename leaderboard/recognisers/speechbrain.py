"""The door to models of SpeechBrain: transcripts.

Their `hyperparams.yaml` names classes and functions, which are called, and their weights are
pickles: opening such a folder runs what its author wrote.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.identity import digest_as_opened, digest_of_files
from leaderboard.recognisers.writing import WritingRecogniser
from targets.speech.utterance import SAMPLE_RATE, Samples

SETTINGS = "hyperparams.yaml"
INTERFACES = ("EncoderDecoderASR", "EncoderASR", "WhisperASR")


def open_speechbrain(place: str, opening: Opening) -> WritingRecogniser:
    """Return the model in a folder of SpeechBrain; it is run as you.

    Raises:
        RecogniserError: there is none, SpeechBrain is not installed, or cannot read it.
    """
    folder, name = Path(place), f"speechbrain:{place}"
    if not (folder / SETTINGS).is_file():
        raise RecogniserError(f"{name}: has no {SETTINGS}; give the folder of a trained model")
    try:
        from speechbrain.inference import ASR
    except ImportError:
        raise RecogniserError(
            f"{name}: SpeechBrain is not installed: pip install speechbrain"
        ) from None
    interface = _interface(folder)
    where = str(folder.resolve())
    try:
        model = getattr(ASR, interface).from_hparams(
            source=where, savedir=where, run_opts={"device": opening.device}
        )
    except Exception as error:  # of another library, at files that anyone may have written
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RecogniserError(f"{name}: SpeechBrain cannot read it: {reason}") from None
    files = sorted(path for path in folder.iterdir() if path.is_file())
    digest = digest_as_opened(digest_of_files(files), opening)
    rate = int(getattr(model.hparams, "sample_rate", SAMPLE_RATE))
    return WritingRecogniser(name, "speechbrain", rate, _writer(model), digest)


def _writer(model: Any) -> Any:
    def write(samples: Samples) -> str:
        with torch.no_grad():
            texts, _ = model.transcribe_batch(torch.from_numpy(samples)[None], torch.ones(1))
        first = texts[0]
        return first if isinstance(first, str) else " ".join(map(str, first))

    return write


def _interface(folder: Path) -> str:
    """Return which of the library's classes a folder is for, as its `config.json` says."""
    try:
        found = json.loads((folder / "config.json").read_text())["speechbrain_interface"]
    except (OSError, ValueError, KeyError, TypeError):
        return INTERFACES[0]
    if found not in INTERFACES:
        raise RecogniserError(
            f"{folder}: is for {found}, which writes no transcripts ({', '.join(INTERFACES)} do)"
        )
    return str(found)
