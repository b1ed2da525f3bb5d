"""A model of `transformers` as an outside recogniser: transcripts, likelihoods, gradients."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import soxr
import torch
from torch import Tensor

from leaderboard.recognisers.base import Ability, Opening, UnheardError, checked
from leaderboard.recognisers.drawing import seed_of
from leaderboard.recognisers.hf.ctc import CtcHead
from leaderboard.recognisers.hf.folder import first_line
from leaderboard.recognisers.hf.load import Loaded, load
from leaderboard.recognisers.hf.seq2seq import Seq2SeqHead
from leaderboard.recognisers.hf.transducer import TransducerHead
from leaderboard.recognisers.states import States
from targets.speech.utterance import Samples


class Head(Protocol):
    """What differs between kinds of models.

    `inputs` is what `prepared` makes of audio, and `heard` what `hear` makes of that: all that is
    the same whatever text is asked about. `longest_audio` is in seconds.
    """

    @property
    def longest_audio(self) -> float:
        """How many seconds it hears at most."""
        ...

    def prepared(self, audio: Samples) -> Any:
        """Return the model's input of audio (S,) at the model's rate."""
        ...

    def hear(self, inputs: Any) -> Any:
        """Return what the model makes of audio before any text."""
        ...

    def write(self, heard: Any, seconds: float) -> str:
        """Return the transcript."""
        ...

    def draw(self, heard: Any, seconds: float) -> str:
        """Return a transcript drawn at temperature 1, from torch's own generator."""
        ...

    def log_likelihood(self, heard: Any, text: str) -> Tensor:
        """Return the log-probability () of a text in nats, in double precision."""
        ...


