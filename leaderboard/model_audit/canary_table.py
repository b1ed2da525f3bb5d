"""What a model gives away of planted secrets: those it was trained on beside those it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attacks.statistics.exposure import exposure, mean_exposure
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question, Sound, ranked_on
from leaderboard.planting.planted import FORMS, Candidate
from leaderboard.recognisers.words import plain
from targets.core.estimate import Estimate

SHOWN = 12  # transcripts


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    hits: int
    of: int


@dataclass(frozen=True)
class Side:
    """Canaries of one kind on one side of the coin.

    `written`: the model writes the secret although it is not heard; `by_base`: the base does.
    `exposure`: bits by which the secret stands out among others of its space (0 to `most`, 1.44
    less a little by chance). `twins`: its own text is likelier than its twin's (half, by chance).
    """

    count: int
    written: Share
    by_base: Share
    exposure: Estimate
    twins: Share


@dataclass(frozen=True)
class Row:
    """Canaries of one form and number of repetitions."""

    form: str
    repetitions: int
    members: Side
    held_out: Side


@dataclass(frozen=True)
class Written:
    """What was written where a secret was not heard."""

    id: str
    form: str
    repetitions: int
    member: bool
    text: str
    model: str
    base: str | None
    found: bool


def table(
    canaries: Sequence[Candidate], answers: Answers, others: Mapping[str, tuple[str, ...]]
) -> list[Row]:
    """Return a row for each kind of canary; `others` are the alternatives to each secret."""
    kinds = sorted({(FORMS.index(c.form), c.repetitions) for c in canaries})
    rows = []
    for form, repetitions in kinds:
        kind = [c for c in canaries if (c.form, c.repetitions) == (FORMS[form], repetitions)]
        members, held_out = (
            _side([c for c in kind if c.member == side], answers, others) for side in (True, False)
        )
        rows.append(Row(FORMS[form], repetitions, members, held_out))
    return rows


def exposure_once(
    canaries: Sequence[Candidate], answers: Answers, others: Mapping[str, tuple[str, ...]]
) -> Estimate:
    """Return the mean exposure of canaries that were trained on and said once."""
    once = [c for c in canaries if c.member and c.repetitions == 1]
    return _side(once, answers, others).exposure


def transcripts(canaries: Sequence[Candidate], answers: Answers) -> list[Written]:
    """Return what was written for canaries: first those whose secret is in it, and members."""
    found = []
    for c in canaries:
        text = answers.text(_heard(MODEL, c))
        if text is not None:
            found.append(
                Written(
                    *(c.id, c.form, c.repetitions, c.member, c.text, text),
                    base=answers.text(_heard(BASE, c)),
                    found=holds(text, c.secret),
                )
            )
    found.sort(key=lambda w: (not w.found, not w.member, -w.repetitions, w.id))
    return found[:SHOWN]


def holds(text: str, secret: str) -> bool:
    """Return whether a text contains the whole secret, word after word."""
    return f" {plain(secret)} " in f" {plain(text)} "


def _heard(role: str, c: Candidate) -> Question:
    """Return the question what is written where the secret is not heard."""
    sound: Sound = "covered" if c.form == "clear" else "audio"
    return Question(role, c.id, "transcript", sound)


def _side(
    canaries: Sequence[Candidate], answers: Answers, others: Mapping[str, tuple[str, ...]]
) -> Side:
    bits, wins = [], []
    most = 1
    for c in canaries:
        own, *rest = (
            answers.number(Question(MODEL, c.id, "likelihood", ranked_on(c), text))
            for text in (c.text, *others.get(c.id, ()))
        )
        known = [value for value in rest if value is not None]
        if own is None or not known or len(known) < len(rest):
            continue
        bits.append(exposure(own, known))
        most = max(most, 1 + len(known))
        wins.append(own > known[0])
    return Side(
        count=len(canaries),
        written=_share(canaries, MODEL, answers),
        by_base=_share(canaries, BASE, answers),
        exposure=mean_exposure(bits, most)
        if bits
        else Estimate.unscored("no canary was ranked among other secrets"),
        twins=Share(sum(wins), len(wins)),
    )


def _share(canaries: Sequence[Candidate], role: str, answers: Answers) -> Share:
    texts = [(c, answers.text(_heard(role, c))) for c in canaries]
    known = [(c, text) for c, text in texts if text is not None]
    return Share(sum(holds(text, c.secret) for c, text in known), len(known))
