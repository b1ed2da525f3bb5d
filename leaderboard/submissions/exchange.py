"""What goes into the sandbox and what comes out of it: described going in, checked coming out.

Of speech a submission is given samples, transcripts and names that mean nothing, in an order of
their own: neither that an utterance is a canary, nor how often it is said, nor the seed of the game
can be read off them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar, get_args

import numpy as np
import torch
from dp_accounting import DpEvent
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from attacks.base import Access
from defenses.accounting.event_json import event_from_json
from defenses.accounting.price import price
from leaderboard.submissions.limits import DisqualifiedError
from leaderboard.submissions.submission import Submission
from targets.core.errors import OverheardError
from targets.speech.tokens import Subwords
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe

MOST_HEADER = 1_000_000  # bytes of the header of safetensors
MOST_WORD = 16  # bytes of a unit, or of a kind of access


class SpeechBundle:
    """Speech as the sandbox is given it: samples, words, and names that mean nothing."""

    def __init__(self) -> None:
        self.described: dict[str, list[dict[str, Any]]] = {}
        self.tensors: dict[str, Tensor] = {}

    def add(self, group: str, utterances: Sequence[Utterance]) -> None:
        """Add a group of utterances, in the order in which they are to be seen."""
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


def job_of(
    submission: Submission, recipe: Recipe, seed: int, speech: SpeechBundle, *, contract: bool
) -> dict[str, Any]:
    """Return what the worker is asked to do, as JSON-able values; tensors travel apart.

    Raises:
        OverheardError: the target begins at a checkpoint, which the sandbox is not given.
    """
    if recipe.pretrained is not None:
        raise OverheardError(
            f"target {recipe.target} begins at a checkpoint, and the sandbox is given none: "
            f"submissions are for targets that are built from random weights"
        )
    return {
        "role": submission.role,
        "contract": contract,
        "file": submission.file,
        "source": submission.source,
        "class": submission.name,
        "settings": dict(submission.settings),
        # From it the seed of the game, and so its coins, can be had by trying seeds alone: those of
        # reviewers are too long for that (CONTRIBUTING), those of the suites are public anyway.
        "seed": seed,
        "recipe": {
            "target": recipe.target,
            "channels": recipe.channels,
            "hidden": recipe.hidden,
            "schedule": asdict(recipe.schedule),
            "delta": recipe.delta,
            "expected_members": recipe.expected_members,
            "precision": recipe.precision,
        },
        "speech": speech.described,
    }


def tensors_of(recipe: Recipe, speech: SpeechBundle, more: Mapping[str, Tensor]) -> bytes:
    """Return as safetensors the samples, the recipe's weights, its subwords, and `more`."""
    tensors = {**speech.tensors, **more}
    for name in ("start", "student"):
        tensors |= {f"{name}.{key}": w for key, w in getattr(recipe, name).items()}
    if isinstance(recipe.tokens, Subwords):
        tensors["subwords"] = torch.frombuffer(bytearray(recipe.tokens.model), dtype=torch.uint8)
    return save({name: t.detach().contiguous() for name, t in tensors.items()})


def read_event(content: bytes, delta: float, unit: Unit) -> DpEvent:
    """Return the event of an answer, after it has been priced once.

    Raises:
        DisqualifiedError: it has no price.
    """
    try:
        event = event_from_json(content.decode())
        epsilon = price(event, delta, unit=unit, basis="claimed").epsilon
    except UnicodeDecodeError:
        raise DisqualifiedError("its event is not UTF-8") from None
    except OverheardError as error:
        raise DisqualifiedError(f"its event has no price: {error}") from None
    except Exception as error:  # of the accountants, at numbers nobody meant
        raise DisqualifiedError(f"its event has no price: {type(error).__name__}") from None
    if not epsilon >= 0:
        raise DisqualifiedError(f"its event costs ε = {epsilon}")
    return event


def read_unit(content: bytes) -> Unit:
    """Return whose presence a guarantee is about.

    Raises:
        DisqualifiedError: no such unit is known.
    """
    return _one_of(get_args(Unit), content, "its guarantee is for an unknown unit")


def read_access(content: bytes) -> Access:
    """Return which view of the target an attack asked for.

    Raises:
        DisqualifiedError: there is no such view.
    """
    return _one_of(get_args(Access), content, "it asked for an unknown view of the target")


Word = TypeVar("Word", bound=str)


def _one_of(known: Sequence[Word], content: bytes, otherwise: str) -> Word:
    """Return a word of ours: nothing of what was sent gets into the message."""
    for word in known:
        if word.encode() == content:
            return word
    raise DisqualifiedError(f"{otherwise}: use one of {', '.join(known)}")


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of an answer, whose length has been checked.

    Raises:
        DisqualifiedError: it holds none.
    """
    if len(content) < 8 or struct.unpack("<Q", content[:8])[0] > MOST_HEADER:
        raise DisqualifiedError("its answer is no safetensors")
    try:
        return load(content)
    except Exception as error:  # of a parser, at bytes that nobody wrote in good faith
        raise DisqualifiedError(f"its answer is no safetensors: {type(error).__name__}") from None


def check_weights(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Check names, shapes, types and values; only names of ours get into the message.

    Raises:
        DisqualifiedError: they are not those of the target's weights, or are not finite.
    """
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


def read_scores(found: Mapping[str, Tensor], candidates: int) -> NDArray[np.float64]:
    """Return the scores (N,) of all candidates in their order.

    Raises:
        DisqualifiedError: one is missing, or is not finite.
    """
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
