"""Which labels came of a row's votes, and how many of their words are wrong.

Nothing is trained: a record names its noise, and the noise of a seed can be drawn again. What was
said comes from the speech itself, whose transcripts no scheme has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from defenses.pate.scheme import PATE
from defenses.pate.teachers import Votes
from defenses.pate.votes import evidence
from leaderboard.experiment.choices import defense_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.train import training_rng
from leaderboard.game.build import PUBLIC, speech_of
from leaderboard.records.record import Record
from leaderboard.spec.cell import Conditions
from leaderboard.votes.kept import KeptVotes, LabelErrors
from targets.speech.wer import word_errors

SAME = 1e-6  # relative: noise is found by a search whose end may differ in its last digits


def label_errors(record: Record, kept: KeptVotes, said: Sequence[str]) -> LabelErrors | str:
    """Return the errors of a row's labels; or why they are not known.

    `said` is what the untranscribed public speech says, in its order.
    """
    defense = defense_of(record.cell)
    delta = None if record.guarantee is None else record.guarantee.delta
    if not isinstance(defense, PATE) or delta is None:
        return "the scheme does not say how it answers"
    votes = Votes.from_json(kept.found)
    if len(votes.lists) != len(said):
        return f"votes are about {len(votes.lists)} utterances, the speech has {len(said)}"
    mechanism = defense.mechanism(len(kept.counts)).calibrated(defense.epsilon, delta)
    if abs(mechanism.scale / float(str(record.notes["vote_noise"])) - 1) > SAME:
        return "its noise is not what this code draws"
    rng = training_rng(Experiment.of(record.cell, Path(), Path()), record.cell)
    answers = mechanism.answers(kept.counts, rng.child("votes").numpy())
    expected = defense.agreement * defense.teachers
    rows = []
    for place, noisy in zip(votes.places, answers, strict=False):
        if noisy is None:
            continue
        one, words = votes.lists[place], said[place]
        credit = one.log_probs + evidence(noisy, expected, mechanism.deviation)
        each = [word_errors(words, text) for text in one.texts]
        best = min(each, key=lambda errors: errors[0])
        rows.append((each[int(np.argmax(credit))], each[int(np.argmax(one.log_probs))], best))
    if not rows:
        return "no query was answered"
    voted, unvoted, listed = np.array(rows).transpose(1, 0, 2)
    return LabelErrors(voted, unvoted, listed)


def said_in_public(conditions: Conditions, data: Path) -> list[str]:
    """Return what the untranscribed public speech of a game says, in its order.

    Raises:
        OverheardError: a folder below `data` is missing, or its speech is unusable.
    """
    heard = speech_of(conditions, data, PUBLIC)
    whole = conditions.speech.public.model_copy(update={"transcribed": None})
    speech = conditions.speech.model_copy(update={"public": whole})
    told = speech_of(conditions.model_copy(update={"speech": speech}), data, PUBLIC)
    words = {u.id: u.text for u in told["public"]}
    withheld = [words[u.id] for u in heard["public"] if not u.text]
    return [*withheld, *(u.text for u in told.get("untranscribed", ()))]
