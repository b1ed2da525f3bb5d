"""The door to a service with OpenAI's `/v1/audio/transcriptions`: transcripts, nothing else.

A service is slow, costs money and fails at times. So it is asked at a bounded rate, a question
that failed is asked again later, and every answer is kept in a folder, by the digest of the
question: the same command goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import soundfile

from leaderboard.recognisers.base import (
    Ability,
    Opening,
    RecogniserError,
    UnheardError,
    checked,
    refuse,
)
from targets.core.digests import digest_of
from targets.core.files import whole_file
from targets.speech.utterance import Samples

MODEL = "whisper-1"  # OpenAI's own name; many services take any
ENDPOINT = "/audio/transcriptions"
LOCAL = ("localhost", "127.0.0.1", "::1")
LONGEST_ANSWER = 1 << 20  # bytes
LONGEST_PAUSE = 60.0  # seconds
IN_A_ROW = 3  # utterances without an answer, after which a service is taken to be down
_SHOWN = 160  # characters of what a service says
_SENT = "/%:@!$&'()*+,;=?~"  # sent as they are in an address; letters beyond ASCII are not


class _AgainError(Exception):
    """A question that may be asked again.

    `after` is how many seconds the service asks to wait; where it is `away`, no other question
    would fare better.
    """

    def __init__(self, reason: str, after: float = 0.0, *, away: bool = False) -> None:
        super().__init__(reason)
        self.after, self.away = after, away


@dataclass(eq=False)
class ServiceRecogniser:
    """A service that answers with transcripts. See `OutsideRecogniser`.

    Audio is sent as WAV of 16 bits, at the rate that it has. `sleep` and `clock` are the time.
    """

    name: str
    url: str = field(repr=False)  # its query may hold a key
    model: str
    opening: Opening
    key: str = field(default="", repr=False)
    digest: str | None = None  # what a service computes cannot be known
    kind: str = field(default="service", init=False)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _last: float = field(default=float("-inf"), init=False)
    _silent: int = field(default=0, init=False)

    @property
    def cannot(self) -> Mapping[Ability, str]:
        """Anything but transcripts."""
        reason = "a service answers with transcripts only"
        return {"log_likelihood": reason, "gradient_norm": reason}

    def log_likelihood(self, audio: Samples, rate: int, text: str) -> NoReturn:
        """Refuse: see `cannot`."""
        del audio, rate, text
        refuse(self, "log_likelihood")

    def gradient_norm(self, audio: Samples, rate: int, text: str) -> NoReturn:
        """Refuse: see `cannot`."""
        del audio, rate, text
        refuse(self, "gradient_norm")

    def transcribe(self, audio: Samples, rate: int) -> str:
        """See `OutsideRecogniser`; what was answered before is not asked again.

        Raises:
            UnheardError: the service refuses this utterance, or gives no answer to it.
            RecogniserError: it refuses all, answers something else, or has been silent for long.
        """
        return self._transcript(audio, rate)

    def draw(self, audio: Samples, rate: int, number: int) -> str:
        """See `DrawsTranscripts`; which number it is the service is not told, so that it draws.

        Raises:
            UnheardError: the service refuses this utterance, or gives no answer to it.
            RecogniserError: it refuses all, answers something else, or has been silent for long.
        """
        return self._transcript(audio, rate, number)

    def _transcript(self, audio: Samples, rate: int, draw: int | None = None) -> str:
        wav = as_wav(checked(audio, rate, self.name), rate)
        kept = self._kept(wav, draw)
        found = self._read(kept)
        if found is not None:
            return found
        found = self._asked(wav, temperature=0 if draw is None else 1)
        if kept is not None:
            with whole_file(kept) as aside:
                aside.write_text(json.dumps({"service": self.name, "text": found}))
        return found

    @property
    def _an_attempt(self) -> float:
        """Seconds that one attempt may take, so that there is time for all of them."""
        return self.opening.patience / self.opening.attempts

    def _kept(self, wav: bytes, draw: int | None) -> Path | None:
        """Return where the answer to a question is kept."""
        if self.opening.answers is None:
            return None
        question = {
            "url": self.url,
            "model": self.model,
            "language": self.opening.language,
            "audio": hashlib.sha256(wav).hexdigest(),
        }
        digest = digest_of(question if draw is None else question | {"draw": draw})
        return self.opening.answers / digest[:2] / f"{digest}.json"

    def _read(self, path: Path | None) -> str | None:
        if path is None:
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["text"]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not asked yet, or a file that something else has spoilt
        return found if isinstance(found, str) else None

    def _asked(self, wav: bytes, temperature: int) -> str:
        """Ask until there is an answer, as often as is allowed."""
        pause = self.opening.first_pause
        reason, away, asked = "", False, 0
        until = self.clock() + self.opening.patience
        while asked < self.opening.attempts:
            if asked:
                wait = min(pause, LONGEST_PAUSE)
                if self.clock() + wait >= until:
                    break
                self.sleep(wait)
                pause *= 2
            asked += 1
            self._wait_for_its_turn()
            try:
                found = text_of(self._answer(wav, temperature), self.name)
            except _AgainError as error:
                reason, away = str(error), error.away
                pause = max(pause, error.after)
                continue
            self._silent = 0
            return found
        self._silent += 1
        kept = "" if self.opening.answers is None else "; answers so far are kept"
        message = f"{self.name}: {reason}, asked {asked} time{'s' * (asked > 1)}"
        if away or self._silent >= IN_A_ROW:
            raise RecogniserError(
                f"{message} for {self._silent} utterances: see whether the service is up, then "
                f"give the same command again{kept}"
            )
        raise UnheardError(message)

    def _wait_for_its_turn(self) -> None:
        """Sleep until the next question may be asked."""
        due = self._last + 60 / self.opening.requests_a_minute
        now = self.clock()
        if now < due:
            self.sleep(due - now)
        self._last = max(now, due)

    def _answer(self, wav: bytes, temperature: int) -> bytes:
        """Ask once.

        Raises:
            _AgainError: there is no answer now.
            UnheardError: the service refuses this utterance.
            RecogniserError: it refuses every question.
        """
        fields = {"model": self.model, "response_format": "json"}
        fields["temperature"] = str(temperature)
        if self.opening.language:
            fields["language"] = self.opening.language
        body, kind = multipart(fields, wav)
        headers = {"Content-Type": kind, "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url, body, headers, method="POST")
        until = self.clock() + self._an_attempt
        try:
            with _opener(self.url).open(request, timeout=self._an_attempt) as response:
                return _whole(response, lambda: self.clock() > until)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error)
        except TimeoutError:
            raise _AgainError(f"no answer within {self._an_attempt:g} s") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _AgainError(f"no answer within {self._an_attempt:g} s") from None
            reason = getattr(error.reason, "strerror", None) or error.reason
            raise _AgainError(f"cannot be reached ({reason})", away=True) from None
        except (HTTPException, OSError) as error:
            raise _AgainError(f"the connection broke ({type(error).__name__})") from None

    def _refused(self, error: urllib.error.HTTPError) -> NoReturn:
        code = error.code
        said = self._said(error)
        if code in (408, 425, 429) or code >= 500:
            raise _AgainError(f"answers {code}{said}", _after(error.headers))
        if code in (401, 403):
            remedy = (
                f"look at the key in ${self.opening.key_from}"
                if self.key
                else "name the environment variable that holds your key"
            )
            raise RecogniserError(f"{self.name}: answers {code}{said}: {remedy}")
        if code in (400, 413, 422):
            raise UnheardError(f"{self.name}: refuses an utterance with {code}{said}")
        raise RecogniserError(
            f"{self.name}: answers {code}{said}: give the address of an "
            f"OpenAI-compatible service, like http://localhost:8000/v1#MODEL"
        )

    def _said(self, error: urllib.error.HTTPError) -> str:
        """Return what a service says of an error, on one line and without the key."""
        try:
            text = error.read(LONGEST_ANSWER).decode("utf-8", "replace")
        except (OSError, HTTPException):
            return ""
        try:
            found = json.loads(text)["error"]
            text = found["message"] if isinstance(found, dict) else str(found)
        except (ValueError, KeyError, TypeError):
            pass
        text = " ".join(str(text).split())
        if self.key:
            text = text.replace(self.key, "(the key)")
        return f" ({text[:_SHOWN]})" if text else ""


def open_http(place: str, opening: Opening) -> ServiceRecogniser:
    """Return the service at an address, whose model is written after a `#`.

    Raises:
        RecogniserError: it is no address, or the key would be sent in the clear.
    """
    try:
        parts = urlsplit(place)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise _no_address(place) from None
    if parts.scheme not in ("http", "https") or not host:
        raise _no_address(place)
    if parts.username or parts.password:
        raise RecogniserError(
            f"http: {host}: the address holds a password; put it in an environment variable, and "
            f"name that"
        )
    path = parts.path.rstrip("/") or "/v1"
    path = path if path.endswith(ENDPOINT) else path + ENDPOINT
    sent = quote(path, safe=_SENT), quote(parts.query, safe=_SENT)
    url = urlunsplit((parts.scheme, parts.netloc, *sent, ""))
    key = ""
    if opening.key_from:
        key = os.environ.get(opening.key_from, "").strip()
        if not key.isprintable() or not key.isascii() or not key:
            raise RecogniserError(
                f"http:{host}: the environment variable {opening.key_from} holds no key"
            )
        if parts.scheme == "http" and host not in LOCAL:
            raise RecogniserError(f"http:{host}: a key is not sent in the clear: use https")
    model = parts.fragment or MODEL
    # Without the query, which may hold a key; with the language, as its digest is not known.
    name = f"http:{parts.scheme}://{parts.netloc}{path.removesuffix(ENDPOINT)}#{model}"
    name += f" ({opening.language})" if opening.language else ""
    return ServiceRecogniser(name, url, model, opening, key)


def _no_address(place: str) -> RecogniserError:
    shown = re.sub("//.*@", "//", place.partition("?")[0])  # without what may be secret
    return RecogniserError(
        f"http:{shown}: is no address; write one like http://localhost:8000/v1#MODEL"
    )


def as_wav(audio: Samples, rate: int) -> bytes:
    """Return audio (S,) as a WAV file of 16 bits."""
    file = io.BytesIO()
    soundfile.write(file, audio.clip(-1, 1), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def multipart(fields: Mapping[str, str], wav: bytes) -> tuple[bytes, str]:
    """Return the body of a form with a file, and its content type."""
    mark = uuid.uuid4().hex
    body = io.BytesIO()
    for name, value in fields.items():
        body.write(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode())
        body.write(f"{value}\r\n".encode())
    body.write(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="utterance.wav"\r\n'
        f"Content-Type: audio/wav\r\n\r\n".encode()
    )
    body.write(wav)
    body.write(f"\r\n--{mark}--\r\n".encode())
    return body.getvalue(), f"multipart/form-data; boundary={mark}"


def text_of(answer: bytes, name: str) -> str:
    """Return the transcript in an answer.

    Raises:
        RecogniserError: there is none in it; says what there is.
    """
    text = answer.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        shown = " ".join(text.split())[:60]
        raise RecogniserError(
            f"{name}: answers {shown!r}, which is no JSON: is it an OpenAI-compatible service?"
        ) from None
    if not isinstance(found, dict) or "text" not in found:
        raise RecogniserError(f'{name}: its answer has no "text": {text[:60]!r}')
    if not isinstance(found["text"], str):
        raise RecogniserError(f'{name}: the "text" of its answer is {found["text"]!r}, no string')
    return found["text"].strip()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would carry the key, and the audio, to somebody else."""

    def redirect_request(
        self, req: object, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Refuse."""


def _opener(url: str) -> urllib.request.OpenerDirector:
    local = urlsplit(url).hostname in LOCAL
    proxies = urllib.request.ProxyHandler({} if local else None)
    return urllib.request.build_opener(_NoRedirects, proxies)


def _whole(response: HTTPResponse, late: Callable[[], bool]) -> bytes:
    """Return an answer; one that never ends, or not where it should, is given up."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(1 << 14):  # what is there: `read` would wait for more
        parts.append(part)
        size += len(part)
        if size > LONGEST_ANSWER:
            raise _AgainError(f"its answer is longer than {LONGEST_ANSWER} bytes")
        if late():
            raise TimeoutError
    if response.length:
        raise IncompleteRead(b"", response.length)
    return b"".join(parts)


def _after(headers: Message) -> float:
    """Return how many seconds a service asks to wait."""
    try:
        return max(0.0, float(headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0
