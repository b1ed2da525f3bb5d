"""What an attack is, and the narrow views of a target through which it looks."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attacks.access import Access
from targets.core.errors import OverheardError
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance

Scores = NDArray[np.float64]
Memory = dict[str, dict[str, Scores]]  # scores on each reference, by attack and candidate
Losses = MutableMapping[tuple[str, ...], Scores]  # of the public start, by who was asked about


@dataclass(frozen=True, eq=False)
class Transcripts:
    """The target as a dictation service: audio in, text out.

    Every view also holds what any attacker has: `start`, the public recogniser that training
    began from, `public`, transcribed public speech, and where an attack asks for them,
    `references`, recognisers that the attacker trained from both. `known` are scores that earlier
    attacks gave, by attack and candidate, so that none is computed twice. `start_losses` are those
    of the public start: many targets begin there.
    """

    _target: Recognizer
    start: Recognizer
    public: Sequence[Utterance]
    references: References | None = None
    known: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    start_losses: Losses = field(default_factory=dict)

    def nll_of_start(self, utterances: Sequence[Utterance]) -> Scores:
        """Return the losses (N,) in nats of the public start, computed at the first call alone.

        They are kept for exactly these utterances: in another batch their last digits differ.
        """
        asked = tuple(u.id for u in utterances)
        if asked not in self.start_losses:
            losses = _array(self.start.nll(utterances))
            losses.setflags(write=False)
            self.start_losses[asked] = losses
        return self.start_losses[asked]

    def transcribe(self, utterances: Sequence[Utterance]) -> list[str]:
        """Return the target's transcripts."""
        return self._target.transcribe(utterances)


@dataclass(frozen=True, eq=False)
class LossScores(Transcripts):
    """The target as a service that also says how likely a transcript is."""

    def nll(self, utterances: Sequence[Utterance]) -> Scores:
        """Return the losses (N,) in nats."""
        return _array(self._target.nll(utterances))

    def nll_of_texts(self, utterance: Utterance, texts: Sequence[str]) -> Scores:
        """Return the losses (N,) in nats of N transcripts of one audio."""
        return _array(self._target.nll_of_texts(utterance, texts))

    loss, score = nll, nll_of_texts  # as submissions from before 0.2 call them


@dataclass(frozen=True, eq=False)
class Weights(LossScores):
    """The target itself, with its weights."""

    @property
    def recognizer(self) -> Recognizer:
        """The target."""
        return self._target


VIEWS: Mapping[Access, type[Transcripts]] = {
    "transcripts": Transcripts,
    "scores": LossScores,
    "weights": Weights,
}


def view_of(
    access: Access,
    target: Recognizer,
    start: Recognizer,
    public: Sequence[Utterance],
    references: References | None = None,
    known: Mapping[str, Mapping[str, float]] | None = None,
    start_losses: Losses | None = None,
) -> Any:
    """Return the view of a target that an attack with this access may have.

    Target and start are frozen: an attack asks for gradients, and never leaves any in the weights.

    Raises:
        OverheardError: there is no such access.
    """
    if access not in VIEWS:
        raise OverheardError(f"access is {access!r}; use one of {', '.join(VIEWS)}")
    target.requires_grad_(False)
    start.requires_grad_(False)
    losses = {} if start_losses is None else start_losses
    return VIEWS[access](target, start, public, references, known or {}, losses)


def _array(values: Tensor) -> Scores:
    return values.detach().cpu().double().numpy()


@dataclass(frozen=True, eq=False)
class Findings:
    """What an attack found out about the candidates it looked at.

    `scores` has one finite number per candidate, higher = "was trained on". `figures` are the
    field's own quantities, also one per candidate, for the referee to average over members and
    over held-out twins; NaN where a figure is not defined for a candidate. `ceilings` are the
    largest values that figures can take, where there are such. An attack that does not apply to
    the target claims nobody, and gives the `reason`.
    """

    candidates: tuple[Utterance, ...]
    scores: Scores
    figures: Mapping[str, Scores] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


class Attack(Protocol):
    """An attack: public settings in its (frozen dataclass) fields, never a coin anywhere."""

    @property
    def access(self) -> Access:
        """The view it needs."""
        ...

    def score(self, view: Any, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """Score those of the candidates that the attack is about, through the view it declared."""
        ...


@dataclass(frozen=True, eq=False)
class References:
    """E recognisers that the attacker trained, and the ids of what each was trained on.

    `memory` keeps what attacks found in them, by attack and candidate (E,), so that one evaluation
    serves every cell that shares the references.
    """

    views: Sequence[Transcripts]
    trained_on: Sequence[frozenset[str]]
    rng: Randomness
    memory: Memory = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.views)

    def included(self, candidates: Sequence[Utterance]) -> NDArray[np.bool_]:
        """Return which reference was trained on which candidate (E, N)."""
        ids = [c.id for c in candidates]
        return np.array([[i in known for i in ids] for known in self.trained_on], dtype=bool)

    def scores(self, attack: Attack, candidates: Sequence[Utterance]) -> Scores:
        """Return the scores (E, N) of a signal on each reference."""
        known = self.memory.setdefault(repr(attack), {})
        new = [c for c in candidates if c.id not in known]
        if new:
            rows = np.empty((len(self), len(new)))
            for k, view in enumerate(self.views):
                with stage(k / len(self), (k + 1) / len(self)):
                    rows[k] = attack.score(view, new, self.rng).scores
            known.update(zip((c.id for c in new), rows.T, strict=True))
        report(1.0)
        if not candidates:
            return np.zeros((len(self), 0))
        return np.stack([known[c.id] for c in candidates], axis=1)
