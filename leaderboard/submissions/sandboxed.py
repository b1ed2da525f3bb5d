"""A submitted defense, and a submitted attack: run in the sandbox, the answer checked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from attacks.base import Access, Findings, Weights
from defenses.accounting.event_json import MOST_TEXT
from defenses.base import Trained
from leaderboard.submissions import sandbox
from leaderboard.submissions.exchange import (
    MOST_HEADER,
    MOST_WORD,
    SpeechBundle,
    check_weights,
    job_of,
    read_access,
    read_event,
    read_scores,
    read_tensors,
    read_unit,
    tensors_of,
)
from leaderboard.submissions.limits import LIMITS, Limits
from leaderboard.submissions.sandbox_worker import ACCESS, EVENT, SCORES, UNIT, WEIGHTS
from leaderboard.submissions.submission import Submission
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class SandboxedDefense:
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
            SandboxError: submissions cannot be run in a sandbox here.
            SubmissionFailedError: it did not come to an end.
            DisqualifiedError: its weights are not the target's, or its event has no price.
        """
        wanted = recipe.build().state_dict()
        size = sum(w.numel() * w.element_size() for w in wanted.values())
        speech = SpeechBundle()
        speech.add("members", _shuffled(members, rng.child("order")))
        speech.add("public", public)
        most = {EVENT: 4 * MOST_TEXT, UNIT: MOST_WORD, WEIGHTS: size + MOST_HEADER}
        answer = _ask(self, recipe, rng, speech, {}, most)
        unit = read_unit(answer[UNIT])
        event = read_event(answer[EVENT], recipe.delta, unit)
        weights = read_tensors(answer[WEIGHTS])
        check_weights(weights, wanted)
        # No notes: they would reach the record without having been audited.
        return Trained(weights, event, unit=unit)


@dataclass(frozen=True)
class SandboxedAttack:
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
            SandboxError, SubmissionFailedError, DisqualifiedError: as `score_with_access`.
        """
        return self.score_with_access(view, candidates, rng)[0]

    def score_with_access(
        self, view: Weights, candidates: Sequence[Utterance], rng: Randomness
    ) -> tuple[Findings, Access]:
        """Return what the attack found, and which view of the target it asked for.

        Raises:
            SandboxError: submissions cannot be run in a sandbox here.
            SubmissionFailedError: it did not come to an end.
            DisqualifiedError: it left out candidates, or a score is not finite.
        """
        speech, order = SpeechBundle(), rng.child("order")
        shuffled = _shuffled(candidates, order)
        speech.add("candidates", shuffled)
        speech.add("public", view.public)
        target = {f"target.{name}": w for name, w in view.recognizer.state_dict().items()}
        most = {ACCESS: MOST_WORD, SCORES: 16 * len(candidates) + MOST_HEADER}
        answer = _ask(self, self.recipe, rng, speech, target, most)
        scores = read_scores(read_tensors(answer[SCORES]), len(candidates))
        return Findings(tuple(shuffled), scores), read_access(answer[ACCESS])


def _ask(
    sandboxed: SandboxedDefense | SandboxedAttack,
    recipe: Recipe,
    rng: Randomness,
    speech: SpeechBundle,
    more: Mapping[str, Tensor],
    answers: Mapping[bytes, int],
) -> dict[bytes, bytes]:
    job = job_of(sandboxed.submission, recipe, rng.integer(), speech, contract=sandboxed.contract)
    given = tensors_of(recipe, speech, more)
    limits, trust = sandboxed.limits, sandboxed.trust
    return sandbox.run(job, given, answers, limits, trust=trust, log=sys.stderr)


def _shuffled(utterances: Sequence[Utterance], rng: Randomness) -> list[Utterance]:
    return [utterances[i] for i in rng.numpy().permutation(len(utterances))]
