"""A submitted defense or attack: one Python file, run in the sandbox, its answer checked.

It is never imported here. What it is given of speech are samples, transcripts and names that mean
nothing, in an order of their own: neither that an utterance is a canary, nor how often it is said,
nor the seed of the game can be read off them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from attacks.base import Access, Findings, Weights
from defenses.accounting.event_json import MOST_TEXT, event_from_json
from defenses.accounting.price import price
from defenses.base import Trained
from leaderboard.spec.suite import Scalar
from leaderboard.submissions import sandbox
from leaderboard.submissions.sandbox import LIMITS, DisqualifiedError, Limits
from leaderboard.submissions.sandbox_worker import EVENT, SCORES, WEIGHTS
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.tokens import Subwords
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe

Role = Literal["defense", "attack"]

MOST_SOURCE = 100_000  # bytes of a submission's file: a method, not a model or a data set
MOST_HEADER = 1_000_000  # bytes of the header of safetensors
MAY_IMPORT: Mapping[Role, frozenset[str]] = {
    "defense": frozenset({"targets", "defenses"}),
    "attack": frozenset({"targets", "attacks"}),
}
PACKAGES = frozenset(
    {
        "dp_accounting",
        "librosa",
        "numpy",
        "rapidfuzz",
        "safetensors",
        "scipy",
        "torch",
        "torchaudio",
    }
)


class SubmissionError(OverheardError):
    """A file that is no submission: names the file, the line, and what to do."""


@dataclass(frozen=True)
class Submission:
    """One class of one file, and the settings it is made with."""

    file: str
    source: str
    name: str
    role: Role
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.source.encode()).hexdigest()


def read_submission(place: str, role: Role, settings: Sequence[str] = ()) -> Submission:
    """Return the submission at `FILE.py:Class`, with settings written `key=value`.

    Raises:
        SubmissionError: the file is missing, too long, not Python, or imports what it may not.
    """
    path, colon, name = place.rpartition(":")
    if not colon or not name.isidentifier() or not path.endswith(".py"):
        raise SubmissionError(f"{place}: name a file and a class in it, like mine.py:Mine")
    try:
        content = Path(path).read_bytes()
        source = content.decode()
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{path}: byte {error.start} is not UTF-8") from None
    submission = Submission(Path(path).name, source, name, role, dict(map(_setting, settings)))
    check_source(submission)
    return submission


def check_source(submission: Submission) -> None:
    """Check what the rules say of a submission's file.

    Raises:
        SubmissionError: at the first breach.
    """
    file, source, role = submission.file, submission.source, submission.role
    if len(source.encode()) > MOST_SOURCE:
        raise SubmissionError(f"{file}: longer than {MOST_SOURCE} bytes: submit code, not data")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SubmissionError(f"{file}:{line}: not Python: {error}") from None
    allowed = MAY_IMPORT[role] | PACKAGES | sys.stdlib_module_names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [("." * node.level) + (node.module or "")]
        else:
            continue
        for name in names:
            if name.partition(".")[0] not in allowed:
                own = ", ".join(sorted(MAY_IMPORT[role]))
                raise SubmissionError(
                    f"{file}:{node.lineno}: may not import {name}: the {role}'s rooms ({own}), the "
                    f"standard library and {', '.join(sorted(PACKAGES))} are there"
                )


def _setting(text: str) -> tuple[str, Scalar]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise SubmissionError(f"{text}: a setting is written key=value")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    return key, parsed if isinstance(parsed, Scalar) else value


@dataclass(frozen=True)
class ConfinedDefense:
    """A submitted scheme: trained in the sandbox, its answer held against the target.

    With `contract`, it is put through `defenses.checks` there.
    """

    submission: Submission
    limits: Limits = LIMITS
    trust: bool = False
    contract: bool = False

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`.

        Raises:
            SandboxError: submissions cannot be confined here.
            SubmissionFailedError: it did not come to an end.
            DisqualifiedError: its weights are not the target's, or its event has no price.
        """
        wanted = recipe.build().state_dict()
        size = sum(w.numel() * w.element_size() for w in wanted.values())
        speech = _Bundle()
        speech.add("members", _shuffled(members, rng.child("order")))
        speech.add("public", public)
        answer = _ask(
            self, recipe, rng, speech, {}, {EVENT: 4 * MOST_TEXT, WEIGHTS: size + MOST_HEADER}
        )
        try:
            event = event_from_json(answer[EVENT].decode())
            epsilon = price(event, recipe.delta, basis="claimed").epsilon
        except UnicodeDecodeError:
            raise DisqualifiedError("its event is not UTF-8") from None
        except OverheardError as error:
            raise DisqualifiedError(f"its event has no price: {error}") from None
        except Exception as error:  # of the accountants, at numbers nobody meant
            raise DisqualifiedError(f"its event has no price: {type(error).__name__}") from None
        if not epsilon >= 0:
            raise DisqualifiedError(f"its event costs ε = {epsilon}")
        weights = _tensors(answer[WEIGHTS])
        _check_weights(weights, wanted)
        # No notes: they would reach the record without having been audited.
        return Trained(weights, event)


