"""Dry synthetic speech with word timings, asked from the process of `targets.synthetic.espeak`."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import soxr

from targets.core.errors import OverheardError
from targets.speech.utterance import SAMPLE_RATE, Samples, Word
from targets.synthetic.voices import Voice

SLOWEST, FASTEST = 80, 900  # words a minute that still come out as speech


class SynthesisError(OverheardError):
    """The speaking process failed; the message is one line."""


class Saying(NamedTuple):
    """A text in a voice at `rate` words a minute; `seed` is of what a voice does at random."""

    text: str
    voice: Voice
    rate: int
    seed: int


class Speaker:
    """The speaking process, as a context manager; one sentence at a time, no threads."""

    def __init__(self) -> None:
        self._asked: deque[Saying] = deque()  # and not answered yet: at most two
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        # By path and with -P: the program must not see this package, nor this folder's modules.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("espeak.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )

    def __enter__(self) -> Speaker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; it also ends by itself when its pipe closes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()

    def say(self, text: str, voice: Voice, *, rate: int, seed: int) -> tuple[Samples, list[Word]]:
        """Return `text` in `voice` at `rate` words a minute: samples (S,) and one `Word` per word.

        The same arguments give the same samples, whatever was said before and in which process.

        Raises:
            ValueError: `rate` is outside `SLOWEST` .. `FASTEST`.
            SynthesisError: the speaking process refused or died.
        """
        (said,) = self.say_all([Saying(text, voice, rate, seed)])
        return said

    def say_all(
        self, sayings: Iterable[Saying]
    ) -> Generator[tuple[Samples, list[Word]], None, None]:
        """Yield what `say` returns of each. The next is being said while one is in use.

        Nothing else may be said before this has ended; `close` it to stop early.

        Raises:
            ValueError, SynthesisError: see `say`.
        """
        assert not self._asked, "another answer is waited for"
        try:
            for saying in sayings:
                self._ask(saying)
                self._asked.append(saying)
                if len(self._asked) > 1:
                    yield self._said(self._asked.popleft())
            while self._asked:
                yield self._said(self._asked.popleft())
        except (GeneratorExit, SynthesisError, ValueError):
            # Whoever is answered next must not be answered what was asked before.
            with contextlib.suppress(SynthesisError):
                while self._asked:
                    self._asked.popleft()
                    self._answer()
            raise

    def _said(self, saying: Saying) -> tuple[Samples, list[Word]]:
        samples, native_rate, events = self._answer()
        if not len(samples):
            raise SynthesisError(f"nothing was said for {saying.text!r}")
        words = align(saying.text, events, end=_last_sound(samples), rate=native_rate)
        dry = soxr.resample(samples.astype(np.float32) / 32768, native_rate, SAMPLE_RATE)
        return dry, words

    def _ask(self, saying: Saying) -> None:
        if not SLOWEST <= saying.rate <= FASTEST:
            raise ValueError(f"{saying.rate} words a minute: not within {SLOWEST} .. {FASTEST}")
        request = {
            "language": saying.voice.language,
            "variant": saying.voice.variant,
            "rate": saying.rate,
            "seed": saying.seed & 0x7FFFFFFF,
            "text": saying.text,
        }
        assert self._process.stdin is not None
        # Of a process that has ended the answer, or the lack of one, tells.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _answer(self) -> tuple[np.ndarray, int, list[tuple[int, int]]]:
        stdout = self._process.stdout
        assert stdout is not None
        head = stdout.readline()
        if not head:
            raise SynthesisError(f"the speaking process ended: {self._last_complaint()}")
        answer = json.loads(head)
        if "error" in answer:
            raise SynthesisError(answer["error"])
        body = stdout.read(2 * answer["samples"])
        if len(body) < 2 * answer["samples"]:
            raise SynthesisError(f"the speaking process ended: {self._last_complaint()}")
        events = [(int(c), int(s)) for c, s in answer["events"]]
        return np.frombuffer(body, dtype="<i2"), int(answer["rate"]), events

    def _last_complaint(self) -> str:
        self._process.wait(timeout=5)
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"


def _last_sound(samples: np.ndarray) -> int:
    """Return where the speech ends: just after the last sample above a hundredth of the peak."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) * 100 > np.abs(samples).max())
    return int(loud[-1]) + 1 if len(loud) else len(samples)


def align(text: str, events: Sequence[tuple[int, int]], *, end: int, rate: int) -> list[Word]:
    """Return one `Word` for each of `text.split()`, in seconds.

    `events` are (character at which a word starts, sample at which it is heard), `end` the sample
    at which speech ends, `rate` samples a second. eSpeak joins some neighbours ("in the") into one
    event: the span is then shared in proportion to their letters.
    """
    words = text.split()
    starts, at = [], 0
    for word in words:
        starts.append(text.index(word, at))
        at = starts[-1] + len(word)
    heard: dict[int, int] = {0: 0}  # word -> sample
    latest = 0
    for character, sample in sorted(events):
        owner = max(i for i, start in enumerate(starts) if start <= max(character, starts[0]))
        # Never backwards: every word starts no earlier than the one before it.
        latest = max(latest, min(sample, end))
        heard.setdefault(owner, latest)
    aligned = []
    anchors = [*sorted(heard), len(words)]
    for first, beyond in itertools.pairwise(anchors):
        start, stop = heard[first], heard.get(beyond, end)
        letters = np.cumsum([0, *(len(word) for word in words[first:beyond])])
        edges = (start + (stop - start) * letters / letters[-1]) / rate
        aligned += [
            Word(word, float(edges[i]), float(edges[i + 1]))
            for i, word in enumerate(words[first:beyond])
        ]
    return aligned
