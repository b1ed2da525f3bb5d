"""The contract of a defense: what every scheme must do, ours and a submitter's alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from dp_accounting import DpEvent
from torch import Tensor

from defenses.accounting.price import price
from defenses.base import Defense, Trained
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.checks import (
    ContractError,
    fingerprint_of_speech,
    fingerprint_of_weights,
    global_randomness,
)
from targets.training.recipe import Recipe


def check_defense(
    factory: Callable[[], Defense],
    recipe: Recipe,
    members: Sequence[Utterance],
    public: Sequence[Utterance],
    seed: int = 0,
) -> Trained:
    """Train a defense several times and return the first result, or say what it does wrong.

    `factory` makes a fresh defense; `members` are at least two utterances. Checked are:

    - weights with the names, shapes and types of the target's, all of them finite;
    - an event that accounting can price, the same whatever the private speech is: one that is
      read off the speech would itself give it away;
    - the same seed, the same weights: from the same object, from a fresh one, and whatever state
      Python's, NumPy's and torch's global generators are in (what state it leaves them in is its
      own affair: nothing here looks at them);
    - recipe and utterances left as they were;
    - one utterance, one speaker and no utterance at all are trained on without an error: to
      refuse them would tell something about the private speech.

    Raises:
        ContractError: at the first breach.
    """
    if len(members) < 2:
        raise ValueError(f"a defense is checked with at least two members, not {len(members)}")
    rng = Randomness(seed).child("contract")
    defense = factory()

    def train(chosen: Defense, speech: Sequence[Utterance], what: str, shaken: int) -> Trained:
        before = _fingerprints(recipe, speech, public)
        private, common = list(speech), list(public)
        with global_randomness(shaken):
            try:
                trained = chosen.train(recipe, private, common, rng)
            except Exception as error:
                raised = f"{type(error).__name__}: {error}"
                raise ContractError(f"{what}: train raised {raised}") from error
        after = _fingerprints(recipe, private, common)
        changed = [name for name, digest in before.items() if after[name] != digest]
        if changed:
            raise ContractError(f"{what}: train changed its inputs: {', '.join(changed)}")
        _check_trained(trained, recipe, what)
        return trained

    first = train(defense, members, "all members", 1)
    for other, how in ((defense, "the same defense"), (factory(), "a fresh defense")):
        again = train(other, members, how, 2)
        different = _differences(first.weights, again.weights)
        if different:
            raise ContractError(
                f"{how}, trained again with the same seed, gives other weights: "
                f"{', '.join(different[:3])} (draw everything from the rng that train is given)"
            )
    speaker = members[0].speaker
    edges = {
        "one member": members[:1],
        "one speaker": [m for m in members if m.speaker == speaker],
        "no members": [],
    }
    for what, speech in edges.items():
        trained = train(defense, speech, what, 1)
        if trained.event != first.event:
            raise ContractError(
                f"{what}: the event is {trained.event!r}, with all members {first.event!r}: "
                "what the mechanism does must not depend on the private speech"
            )
    return first


def _fingerprints(
    recipe: Recipe, members: Sequence[Utterance], public: Sequence[Utterance]
) -> dict[str, str]:
    return {
        "recipe.start": fingerprint_of_weights(recipe.start),
        "members": fingerprint_of_speech(members),
        "public": fingerprint_of_speech(public),
    }


def _check_trained(trained: Trained, recipe: Recipe, what: str) -> None:
    if not isinstance(trained, Trained):
        raise ContractError(f"{what}: train returned {type(trained).__name__}, not Trained")
    _check_weights(trained.weights, recipe.build().state_dict(), what)
    if not isinstance(trained.event, DpEvent):
        raise ContractError(f"{what}: the event is {type(trained.event).__name__}, not a DpEvent")
    try:
        epsilon = price(trained.event, recipe.delta).epsilon
    except OverheardError as error:
        raise ContractError(f"{what}: the event has no price: {error}") from error
    if not epsilon >= 0:
        raise ContractError(f"{what}: the event costs ε = {epsilon}")
    for name, note in trained.notes.items():
        if not isinstance(note, str) and not math.isfinite(note):
            raise ContractError(f"{what}: note {name!r} is {note}: a finite number or a string")


def _check_weights(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], what: str) -> None:
    missing, foreign = sorted(set(wanted) - set(weights)), sorted(set(weights) - set(wanted))
    if missing or foreign:
        raise ContractError(
            f"{what}: the weights are not the target's: "
            f"missing {missing[:3] or 'none'}, foreign {foreign[:3] or 'none'}"
        )
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise ContractError(
                f"{what}: {name} is {tuple(tensor.shape)} of {tensor.dtype}, "
                f"the target's {tuple(wanted[name].shape)} of {wanted[name].dtype}"
            )
        if not torch.isfinite(tensor).all():
            raise ContractError(f"{what}: {name} is not finite")


def _differences(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in a.items() if not torch.equal(tensor, b[name])]
