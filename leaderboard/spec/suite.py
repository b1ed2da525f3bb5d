"""A suite: what is trained, under which schemes, and how it is attacked, read from a TOML file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.registry import Registry
from targets.models.registry import TARGETS

SUBMISSION = "submission"  # the scheme of a cell that nobody here wrote
Scalar = bool | int | float | str

DEVICE = r"^(auto|cpu|cuda|cuda:[0-9]+|mps)$"
NAME = r"^[a-z0-9][a-z0-9._-]*$"  # names become file names
FOLDER = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Phrases = Literal["commands", "spelled"]
MADE_TO_ORDER = ("channel", "accents", "personal", "phrases")  # keys of embedded speech alone

Take = Literal["first", "drawn"]

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class SuiteError(OverheardError):
    """A mistake in a suite file: one line a mistake, naming the file and the key."""


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # Not `min_length`: that would also complain of every list whose items are wrong.
    if not values:
        raise ValueError("is empty")
    return values


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("holds the same value twice")
    return values


def _known(name: str, registry: Registry[Any]) -> str:
    if name not in registry:
        raise ValueError(
            f"no such {registry.kind}: '{name}' (known: {', '.join(registry.names())})"
        )
    return name


Accent = Literal["en-US", "en", "en-GB-x-rp", "en-US-nyc"]  # of the embedded voices
# A suite names what is installed here; a record may tell of a package that is not.
Name = Annotated[str, Field(pattern=NAME)]
Target = Annotated[Name, AfterValidator(lambda name: _known(name, TARGETS))]
SchemeName = Annotated[Name, AfterValidator(lambda name: _known(name, SCHEMES))]


T = TypeVar("T")
Set = Annotated[tuple[T, ...], AfterValidator(_some), AfterValidator(_distinct)]


class Frozen(BaseModel):
    """Immutable, and no key but those it knows; numbers are not guessed from words."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _without_defaults(
    model: Frozen, content: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Return the content of a model without those keys that have their default.

    Such keys were added later: what was made before them keeps its digest.
    """
    return {
        key: value
        for key, value in content.items()
        if key not in names or getattr(model, key) != type(model).model_fields[key].default
    }


class Options(Frozen):
    """A name from a fixed list and the scalars passed to what it names."""

    options: dict[str, Any] = {}
    """What is passed by name: scalars only."""

    @field_validator("options")
    @classmethod
    def _scalars(cls, options: dict[str, Any]) -> dict[str, Scalar]:
        for key, value in options.items():
            if not isinstance(value, Scalar):
                raise ValueError(f"'{key}' should be a number, a word, true or false")
        return options


class Speech(Frozen):
    """Where the speech of one split comes from, and how much of it is taken.

    Absent numbers mean all there is; the embedded corpus is made to order and needs them.
    """

    source: str = Field(pattern=FOLDER)
    """A folder under the data folder, or "embedded" for speech that is made to order."""
    split: str | None = None
    """Which split of that folder; null takes all."""
    speakers: Count | None = None
    """How many speakers."""
    utterances: Count | None = None
    """How many utterances."""
    max_seconds: Positive | None = None
    """Longer utterances are left out."""
    transcribed: Annotated[int, Field(ge=0)] | None = None
    """Of public speech so many keep their transcripts, the rest is audio alone."""
    take: Annotated[Take, Field(exclude_if=lambda take: take == "first")] = "first"
    """Of real speech: whether so many are drawn, the same for all seeds and with its share of every
    speaker ("drawn"; a suite that says nothing means this), or are the first of them ("first";
    a record that says nothing means this, and so does embedded speech)."""
    channel: Literal["microphone", "telephone"] = "microphone"
    """How embedded speech is heard."""
    accents: Annotated[tuple[Accent, ...], AfterValidator(_distinct)] = ()
    """Of embedded voices those with these accents are taken; none named takes all."""
    personal: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of embedded phrases with personal slots; null takes two in three."""
    phrases: Phrases = "commands"
    """What embedded voices say: commands and personal sentences, or spelled names, codes, numbers
    and dates ("spelled")."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return _without_defaults(self, dump(self), MADE_TO_ORDER)

    @model_validator(mode="after")
    def _embedded_is_made_to_order(self) -> Speech:
        if self.source == "embedded":
            if self.speakers is None or self.utterances is None:
                raise ValueError("source 'embedded' needs 'speakers' and 'utterances'")
            if self.split is not None:
                raise ValueError("source 'embedded' has no 'split'")
            if self.take != "first":
                raise ValueError("source 'embedded' is made to order: leave out 'take'")
            return self
        for key in MADE_TO_ORDER:
            if getattr(self, key) != Speech.model_fields[key].default:
                raise ValueError(f"'{key}' is for source 'embedded' only")
        return self


class Splits(Frozen):
    """The disjoint groups of speakers of a game."""

    public: Speech
    """What everyone has: speech that training starts from."""
    untranscribed: Speech | None = None
    """More of what everyone has, as audio alone: it may be of another kind than `public`."""
    private: Speech
    """What is to be protected: the candidates."""
    test: Speech
    """What judges the word error rate."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return _without_defaults(self, dump(self), ("untranscribed",))

    @model_validator(mode="after")
    def _only_the_public_may_be_without_words(self) -> Splits:
        others = self.private, self.test, self.untranscribed
        if any(one is not None and one.transcribed is not None for one in others):
            raise ValueError("'transcribed' is for the public speech only")
        return self

    @property
    def named(self) -> dict[str, Speech]:
        """The groups by name; embedded voices are dealt out in this order."""
        every = ("public", "untranscribed", "private", "test")
        return {name: one for name in every if (one := getattr(self, name)) is not None}


