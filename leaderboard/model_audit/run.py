"""From a planted folder and a recogniser to what the recogniser leaks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from attacks.statistics.evidence import Noise
from attacks.statistics.verdict import verdict
from leaderboard.model_audit.advice import advice
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.asking import Progress, ask
from leaderboard.model_audit.canary_table import exposure_once, table, transcripts
from leaderboard.model_audit.crew import Crew, ask_at_once
from leaderboard.model_audit.extraction.draws import drawn
from leaderboard.model_audit.extraction.untargeted import untargeted
from leaderboard.model_audit.questions import (
    BASE,
    MODEL,
    REFERENCE,
    Hearing,
    Question,
    about_nothing,
    alternatives,
    chosen,
    draws_of,
    questions,
    roles_of,
)
from leaderboard.model_audit.ranks import audited, rankings
from leaderboard.model_audit.result import INVERTED, Result, Who
from leaderboard.model_audit.rules.blind import blind_baseline
from leaderboard.model_audit.rules.probe import Probe, probes
from leaderboard.model_audit.scores import Scored, audits_with, scored
from leaderboard.planting.planted import Candidate, Planted
from leaderboard.recognisers.base import OutsideRecogniser, can
from leaderboard.recognisers.drawing import why_no_draws
from leaderboard.recognisers.states import why_no_states
from leaderboard.recognisers.stimuli import Stimulus
from leaderboard.recognisers.words import plain
from leaderboard.records.model_audit import EVERYONE, HELD_OUT, MEMBERS, Look, shown
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.speech.wer import WordErrors, rate_of, word_errors

ANSWERS = "answers.jsonl"
LEVEL = 0.95
WORST = 10


@dataclass(frozen=True)
class Asked:
    """How an audit is made.

    `guesses` is the share of the coins that is guessed on, fixed beforehand (without, five numbers
    of guesses share the level); `limit` bounds how many candidates are asked about; `others` is how
    many other secrets each canary's is ranked among; `draws` is how many more transcripts are drawn
    where nobody speaks, and where no likelihood says what would be drawn of canaries; `patience` is
    how many seconds an answer may take. `language` and `device` are those with which recognisers
    were opened: with others, answers are others.
    """

    delta: float
    claimed_epsilon: float | None = None
    noise: Noise = "any"
    guesses: float | None = None
    limit: int | None = None
    others: int = 15
    draws: int = 0
    patience: float = 120.0
    language: str = ""
    device: str = "cpu"


def audit_model(
    planted: Planted,
    model: OutsideRecogniser,
    out: Path,
    asked: Asked,
    *,
    base: OutsideRecogniser | None = None,
    references: Sequence[OutsideRecogniser] = (),
    stimuli: Sequence[Stimulus] = (),
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> Result:
    """Ask everybody, and judge the answers; they are kept in `out`, from which a run goes on.

    Model and base are also asked about `stimuli`. A `crew` asks in several processes at once.

    Raises:
        AskingError: a recogniser refuses, or fails again and again.
        AnswersError: `out` holds answers of others.
        OverheardError: nobody is left to ask about.
    """
    candidates = chosen(planted, asked.limit)
    if len({c.member for c in candidates}) < 2:
        if asked.limit is None:
            raise OverheardError(
                f"{planted.folder}: has candidates of one side alone — give members and others"
            )
        raise OverheardError(
            f"--limit {asked.limit}: leaves candidates of one side of the coin alone — give more"
        )
    roles = roles_of(model, base, references)
    others = alternatives(planted, asked.others)
    with answers_in(out, planted) as answers:
        for role, who in roles.items():
            answers.introduce(
                role,
                {"name": who.name, "digest": who.digest}
                | {"language": asked.language, "device": asked.device},
            )
        wanted = [
            *_wanted(candidates, roles, others),
            *_extracting(candidates, roles, stimuli, asked),
        ]
        hear = Hearing(candidates, stimuli)
        if crew is not None:
            ask_at_once(crew, wanted, hear, answers, patience=asked.patience, progress=progress)
        ask(roles, wanted, hear, answers, patience=asked.patience, progress=progress)
        return _judged(planted, candidates, roles, answers, others, stimuli, asked)


def _wanted(
    candidates: Sequence[Candidate],
    roles: Mapping[str, OutsideRecogniser],
    others: dict[str, tuple[str, ...]],
) -> Iterator[Question]:
    """Yield all questions about candidates: all that concern a sound together, whoever is asked.

    Whoever heard it last may still know what its encoder made of it.
    """
    likelihoods = {role: can(who, "log_likelihood") for role, who in roles.items()}
    both = likelihoods[MODEL] and likelihoods.get(BASE, False)
    states = {role: role in (MODEL, BASE) and why_no_states(w) is None for role, w in roles.items()}
    for c in candidates:
        about = [
            question
            for role in roles
            for question in questions(
                *(role, c, others),
                likelihoods=likelihoods[role],
                states=states[role],
                transcript=role != BASE or not both,  # a loss relative to the base's says more
            )
        ]
        yield from sorted(about, key=lambda question: question.sound)


def _extracting(
    candidates: Sequence[Candidate],
    roles: Mapping[str, OutsideRecogniser],
    stimuli: Sequence[Stimulus],
    asked: Asked,
) -> Iterator[Question]:
    """Yield what is asked about no utterance, and what is drawn of canaries.

    Last of all: whoever fails at it has answered all else.
    """
    draws = {
        role: 0 if why_no_draws(who) else asked.draws
        for role, who in roles.items()
        if role in (MODEL, BASE)
    }
    for one in stimuli:
        for role, count in draws.items():
            yield from about_nothing(role, one, count)
    if not can(roles[MODEL], "log_likelihood"):
        for c in candidates:
            if c.kind == "canary":
                yield from draws_of(c, draws[MODEL])


def answers_in(out: Path, planted: Planted) -> Answers:
    """Return the answers that are kept in a folder, as a context manager."""
    return Answers(out / ANSWERS, planted.digest)


def _judged(
    planted: Planted,
    candidates: Sequence[Candidate],
    roles: Mapping[str, OutsideRecogniser],
    answers: Answers,
    others: dict[str, tuple[str, ...]],
    stimuli: Sequence[Stimulus],
    asked: Asked,
) -> Result:
    capable = {role: can(who, "log_likelihood") for role, who in roles.items()}
    attack = audits_with(likelihoods=capable[MODEL], base=capable.get(BASE, False))
    found, absent = scored(
        candidates,
        answers,
        likelihoods=capable[MODEL],
        base=BASE in roles,
        base_likelihoods=capable.get(BASE, False),
        references=[r for r in roles if r.startswith(REFERENCE) and capable[r]],
    )
    rng = planted.rng.child("intervals")
    of_attack = {one.name: one for one in found}
    ranked = {
        one.name: rankings(planted, candidates, one.scores, rng.child(one.name)) for one in found
    }
    scores = of_attack[attack].scores
    bound_at = partial(
        audited,
        planted,
        candidates,
        scores,
        delta=asked.delta,
        noise=asked.noise,
        guesses=asked.guesses,
    )
    bound = bound_at(level=LEVEL)
    everyone = ranked[attack].get(EVERYONE)
    judged: str = verdict(bound, asked.claimed_epsilon)
    if (
        judged in ("consistent", "nothing claimed")
        and everyone is not None
        and everyone.auc.high < 0.5
    ):
        judged = INVERTED
    number = 0
    if planted.design == "one_run":
        number = answers.look(_look(roles, of_attack[attack], asked, bound, judged))
    looks = tuple(answers.looks)
    canaries = [c for c in candidates if c.kind == "canary"]
    texts = {
        c.id: text
        for c in candidates
        if (text := answers.text(Question(MODEL, c.id, "transcript"))) is not None
    }
    probed, unread = _probed(planted, candidates, roles, answers)
    result = Result(
        overheard=metadata.version("overheard"),
        planted=planted.digest,
        unit=planted.unit,
        candidates=len(planted.candidates),
        asked=len(candidates),
        model=_who(roles[MODEL]),
        base=_who(roles[BASE]) if BASE in roles else None,
        references=tuple(_who(w) for role, w in roles.items() if role.startswith(REFERENCE)),
        answers=len(answers.values),
        failures=dict(Counter(map(_kind_of, answers.failures.values())).most_common()),
        empty=sum(not plain(text) for text in texts.values()),
        wer=_wer(candidates, texts, planted),
        delta=asked.delta,
        noise=asked.noise,
        claimed_epsilon=asked.claimed_epsilon,
        attack=attack,
        bound=bound,
        verdict=judged,
        rankings=ranked,
        how={one.name: one.how for one in found},
        canaries=tuple(table(canaries, answers, others)),
        written=tuple(transcripts(canaries, answers)),
        worst=_worst(candidates, of_attack[attack]),
        absent=absent | _lacking(roles[MODEL], canaries, stimuli, asked.draws) | unread,
        blind=blind_baseline(
            planted,
            candidates,
            {one.name: one.scores for one in found},
            planted.rng.child("blind baseline"),
        ),
        design=planted.design,
        untargeted=untargeted(planted, stimuli, answers, asked.draws, base=BASE in roles),
        draws=drawn(canaries, answers, asked.draws),
        probes=probed,
        exposure=exposure_once(canaries, answers, others),
        looks=looks,
        look=number,
        together=bound_at(level=1 - (1 - LEVEL) / len(looks)) if len(looks) > 1 else bound,
        name=shown(roles[MODEL].name),
    )
    return replace(result, advice=advice(result))


def _look(
    roles: Mapping[str, OutsideRecogniser],
    attack: Scored,
    asked: Asked,
    bound: Estimate,
    judged: str,
) -> Look:
    return Look(
        made=datetime.now(UTC).date().isoformat(),
        attack=attack.name,
        base=shown(roles[BASE].name) if BASE in roles else None,
        references=tuple(shown(w.name) for r, w in roles.items() if r.startswith(REFERENCE)),
        asked=len(attack.scores),
        answered=sum(score is not None for score in attack.scores.values()),
        noise=asked.noise,
        delta=asked.delta,
        claimed_epsilon=asked.claimed_epsilon,
        scores=digest_of(attack.scores),
        bound=bound,
        verdict=judged,
    )


def _kind_of(reason: str) -> str:
    """Return a reason without the length of the one utterance that it was about."""
    return re.sub(r"an utterance of [\d.]+ s", "an utterance", reason)


def _who(recogniser: OutsideRecogniser) -> Who:
    return Who(recogniser.name, recogniser.kind, recogniser.digest, dict(recogniser.cannot.items()))


def _wer(
    candidates: Sequence[Candidate], texts: dict[str, str], planted: Planted
) -> dict[str, Estimate]:
    """Return the word error rate on the corpus's own speech, trained on and held out."""
    sides = {}
    for name, member in ((MEMBERS, True), (HELD_OUT, False)):
        counts: WordErrors = {}
        for c in candidates:
            if c.member == member and c.kind == "utterance" and c.id in texts:
                errors = word_errors(plain(c.text), plain(texts[c.id]))
                counts.setdefault(c.speaker, {})[c.id] = errors
        sides[name] = rate_of(counts, planted.rng.child("word error rate", name))
    return sides


