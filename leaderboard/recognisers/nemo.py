"""The door to models of NVIDIA NeMo: transcripts.

A `.nemo` file names the classes that it is made of, and its weights are a pickle: opening it runs
what its author wrote.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.identity import digest_as_opened
from leaderboard.recognisers.writing import WritingRecogniser
from targets.speech.utterance import SAMPLE_RATE, Samples


def open_nemo(place: str, opening: Opening) -> WritingRecogniser:
    """Return the model in a `.nemo` file; it is run as you.

    Raises:
        RecogniserError: there is none, NeMo is not installed, or cannot read it.
    """
    path, name = Path(place), f"nemo:{place}"
    if not path.is_file():
        raise RecogniserError(f"{name}: no such file; model.save_to(path) writes one")
    try:
        from nemo.collections.asr.models import ASRModel
    except ImportError:
        raise RecogniserError(
            f"{name}: NeMo is not installed: pip install 'nemo_toolkit[asr]'; where that does not "
            f"finish, docs/models.md says what was tried"
        ) from None
    try:
        model = ASRModel.restore_from(str(path), map_location=opening.device).eval()
    except Exception as error:  # of another library, at a file that anyone may have written
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RecogniserError(f"{name}: NeMo cannot read it: {reason}") from None
    rate = int(getattr(model.preprocessor, "_sample_rate", SAMPLE_RATE))
    digest = digest_as_opened(hashlib.sha256(path.read_bytes()).hexdigest(), opening)
    return WritingRecogniser(name, "nemo", rate, _writer(model), digest)


def _writer(model: Any) -> Any:
    def write(samples: Samples) -> str:
        found = model.transcribe([samples], batch_size=1, verbose=False)
        first = (found[0] if isinstance(found, tuple) else found)[0]  # best and all hypotheses
        return str(getattr(first, "text", first))

    return write