class Canaries(Frozen):
    """Spoken secrets that join the private candidates.

    Kinds are dealt out in turn, like the digits of a counter: repetitions turn fastest, then
    templates, speeds, audio. A count that is a multiple of all combinations fills all of them.
    """

    count: int = Field(ge=0)
    """How many."""
    template: str = "pin"
    """The sentence that holds the secret."""
    more_templates: Annotated[tuple[str, ...], AfterValidator(_distinct)] = ()
    """Further sentences."""
    repetitions: Annotated[tuple[Count, ...], AfterValidator(_some)] = (1,)
    """How many times it is said in an epoch."""
    speeds: Set[Positive] = (1.0,)
    """How fast it is said, relative to the voice's usual pace."""
    audio: Set[Literal["clear", "obscured"]] = ("clear",)
    """Whether the recording lets the secret be heard, or has noise there; both state it."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return _without_defaults(self, dump(self), ("more_templates", "speeds", "audio"))

    @property
    def templates(self) -> tuple[str, ...]:
        """The sentences."""
        return (self.template, *self.more_templates)


class Training(Frozen):
    """How the target is built and trained, the same for every scheme of the suite."""

    public_epochs: int = Field(ge=0)
    """Passes over the public speech, before any private speech is seen."""
    epochs: Count
    """Passes over the private speech."""
    batch_size: Count
    """Utterances a step."""
    learning_rate: Positive
    """Of training on private speech."""
    public_learning_rate: Positive | None = None
    """Of training on public speech; null takes the same."""
    channels: Count = 64
    """Width of the convolutions."""
    hidden: Count = 128
    """Width of the recurrent layers."""
    self_training: Annotated[int, Field(ge=0)] = 0
    """Rounds in which the public start teaches itself the untranscribed public speech."""
    checkpoint: str | None = Field(default=None, pattern=FOLDER)
    """A folder under the data folder, with the pretrained recogniser that targets begin at."""
    adapter_rank: Count | None = None
    """Rank of the adapters that are trained of a pretrained target; null takes the target's."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        names = ("self_training", "checkpoint", "adapter_rank")
        return _without_defaults(self, dump(self), names)


class Scheme(Options):
    """A defense and the ε values asked of it; `label` tells two settings of one scheme apart."""

    name: SchemeName
    label: str | None = Field(default=None, pattern=NAME)
    epsilon: Set[Positive] | None = None

    @model_validator(mode="after")
    def _epsilon_where_it_means_something(self) -> Scheme:
        takes_epsilon = SCHEMES[self.name].takes_epsilon
        if not takes_epsilon and self.epsilon is not None:
            raise ValueError(f"scheme '{self.name}' takes no 'epsilon'")
        if takes_epsilon and self.epsilon is None:
            raise ValueError(f"scheme '{self.name}' needs 'epsilon', a list of numbers")
        return self


class AttackChoice(Options):
    """An attack that every cell of the suite undergoes."""

    name: Name
    """Which attack."""


