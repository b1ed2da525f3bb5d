"""A recogniser that judges reconstructions: it shares nothing with a target but public speech."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, untrained
from targets.speech.tokens import Characters
from targets.speech.utterance import Corpus, Utterance
from targets.training.fit import fit
from targets.training.recipe import Schedule

SIZE = 96  # of convolutions and LSTM
PASSES = 16_000  # over utterances, however many there are: a ruler need not cost more than a cell
MOST_EPOCHS = 40
SEED = 0  # always the same one: it belongs to the ruler, not to the game


def independent_recognizer(public: Sequence[Utterance], cache: Path | None) -> Recognizer:
    """Return a small CTC trained on transcribed public speech, from random weights of its own.

    `cache` is the folder where it is kept, by the content of the speech (None: keep nothing).
    """
    path = None if cache is None else cache / f"independent-{_key(public)}.safetensors"
    judge = _untrained()
    if path is not None and path.exists():
        try:
            judge.load_state_dict(load_file(path))
            return judge.requires_grad_(False)
        except (SafetensorError, RuntimeError):
            pass  # cut short, or of another version: made anew below
    judge.logmel.calibrate(public)
    fit(
        judge, public, _schedule(public), Randomness(SEED).child("independent", "fit"), augment=True
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        os.close(handle)
        save_file(judge.state_dict(), aside)
        os.replace(aside, path)
    return judge.requires_grad_(False)


def _schedule(public: Sequence[Utterance]) -> Schedule:
    epochs = min(MOST_EPOCHS, max(1, round(PASSES / max(len(public), 1))))
    return Schedule(epochs, batch_size=16, learning_rate=4e-3)


def _untrained() -> Recognizer:
    weights = Randomness(SEED).child("independent", "weights")
    return untrained("ctc", Characters(), SIZE, SIZE, weights)


def _key(public: Sequence[Utterance]) -> str:
    """Return a name for exactly this speech and this training."""
    speech = Corpus("public", tuple(public)).digest
    what = [speech, SIZE, asdict(_schedule(public)), SEED, torch.__version__]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