@dataclass(frozen=True, eq=False)
class HfRecogniser:
    """A model of `transformers`. See `OutsideRecogniser`.

    It hears an utterance alone, never a batch, so that no padding changes what it says. What it
    last heard is kept, since many questions are about one sound. With an adapter, gradients are to
    the adapter's weights alone.
    """

    name: str
    loaded: Loaded
    head: Head
    cannot: Mapping[Ability, str] = field(default_factory=dict)
    _last: dict[bytes, Any] = field(default_factory=dict, repr=False)
    _states: list[Tensor] = field(default_factory=list, repr=False)

    @property
    def kind(self) -> str:
        """See `OutsideRecogniser`."""
        return self.loaded.kind

    @property
    def digest(self) -> str:
        """SHA-256 over model, processor and adapter, and over what they were told when opened."""
        return self.loaded.digest

    def transcribe(self, audio: Samples, rate: int) -> str:
        """See `OutsideRecogniser`."""
        with torch.no_grad():
            heard, seconds = self._heard(audio, rate)
            try:
                return self.head.write(heard, seconds).strip()
            except (RuntimeError, ValueError, IndexError) as error:
                raise self._unheard(seconds, error) from None

    def draw(self, audio: Samples, rate: int, number: int) -> str:
        """See `DrawsTranscripts`."""
        device = self.loaded.device
        forked = torch.random.fork_rng([device] if device.type == "cuda" else [])
        with torch.no_grad(), forked:
            heard, seconds = self._heard(audio, rate)
            torch.manual_seed(seed_of(audio, number))
            try:
                return self.head.draw(heard, seconds).strip()
            except (RuntimeError, ValueError, IndexError) as error:
                raise self._unheard(seconds, error) from None

    def log_likelihood(self, audio: Samples, rate: int, text: str) -> float:
        """See `OutsideRecogniser`."""
        with torch.no_grad():
            return float(self._log_likelihood(audio, rate, text))

    def gradient_norm(self, audio: Samples, rate: int, text: str) -> float:
        """See `OutsideRecogniser`.

        Raises:
            UnheardError: the text is impossible, and so has no gradient.
        """
        with torch.enable_grad():
            found = self._log_likelihood(audio, rate, text)
            if not found.isfinite():
                raise UnheardError(
                    f"{self.name}: the transcript cannot be written over this audio, and so has "
                    f"no gradient: drop the utterance"
                )
            weights = [w for w in self.loaded.model.parameters() if w.requires_grad]
            slopes = torch.autograd.grad(found, weights, allow_unused=True)
        squares = [slope.double().square().sum() for slope in slopes if slope is not None]
        return float(torch.stack(squares).sum().sqrt())

    def embedding(self, audio: Samples, rate: int) -> States:
        """Return the mean (D,) of the encoder's states: see `ShowsStates`."""
        with torch.no_grad():
            heard, seconds = self._heard(audio, rate)
            if not self._states:  # of models whose encoder runs only where they write
                inputs = {k: v for k, v in dict(heard).items() if k != "decoder_input_ids"}
                with self._watched():
                    try:
                        self._encoder(**inputs)
                    except (RuntimeError, ValueError, IndexError) as error:
                        raise self._unheard(seconds, error) from None
            states = self._states[-1][0]
            longest = self.head.longest_audio  # Whisper hears silence up to there
            real = (
                len(states) if longest == math.inf else math.ceil(len(states) * seconds / longest)
            )
            return states[: max(real, 1)].mean(0).float().cpu().numpy()

    @property
    def _encoder(self) -> torch.nn.Module:
        model = self.loaded.model
        if self.kind == "seq2seq":
            return model.get_encoder()
        own = model.base_model
        return model.encoder if own is model else own

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Keep what the encoder makes of what it hears meanwhile, (1, T, D)."""

        def keep(_: torch.nn.Module, __: Any, made: Any) -> None:
            self._states.append(made if isinstance(made, Tensor) else made[0])

        hook = self._encoder.register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()

    def _log_likelihood(self, audio: Samples, rate: int, text: str) -> Tensor:
        heard, seconds = self._heard(audio, rate)
        try:
            found = self.head.log_likelihood(heard, text)
        except (RuntimeError, ValueError, IndexError) as error:
            raise self._unheard(seconds, error) from None
        if found.isnan():
            raise UnheardError(
                f"{self.name}: the likelihood of an utterance of {seconds:.2f} s is NaN: its "
                f"weights or its audio are broken"
            )
        return found

    def _heard(self, audio: Samples, rate: int) -> tuple[Any, float]:
        """Return what the model makes of audio, and its seconds; without gradients it is kept.

        Raises:
            UnheardError: the model cannot hear it.
        """
        samples = checked(audio, rate, self.name)
        seconds = len(samples) / rate
        key = hashlib.sha256(samples.tobytes() + b"%d" % rate).digest()
        if not torch.is_grad_enabled() and key in self._last:
            return self._last[key], seconds
        if rate != self.loaded.rate:
            samples = soxr.resample(samples, rate, self.loaded.rate)
        longest = self.head.longest_audio
        if seconds > longest:
            raise UnheardError(
                f"{self.name}: the utterance lasts {seconds:.1f} s, and the recogniser hears "
                f"{longest:g} s: cut it"
            )
        self._last.clear()
        self._states.clear()
        try:
            inputs = self.head.prepared(samples).to(self.loaded.device)
            with contextlib.nullcontext() if torch.is_grad_enabled() else self._watched():
                heard = self.head.hear(inputs)
        except (RuntimeError, ValueError, IndexError) as error:
            raise self._unheard(seconds, error) from None
        if not torch.is_grad_enabled():
            self._last[key] = heard
        return heard, seconds

    def _unheard(self, seconds: float, error: BaseException) -> UnheardError:
        return UnheardError(
            f"{self.name}: cannot take an utterance of {seconds:.2f} s: {first_line(error)}"
        )


def open_hf(place: str, opening: Opening) -> HfRecogniser:
    """Return the model in a folder, or of a name in the local cache.

    Raises:
        RecogniserError: it cannot be read.
    """
    loaded = load(place, opening)
    name = f"hf:{place}"
    head: Head
    if loaded.kind == "ctc":
        head = CtcHead(loaded, name)
    elif loaded.kind == "seq2seq":
        head = Seq2SeqHead(loaded, name, opening.language)
    else:
        head = TransducerHead(loaded, name)
    return HfRecogniser(name, loaded, head)
