"""Spoken secrets to plant: what each says, what can be heard of it, and what it is held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attacks.canaries.canary import CANARY, SECRET, mask_secret
from leaderboard.planting.planted import Form
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import Samples, Utterance
from targets.synthetic.corpus import SpeechRequest, speak
from targets.synthetic.phrases import CANARIES, Template, distinct_fillings
from targets.synthetic.voices import voice_count

# Names that say how long the secret is, of templates that had theirs before there were several.
ALSO_CALLED = {"pin4": "pin"}

_EACH = 3  # fillings of a canary: its secret, its twin's, and what a mislabelled one says

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """Which canaries are planted: `count` of them, said by `voices` voices.

    Kinds are dealt out in turn: repetitions turn fastest, then templates, then forms.
    """

    count: int
    templates: tuple[str, ...]
    repetitions: tuple[int, ...]
    forms: tuple[Form, ...]
    voices: int

    def __post_init__(self) -> None:
        """Refuse what cannot be said.

        Raises:
            OverheardError: names the option, and what it may be.
        """
        known = {*CANARIES, *ALSO_CALLED}
        for name in self.templates:
            if name not in known:
                raise OverheardError(
                    f"--templates {name}: no such template (known: {', '.join(sorted(known))})"
                )
        if min(self.repetitions, default=0) < 1:
            raise OverheardError("--repetitions: give numbers from 1 on, such as 1,4,16")
        if not 1 <= self.voices <= voice_count():
            raise OverheardError(f"--voices {self.voices}: give 1 to {voice_count()}")
        for name, count in self.of_each().items():
            space = _template(name).space_size
            if _EACH * count > space:
                raise OverheardError(
                    f"--canaries {self.count}: {count} of them are of the template {name}, whose "
                    f"{space} secrets are enough for {space // _EACH} — plant fewer, or add "
                    "templates with more"
                )

    def kinds(self) -> list[_Kind]:
        """Return what each canary is like."""
        every = itertools.product(self.forms, self.templates, self.repetitions)
        return list(itertools.islice(itertools.cycle(_Kind(*k) for k in every), self.count))

    def of_each(self) -> dict[str, int]:
        """Return how many canaries of each template there are, by its own name."""
        names = [ALSO_CALLED.get(kind.template, kind.template) for kind in self.kinds()]
        return {name: names.count(name) for name in sorted(set(names))}


class _Kind(NamedTuple):
    form: Form
    template: str
    repetitions: int


@dataclass(frozen=True, eq=False)
class Spoken:
    """A canary before it has a coin and a name.

    `samples` are what is heard, `text` is what is said to be heard: with `secret` in it. `twin` is
    that text with another secret. `covered` is the recording with noise for the secret: None where
    another secret is heard, the same as `samples` where noise is. `heard` is what a mislabelled one
    says, "" of others.
    """

    voice: str
    gender: str
    template: str
    form: Form
    repetitions: int
    samples: Samples
    text: str
    secret: str
    twin: str
    covered: Samples | None
    heard: str


def spoken(wanted: Wanted, rng: Randomness, progress: Progress | None = None) -> list[Spoken]:
    """Return the canaries, each with a secret and a twin of its own, drawn from the whole space.

    No two canaries of a template share any filling, so that a canary and its twin are
    exchangeable before training. Nothing is kept in the cache: it would hold the secrets.

    Raises:
        SynthesisError: speech could not be made.
    """
    kinds = wanted.kinds()
    fillings = {
        name: iter(distinct_fillings(_template(name), _EACH * count, rng.child("secrets", name)))
        for name, count in wanted.of_each().items()
    }
    drawn = [
        list(itertools.islice(fillings[ALSO_CALLED.get(k.template, k.template)], _EACH))
        for k in kinds
    ]
    requests = [
        SpeechRequest(
            id=f"canary-{number:05d}",
            speaker_index=rng.child("voice", number).integer() % wanted.voices,
            text=_template(kind.template).fill(_heard(kind, secrets)),
            attributes={
                CANARY: _template(kind.template).name,
                SECRET: str(_heard(kind, secrets)),
            },
        )
        for number, (kind, secrets) in enumerate(zip(kinds, drawn, strict=True))
    ]
    said = speak(requests, seed=rng.integer(), cache=None, progress=progress) if requests else []
    return [
        _canary(kind, secrets, utterance, rng.child("noise", utterance.id))
        for kind, secrets, utterance in zip(kinds, drawn, said, strict=True)
    ]


def _heard(kind: _Kind, secrets: Sequence[int]) -> int:
    """Return the filling that is said aloud."""
    return secrets[2] if kind.form == "mislabelled" else secrets[0]


def _canary(kind: _Kind, secrets: Sequence[int], said: Utterance, rng: Randomness) -> Spoken:
    template = _template(kind.template)
    covered = None if kind.form == "mislabelled" else mask_secret(said, rng).samples
    return Spoken(
        voice=said.speaker,
        gender=said.attributes["gender"],
        template=template.name,
        form=kind.form,
        repetitions=kind.repetitions,
        samples=covered if covered is not None and kind.form == "obscured" else said.samples,
        text=template.fill(secrets[0]),
        secret=" ".join(template.secret_words(secrets[0])),
        twin=template.fill(secrets[1]),
        covered=covered,
        heard=template.fill(_heard(kind, secrets)) if kind.form == "mislabelled" else "",
    )


def _template(name: str) -> Template:
    return CANARIES[ALSO_CALLED.get(name, name)]
