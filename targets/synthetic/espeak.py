"""The speaking process: eSpeak NG behind a pipe, run as a program of its own and never imported.

eSpeak NG is GPLv3 and keeps global state. It therefore lives in its own process, with one
synthesiser and no threads, and this file imports nothing of overheard.

Protocol: one JSON object a line on standard input, with the keys `language` ("gmw/en-US"),
`variant` (the text of a voice-variant file), `rate` (words a minute), `seed` and `text`. The
answer is one JSON line, either {"error": ...} or {"samples": N, "rate": Hz, "events": [[character,
sample], ...]}, followed by N little-endian 16-bit samples. `character` is the position in `text`
at which a word starts and `sample` the time at which it does.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import espeakng_loader

SYNCHRONOUS, DONT_EXIT = 2, 0x8000  # espeak_Initialize: output mode, options
RATE, VOLUME = 1, 2  # espeak_SetParameter
UTF8 = 1  # espeak_Synth: text encoding
WORD_EVENT, LIST_END = 1, 0
# So low that the gain control, which remembers what was said before, never acts.
QUIET = 15
DATA = ("phontab", "phonindex", "phondata", "intonations", "en_dict", "es_dict", "de_dict")
FAMILIES = ("gmw", "roa")  # folders of languages: West Germanic, Romance


class Event(ctypes.Structure):
    """One eSpeak event, laid out as in its public header."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("position", ctypes.c_int),  # characters from the start of the text, from 1
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Synthesiser:
    """The one synthesiser of this process, reading voices from `folder`."""

    def __init__(self, folder: Path) -> None:
        # A private copy of the data: voice variants must be files beside it.
        source, self.data = Path(espeakng_loader.get_data_path()), folder / "espeak-ng-data"
        self.variants = self.data / "voices" / "!v"
        self.variants.mkdir(parents=True)
        for name in DATA:
            shutil.copy(source / name, self.data / name)
        for name in FAMILIES:
            shutil.copytree(source / "lang" / name, self.data / "lang" / name)
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        self.library.espeak_ng_SetRandSeed.restype = None
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, str(folder).encode(), DONT_EXIT)
        if self.rate <= 0:
            raise RuntimeError("espeak_Initialize failed")
        self.callback = CALLBACK(self._receive)  # kept: ctypes does not
        self.library.espeak_SetSynthCallback(self.callback)
        self.chunks: list[bytes] = []
        self.events: list[tuple[int, int]] = []

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self.chunks.append(ctypes.string_at(samples, 2 * count))
        i = 0
        while events[i].type != LIST_END:
            if events[i].type == WORD_EVENT:
                self.events.append((events[i].position - 1, events[i].sample))
            i += 1
        return 0

    def speak(
        self, language: str, variant: str, rate: int, seed: int, text: str
    ) -> tuple[bytes, list[tuple[int, int]]]:
        """Return the 16-bit samples of `text` and its word events (character, sample)."""
        # Not a digit first: eSpeak reads "+3" as the third of its own male variants.
        name = "v" + hashlib.sha256(variant.encode()).hexdigest()[:12]
        if not (self.variants / name).exists():
            (self.variants / name).write_text(variant)
        # Everything is set anew, so that no call hears what was said before it.
        if self.library.espeak_SetVoiceByName(f"{language}+{name}".encode()):
            raise ValueError(f"no such voice: {language}")
        self.library.espeak_SetParameter(RATE, rate, 0)
        self.library.espeak_SetParameter(VOLUME, QUIET, 0)
        self.library.espeak_ng_SetRandSeed(seed & 0x7FFFFFFF)
        self.chunks, self.events = [], []
        data = text.encode()
        if self.library.espeak_Synth(data, len(data) + 1, 0, 0, 0, UTF8, None, None):
            raise ValueError(f"not spoken: {text!r}")
        return b"".join(self.chunks), self.events


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one request a line until `requests` ends."""
    with tempfile.TemporaryDirectory(prefix="overheard-") as folder:
        synthesiser = Synthesiser(Path(folder))
        for line in requests:
            try:
                samples, events = synthesiser.speak(**json.loads(line))
            except (TypeError, ValueError) as error:
                answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
            else:
                head = {"samples": len(samples) // 2, "rate": synthesiser.rate, "events": events}
                answers.write(json.dumps(head).encode() + b"\n" + samples)
            answers.flush()


if __name__ == "__main__":
    # Buffered, whatever PYTHONUNBUFFERED says: without a buffer the rest of an answer is lost when
    # the process is stopped and continued in the middle of it.
    with open(sys.stdout.fileno(), "wb", closefd=False) as answers:
        serve(sys.stdin.buffer, answers)
