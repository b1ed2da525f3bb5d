"""The contract of an attack: what every attack must do, ours and a submitter's alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.base import VIEWS, Attack, Findings, Transcripts
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.checks import (
    ContractError,
    fingerprint_of_speech,
    fingerprint_of_weights,
    global_randomness,
)

CLOSE = 1e-3  # relative: padding in another batch may change the last digits of a loss


def check_attack(
    attack: Attack, view: Transcripts, candidates: Sequence[Utterance], seed: int = 0
) -> Findings:
    """Run an attack several times and return the first findings, or say what it does wrong.

    Neither the attack nor this check ever sees a coin. Checked are:

    - one finite score for every candidate it claims, each of them one it was given, once;
    - figures of as many numbers, none of them infinite;
    - the same seed, the same findings, whatever state the global generators are in;
    - candidates in another order get the same scores;
    - view, weights and candidates left as they were;
    - a single candidate gives findings; none at all gives empty findings.

    Raises:
        ContractError: at the first breach.
    """
    if attack.access not in VIEWS:
        raise ContractError(f"access is {attack.access!r}; use one of {', '.join(VIEWS)}")
    if not isinstance(view, VIEWS[attack.access]):
        raise ContractError(
            f"the attack wants {attack.access}, the view is {type(view).__name__}: "
            f"check it with {VIEWS[attack.access].__name__}"
        )
    rng = Randomness(seed).child("contract")

    def run(given: Sequence[Utterance], what: str, shaken: int) -> Findings:
        before = _fingerprints(view, given)
        passed = list(given)
        with global_randomness(shaken):
            try:
                found = attack.score(view, passed, rng)
            except Exception as error:
                raised = f"{type(error).__name__}: {error}"
                raise ContractError(f"{what}: score raised {raised}") from error
        after = _fingerprints(view, passed)
        changed = [name for name, digest in before.items() if after[name] != digest]
        if changed:
            raise ContractError(f"{what}: score changed its inputs: {', '.join(changed)}")
        _check_findings(found, given, what)
        return found

    first = run(candidates, "all candidates", 1)
    again = run(candidates, "again", 2)
    if _by_id(first) != _by_id(again):
        raise ContractError(
            "the same seed gives other scores (draw everything from the rng that score is given)"
        )
    turned = _by_id(run(candidates[::-1], "in reversed order", 1))
    for identity, score in _by_id(first).items():
        if identity not in turned:
            raise ContractError(f"in reversed order: {identity} is no longer scored")
        if not np.isclose(turned[identity], score, rtol=CLOSE, atol=CLOSE):
            raise ContractError(
                f"in reversed order: {identity} scores {turned[identity]}, not {score}: "
                "a score belongs to the candidate, not to its place"
            )
    if first.candidates:
        run(first.candidates[:1], "one candidate", 1)
    if run([], "no candidates", 1).candidates:
        raise ContractError("no candidates: yet some were scored")
    return first


def _fingerprints(view: Transcripts, candidates: Sequence[Utterance]) -> dict[str, str]:
    return {
        "the target's weights": fingerprint_of_weights(view._target.state_dict()),
        "the start's weights": fingerprint_of_weights(view.start.state_dict()),
        "public": fingerprint_of_speech(view.public),
        "candidates": fingerprint_of_speech(candidates),
    }


def _check_findings(found: Findings, given: Sequence[Utterance], what: str) -> None:
    if not isinstance(found, Findings):
        raise ContractError(f"{what}: score returned {type(found).__name__}, not Findings")
    claimed, known = [c.id for c in found.candidates], {c.id for c in given}
    foreign = [identity for identity in claimed if identity not in known]
    if foreign:
        raise ContractError(f"{what}: it claims {foreign[0]}, which was not among the candidates")
    if len(set(claimed)) < len(claimed):
        raise ContractError(f"{what}: it claims a candidate twice")
    scores = np.asarray(found.scores)
    if scores.shape != (len(claimed),):
        raise ContractError(
            f"{what}: scores have shape {scores.shape} for {len(claimed)} candidates"
        )
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise ContractError(f"{what}: the score of {claimed[bad[0]]} is {scores[bad[0]]}")
    for name, figure in found.figures.items():
        values = np.asarray(figure)
        if values.shape != (len(claimed),) or np.isinf(values).any():
            raise ContractError(
                f"{what}: figure {name!r} must be one number, or NaN, for each of "
                f"{len(claimed)} candidates"
            )


def _by_id(found: Findings) -> dict[str, float]:
    return {c.id: float(s) for c, s in zip(found.candidates, found.scores, strict=True)}