Side = Literal["both", "members", "held-out"]  # whom an audit guesses


class Audit(Frozen):
    """What bounds ε, fixed before any score is seen, so that it has the whole level to itself."""

    attack: Name
    """The one attack, of those of the suite."""
    guesses: Annotated[float, Field(gt=0, le=1)] | None = None
    """The share of the candidates to guess on. Null chooses it on the reference models that the
    attack compares with, each as the target of the others, or takes a half where it compares with
    none."""
    side: Side = "both"
    """Whom to guess: as many members as held-out candidates, or one side alone. A loss that stays
    high says "held out" more surely than a low one says "member": some speech is easy anyway."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return _without_defaults(self, dump(self), ("side",))


class Conditions(Frozen):
    """What all cells of a suite share; cells stay comparable under other attacks or audits."""

    tokens: Literal["characters", "subwords", "checkpoint"] = "characters"
    """What the target writes; of a pretrained one, the labels of its checkpoint."""
    unit: Literal["utterance", "speaker"] = "utterance"
    """What a coin is tossed for, and so whose membership is attacked and audited."""
    delta: Annotated[float, Field(gt=0, lt=1)] | None = None
    """δ that every scheme is priced at; null derives it from the number of candidates."""
    speech: Splits
    """Whose speech."""
    canaries: Canaries = Canaries(count=0)
    """Spoken secrets."""
    training: Training
    """How every target is built and trained."""
    attacks: Annotated[tuple[AttackChoice, ...], AfterValidator(_some)]
    """What every target undergoes."""
    audit: Audit | None = None
    """What bounds ε; null shares the level among all attacks that are made for it."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return _without_defaults(self, dump(self), ("unit", "audit"))

    @field_validator("attacks")
    @classmethod
    def _each_attack_once(cls, attacks: tuple[AttackChoice, ...]) -> tuple[AttackChoice, ...]:
        _distinct(tuple(attack.name for attack in attacks))
        return attacks

    @model_validator(mode="after")
    def _secrets_for_the_canary_attack(self) -> Conditions:
        wanting = [
            a.name for a in self.attacks if a.name in ATTACKS and ATTACKS[a.name].needs_canaries
        ]
        if self.canaries.count == 0 and wanting:
            raise ValueError(f"attack '{wanting[0]}' needs [canaries] with a 'count' above 0")
        return self

    @model_validator(mode="after")
    def _an_audit_by_an_attack_of_the_suite(self) -> Conditions:
        if self.audit is None:
            return self
        name = self.audit.attack
        own = [a.name for a in self.attacks]
        if name not in own:
            raise ValueError(f"audit.attack: '{name}' is none of the suite's: {', '.join(own)}")
        if name in ATTACKS and ATTACKS[name].family != "membership":
            raise ValueError(f"audit.attack: '{name}' does not tell members: use a membership one")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of what comparable cells share: everything but the attacks and the audit."""
        return digest_of(self.model_dump(mode="json", exclude={"attacks", "audit"}))


class Cell(Frozen):
    """One entry of the grid: a target trained under one scheme at one ε with one seed."""

    suite: str = Field(pattern=NAME)
    """Name of the suite."""
    conditions: Conditions
    """What all cells of the suite share."""
    target: Name
    """Which recogniser."""
    scheme: Name
    """Which scheme protects it; `submission` is one that was submitted: see `options`."""
    label: str = Field(pattern=NAME)
    """What the row is called: tells two settings of one scheme apart."""
    epsilon: Positive | None
    """ε asked for; null asks for none."""
    options: dict[str, Any]
    """Public hyperparameters of the scheme."""
    seed: int = Field(ge=0)
    """Where all random numbers come from."""

    @property
    def id(self) -> str:
        """A readable name, unique within the suite, fit for a file name."""
        promise = "" if self.epsilon is None else f"-eps{self.epsilon:g}"
        return f"{self.target}-{self.label}{promise}-seed{self.seed}"

    @property
    def spec(self) -> dict[str, Any]:
        """Everything that determines the outcome; the names of suite and row do not."""
        return self.model_dump(mode="json", exclude={"suite", "label"})

    @property
    def digest(self) -> str:
        """SHA-256 of the spec."""
        return digest_of(self.spec)

    @property
    def training_digest(self) -> str:
        """SHA-256 of what determines the weights: the spec without attacks and audit."""
        spec = self.spec
        del spec["conditions"]["attacks"]
        spec["conditions"].pop("audit", None)
        return digest_of(spec)


class Suite(Conditions):
    """A grid of targets, schemes, ε values and seeds under common conditions."""

    name: str = Field(pattern=NAME)
    description: str
    device: str = Field(default="cpu", pattern=DEVICE)
    """What tensors are made on: cpu, cuda, cuda:N, mps, or auto for an accelerator if there is one.
    Whatever it is, cells stay comparable: it is no condition of theirs."""
    audit_mechanisms: bool = False
    """Whether the mechanism of each scheme is audited at each ε, by canaries made for it: seconds
    each. It is no condition of the cells either."""
    seeds: Set[Annotated[int, Field(ge=0)]]
    more_seeds: dict[Target, Set[Annotated[int, Field(ge=0)]]] = {}
    """Further seeds of single targets, where all seeds of all would take too long."""
    targets: Set[Target]
    schemes: Annotated[tuple[Scheme, ...], AfterValidator(_some)]
    _file: str = PrivateAttr(default="suite")

    @field_validator("attacks")
    @classmethod
    def _attacks_that_there_are(cls, attacks: tuple[AttackChoice, ...]) -> tuple[AttackChoice, ...]:
        for attack in attacks:
            _known(attack.name, ATTACKS)
        return attacks

    @field_validator("schemes")
    @classmethod
    def _rows_can_be_told_apart(cls, schemes: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
        labels = [scheme.label or scheme.name for scheme in schemes]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"'{label}' appears twice: give each its own 'label'")
        return schemes

    @model_validator(mode="after")
    def _nothing_is_left_out_of_what_is_made_to_order(self) -> Suite:
        # Not of every `Speech`: records tell of suites from when the key was passed over.
        for name in ("public", "private", "test"):
            speech: Speech = getattr(self.speech, name)
            if speech.source == "embedded" and speech.max_seconds is not None:
                raise ValueError(
                    f"speech.{name}.max_seconds: source 'embedded' is made to order; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _a_student_for_who_begins_there(self) -> Suite:
        wanting = [s.name for s in self.schemes if SCHEMES[s.name].begins_self_trained]
        if wanting and not self.training.self_training:
            # It would be another scheme under another name.
            raise ValueError(f"scheme '{wanting[0]}' needs 'self_training' above 0")
        return self

    @model_validator(mode="after")
    def _a_checkpoint_for_who_begins_there(self) -> Suite:
        pretrained = {name: TARGETS[name].pretrained for name in self.targets}
        if not any(pretrained.values()):
            if self.training.checkpoint is not None or self.tokens == "checkpoint":
                raise ValueError(
                    f"training.checkpoint: target '{self.targets[0]}' begins at none; leave it and "
                    f"tokens = 'checkpoint' out"
                )
            return self
        if not all(pretrained.values()):
            names = ", ".join(name for name, begins in pretrained.items() if not begins)
            raise ValueError(f"targets: pretrained ones have a suite of their own, without {names}")
        if self.training.checkpoint is None:
            raise ValueError(
                f"target '{self.targets[0]}' needs 'training.checkpoint', a folder under the data "
                f"folder"
            )
        if self.tokens != "checkpoint":
            raise ValueError(f"target '{self.targets[0]}' needs tokens = 'checkpoint'")
        return self

    @property
    def conditions(self) -> Conditions:
        """What all cells share."""
        return Conditions(**{name: getattr(self, name) for name in Conditions.model_fields})

    def cells(self) -> list[Cell]:
        """Return every cell: by target, then scheme, then ε, then seed."""
        conditions = self.conditions
        return [
            Cell(
                suite=self.name,
                conditions=conditions,
                target=target,
                scheme=scheme.name,
                label=scheme.label or scheme.name,
                epsilon=epsilon,
                options=scheme.options,
                seed=seed,
            )
            for target in self.targets
            for scheme in self.schemes
            for epsilon in scheme.epsilon or (None,)
            for seed in dict.fromkeys((*self.seeds, *self.more_seeds.get(target, ())))
        ]

    def mistake(self, key: str, problem: str) -> SuiteError:
        """Return an error about a key of this suite that only a later stage could see."""
        return SuiteError(f"{self._file}: {key}: {problem}")
