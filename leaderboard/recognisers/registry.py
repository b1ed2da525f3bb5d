"""The doors by name: what may stand before the colon of `hf:FOLDER` and its like."""

from __future__ import annotations

from targets.core.registry import Entry, Registry

_HERE = "leaderboard.recognisers."

DOORS: Registry[Entry] = Registry(
    "door",
    "overheard.doors",
    (
        Entry(
            name="hf",
            path=_HERE + "hf.recogniser:open_hf",
            summary="hf:FOLDER or hf:NAME, a model of transformers: CTC, Whisper, RNN-T",
        ),
        Entry(
            name="http",
            path=_HERE + "http:open_http",
            summary="http:URL, a service with OpenAI's /v1/audio/transcriptions: transcripts only",
        ),
        Entry(
            name="script",
            path=_HERE + "script:open_script",
            summary="FILE.py:Class, a class of your own with transcribe(audio, rate)",
        ),
        Entry(
            name="nemo",
            path=_HERE + "nemo:open_nemo",
            summary="nemo:FILE.nemo, a model of NVIDIA NeMo",
        ),
        Entry(
            name="speechbrain",
            path=_HERE + "speechbrain:open_speechbrain",
            summary="speechbrain:FOLDER, a model of SpeechBrain",
        ),
    ),
)
