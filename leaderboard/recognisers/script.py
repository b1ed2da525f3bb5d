"""The door to a class of the person's own: `FILE.py:Class`.

The file is run as the person who calls, with all of their rights, as any script of theirs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.recognisers.base import (
    Ability,
    Opening,
    RecogniserError,
    UnheardError,
    checked,
    refuse,
)
from targets.speech.utterance import Samples

METHODS: Mapping[Ability, str] = {"log_likelihood": "log_likelihood", "gradient_norm": "gradient"}


@dataclass(frozen=True, eq=False)
class ScriptRecogniser:
    """A class with `transcribe`, perhaps `log_likelihood` and `gradient`. See `OutsideRecogniser`.

    What the class raises is said of the utterance at which it did.
    """

    name: str
    mine: Any
    cannot: Mapping[Ability, str]
    digest: str | None = None
    kind: str = field(default="script", init=False)

    def transcribe(self, audio: Samples, rate: int) -> str:
        """See `OutsideRecogniser`."""
        found = self._asked("transcribe", audio, rate)
        if not isinstance(found, str):
            raise RecogniserError(
                f"{self.name}: transcribe returned {type(found).__name__}; it has to return a str"
            )
        return found.strip()

    def log_likelihood(self, audio: Samples, rate: int, text: str) -> float:
        """See `OutsideRecogniser`."""
        if "log_likelihood" in self.cannot:
            refuse(self, "log_likelihood")
        found = self._asked("log_likelihood", audio, rate, text)
        try:
            number = float(found)
        except (TypeError, ValueError, RuntimeError):
            raise RecogniserError(
                f"{self.name}: log_likelihood returned {type(found).__name__}; it has to return a "
                f"float, in nats of the whole utterance"
            ) from None
        if math.isnan(number):
            raise UnheardError(f"{self.name}: log_likelihood is NaN for an utterance")
        return number

    def gradient_norm(self, audio: Samples, rate: int, text: str) -> float:
        """See `OutsideRecogniser`; `gradient` gives an array, or several."""
        if "gradient_norm" in self.cannot:
            refuse(self, "gradient_norm")
        found = self._asked("gradient", audio, rate, text)
        parts = found if isinstance(found, list | tuple) else [found]
        try:
            squares = [float(np.square(_array(part)).sum()) for part in parts]
        except (TypeError, ValueError, RuntimeError):
            raise RecogniserError(
                f"{self.name}: gradient returned {type(found).__name__}; it has to return an "
                f"array of numbers, or a list of arrays"
            ) from None
        norm = math.sqrt(sum(squares))
        if not math.isfinite(norm):
            raise UnheardError(f"{self.name}: the gradient of an utterance holds NaN or infinity")
        return norm

    def _asked(self, method: str, audio: Samples, rate: int, *text: str) -> Any:
        samples = checked(audio, rate, self.name).copy()  # theirs to change
        try:
            return getattr(self.mine, method)(samples, rate, *text)
        except Exception as error:  # of code that nobody here wrote
            raise UnheardError(
                f"{self.name}: {method} raised {_told(error)} at an utterance of "
                f"{len(samples) / rate:.2f} s"
            ) from None


def open_script(place: str, opening: Opening) -> ScriptRecogniser:
    """Run a file, make its class without arguments, and return it as a recogniser.

    Its digest is what the class says, or else the SHA-256 of the file. It is told no language and
    no device.

    Raises:
        RecogniserError: there is no such file or class, it fails, or it has no `transcribe`.
    """
    del opening
    file, _, name = place.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise RecogniserError(f"{file}: no such file; overheard new model {file} writes one")
    made = _made(path, name)
    if not callable(getattr(made, "transcribe", None)):
        raise RecogniserError(
            f"{place}: has no method transcribe(audio, rate); overheard new model writes a file "
            f"that shows it"
        )
    cannot: dict[Ability, str] = {
        ability: f"the class has no method {method}(audio, rate, text)"
        for ability, method in METHODS.items()
        if not callable(getattr(made, method, None))
    }
    digest = getattr(made, "digest", None)
    if not isinstance(digest, str):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ScriptRecogniser(place, made, cannot, digest)


def _made(path: Path, name: str) -> Any:
    """Run a file and return an object of its class."""
    spec = importlib.util.spec_from_file_location(f"recogniser_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RecogniserError(f"{path}: cannot be run as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses of the file look there
    beside = str(path.resolve().parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)  # so that the file imports its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of code that nobody here wrote
        line = _line(error, path)
        raise RecogniserError(f"{path}{line}: raised {_told(error)} when it was run") from None
    kind = getattr(module, name, None)
    if not callable(kind):
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        has = f"it has {', '.join(classes)}" if classes else "it has no class at all"
        raise RecogniserError(f"{path}: no class {name} in it; {has}")
    try:
        return kind()
    except Exception as error:
        line = _line(error, path)
        raise RecogniserError(f"{path}{line}: {name}() raised {_told(error)}") from None


def _array(part: Any) -> Any:
    part = part.detach().cpu() if hasattr(part, "detach") else part
    return np.asarray(part, dtype=np.float64)


def _told(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line(error: BaseException, path: Path) -> str:
    """Return ":line" of the innermost place in a file that an error came through."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    return f":{lines[-1]}" if lines else ""