def _worst(candidates: Sequence[Candidate], attack: Scored) -> tuple[str, ...]:
    """Return the ids of the members that an attack is surest of."""
    members = [
        (-s, c.id) for c in candidates if c.member and (s := attack.scores[c.id]) is not None
    ]
    return tuple(name for _, name in sorted(members)[:WORST])


def _probed(
    planted: Planted,
    candidates: Sequence[Candidate],
    roles: Mapping[str, OutsideRecogniser],
    answers: Answers,
) -> tuple[tuple[Probe, ...], dict[str, str]]:
    """Return what is read off the states of the model, or why nothing is."""
    reason = why_no_states(roles[MODEL])
    base = BASE in roles and why_no_states(roles[BASE]) is None
    if reason is None and not base and planted.design == "observational":
        reason = "two lists may differ by themselves: give a --base whose states are shown"
    found: tuple[Probe, ...] = ()
    if reason is None:
        found = probes(candidates, answers, planted.rng.child("probes"), base=base)
        reason = "too few speakers on a side"
    return found, {} if found else {"what its states say of speakers": reason}


def _lacking(
    model: OutsideRecogniser,
    canaries: Sequence[Candidate],
    stimuli: Sequence[Stimulus],
    draws: int,
) -> dict[str, str]:
    lacks = {}
    if not can(model, "log_likelihood"):
        lacks["exposure of canaries"] = model.cannot["log_likelihood"]
        why = why_no_draws(model) or (None if draws else "it was not asked for any (--draws 0)")
        if why is not None:
            lacks["secrets within many draws"] = why
    if not stimuli:
        lacks["what it writes when nobody speaks"] = "it was not asked (--no-stimuli)"
    if not canaries:
        lacks["canaries"] = "none were planted, or none are among those asked about"
    return lacks