@dataclass(frozen=True)
class ConfinedAttack:
    """A submitted attack: run in the sandbox on every candidate, its scores checked.

    What it may see of the target is what `access` of its class says; the target's weights are in
    its process all the same, and reviewers read whether it keeps to that.
    """

    submission: Submission
    recipe: Recipe
    limits: Limits = LIMITS
    trust: bool = False
    contract: bool = False

    access: ClassVar[Access] = "weights"  # the view that the sandbox is filled from

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`; every candidate has a score.

        Raises:
            SandboxError: submissions cannot be confined here.
            SubmissionFailedError: it did not come to an end.
            DisqualifiedError: it left out candidates, or a score is not finite.
        """
        speech, order = _Bundle(), rng.child("order")
        shuffled = _shuffled(candidates, order)
        speech.add("candidates", shuffled)
        speech.add("public", view.public)
        target = {f"target.{name}": w for name, w in view.recognizer.state_dict().items()}
        most = 16 * len(candidates) + MOST_HEADER
        answer = _ask(self, self.recipe, rng, speech, target, {SCORES: most})
        found = _tensors(answer[SCORES])
        scores = _scores(found, len(candidates))
        return Findings(tuple(shuffled), scores)


class _Bundle:
    """Speech as the sandbox is given it."""

    def __init__(self) -> None:
        self.described: dict[str, list[dict[str, Any]]] = {}
        self.tensors: dict[str, Tensor] = {}

    def add(self, group: str, utterances: Sequence[Utterance]) -> None:
        speakers: dict[str, str] = {}
        for u in utterances:
            speakers.setdefault(u.speaker, f"{group}-speaker-{len(speakers)}")
        self.described[group] = [
            {
                "id": f"{group}-{number}",
                "speaker": speakers[u.speaker],
                "text": u.text,
                "words": [[w.text, w.start, w.end] for w in u.words],
                "samples": len(u.samples),
            }
            for number, u in enumerate(utterances)
        ]
        together = np.concatenate([np.zeros(0, np.float32), *(u.samples for u in utterances)])
        self.tensors[f"samples.{group}"] = torch.from_numpy(together)


def _ask(
    confined: ConfinedDefense | ConfinedAttack,
    recipe: Recipe,
    rng: Randomness,
    speech: _Bundle,
    more: Mapping[str, Tensor],
    answers: Mapping[bytes, int],
) -> dict[bytes, bytes]:
    submission = confined.submission
    tensors = {**speech.tensors, **more}
    for name in ("start", "student"):
        tensors |= {f"{name}.{key}": w for key, w in getattr(recipe, name).items()}
    if isinstance(recipe.tokens, Subwords):
        tensors["subwords"] = torch.frombuffer(bytearray(recipe.tokens.model), dtype=torch.uint8)
    job = {
        "role": submission.role,
        "contract": confined.contract,
        "file": submission.file,
        "source": submission.source,
        "class": submission.name,
        "settings": dict(submission.settings),
        # From it the seed of the game, and so its coins, can be had by trying seeds alone: those of
        # reviewers are too long for that (CONTRIBUTING), those of the suites are public anyway.
        "seed": rng.integer(),
        "recipe": {
            "target": recipe.target,
            "channels": recipe.channels,
            "hidden": recipe.hidden,
            "schedule": asdict(recipe.schedule),
            "delta": recipe.delta,
            "expected_members": recipe.expected_members,
        },
        "speech": speech.described,
    }
    given = save({name: t.detach().contiguous() for name, t in tensors.items()})
    return sandbox.run(job, given, answers, confined.limits, trust=confined.trust, log=sys.stderr)


def _tensors(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of an answer, whose length has been checked."""
    if len(content) < 8 or struct.unpack("<Q", content[:8])[0] > MOST_HEADER:
        raise DisqualifiedError("its answer is no safetensors")
    try:
        return load(content)
    except Exception as error:  # of a parser, at bytes that nobody wrote in good faith
        raise DisqualifiedError(f"its answer is no safetensors: {type(error).__name__}") from None


def _check_weights(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Check names, shapes, types and values; only names of ours get into the message."""
    missing = sorted(set(wanted) - set(weights))
    if missing or len(weights) > len(wanted):
        raise DisqualifiedError(
            f"its weights are not the target's: {len(missing)} missing "
            f"({', '.join(missing[:3]) or 'none'}), {len(set(weights) - set(wanted))} foreign"
        )
    for name, like in wanted.items():
        tensor = weights[name]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise DisqualifiedError(
                f"its {name} is {tuple(tensor.shape)} of {tensor.dtype}, "
                f"the target's {tuple(like.shape)} of {like.dtype}"
            )
        if not torch.isfinite(tensor).all():
            raise DisqualifiedError(f"its weights are not finite: {name}")


def _scores(found: Mapping[str, Tensor], candidates: int) -> NDArray[np.float64]:
    """Return the scores (N,) of all candidates in their order."""
    places, scores = found.get("places"), found.get("scores")
    if (
        places is None
        or scores is None
        or places.dtype != torch.int64
        or scores.dtype != torch.float64
        or scores.shape != (candidates,)
        or sorted(places.flatten().tolist()) != list(range(candidates))
    ):
        raise DisqualifiedError(f"it did not score each of {candidates} candidates once")
    if not torch.isfinite(scores).all():
        raise DisqualifiedError("a score is not finite")
    ordered = np.zeros(candidates)
    ordered[places.flatten().numpy()] = scores.numpy()
    return ordered


def _shuffled(utterances: Sequence[Utterance], rng: Randomness) -> list[Utterance]:
    return [utterances[i] for i in rng.numpy().permutation(len(utterances))]
