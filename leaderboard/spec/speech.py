"""Whose speech: where that of each group of speakers comes from, and how much is taken."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from leaderboard.spec.clients import Clients
from leaderboard.spec.fields import FOLDER, Count, Frozen, Positive, distinct, without_defaults

Phrases = Literal["commands", "spelled"]
# Keys of embedded speech alone.
MADE_TO_ORDER = (
    "channel", "accents", "quota", "other_accent", "languages", "personal", "phrases",
)  # fmt: skip

Take = Literal["first", "drawn"]
Accent = Literal["en-US", "en", "en-GB-x-rp", "en-US-nyc"]  # of the embedded voices
OtherAccent = Literal["en-029", "en-GB-scotland", "en-GB-x-gbclan", "en-GB-x-gbcwmd"]
OtherLanguage = Literal["es", "de"]  # that embedded voices speak beside English


class Speech(Frozen):
    """Where the speech of one split comes from, and how much of it is taken.

    Absent numbers mean all there is; the embedded corpus is made to order and needs them.
    """

    source: str = Field(pattern=FOLDER)
    """A folder under the data folder, or "embedded" for speech that is made to order."""
    split: str | None = None
    """Which split of that folder; null takes all."""
    speakers: Count | None = None
    """How many speakers. Groups that come from the same folder and split are dealt out in the order
    public, untranscribed, private, test: one that says how many leaves the others to those after
    it."""
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
    clients: Annotated[Clients | None, Field(exclude_if=lambda clients: clients is None)] = None
    """Of private speech: the devices that take the place of speakers; null leaves each speaker one
    of their own."""
    channel: Literal["microphone", "telephone"] = "microphone"
    """How embedded speech is heard."""
    accents: Annotated[tuple[Accent, ...], AfterValidator(distinct)] = ()
    """Of embedded voices those with these accents are taken, beside those of `quota`; none named
    takes all."""
    quota: dict[Accent, Count] = Field(default={})
    """Of embedded voices so many have these accents: a minority of known size. The others are the
    next free voices with another accent, one of `accents` where that names some; a quota may be of
    an accent that `accents` leaves out."""
    other_accent: OtherAccent | None = None
    """An accent that no embedded voice has of its own, and that all of this group have: Caribbean
    (`en-029`), Scottish, of Lancashire (`gbclan`) or of the West Midlands (`gbcwmd`). Null leaves
    each its own. What schemes and attacks say themselves has the voices' own accent."""
    languages: dict[OtherLanguage, Count] = Field(default={})
    """Of embedded voices so many speak Spanish (`es`) or German (`de`), whatever their accent in
    English; the others speak English. Where this is given, a cohort is made of each language."""
    personal: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of embedded phrases with personal slots; null takes two in three."""
    phrases: Phrases = "commands"
    """What embedded voices say: commands and personal sentences, or spelled names, codes, numbers
    and dates ("spelled")."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return without_defaults(self, dump(self), MADE_TO_ORDER)

    @model_validator(mode="after")
    def _embedded_is_made_to_order(self) -> Speech:
        if self.source == "embedded":
            if self.speakers is None or self.utterances is None:
                raise ValueError("source 'embedded' needs 'speakers' and 'utterances'")
            if self.split is not None:
                raise ValueError("source 'embedded' has no 'split'")
            if self.take != "first":
                raise ValueError("source 'embedded' is made to order: leave out 'take'")
            if sum((*self.quota.values(), *self.languages.values())) > self.speakers:
                asks = "'quota' and 'languages' ask" if self.languages else "'quota' asks"
                raise ValueError(f"{asks} for more than the {self.speakers} 'speakers'")
            if self.other_accent and (self.accents or self.quota or self.languages):
                raise ValueError(
                    "'other_accent' is that of all: leave out 'accents', 'quota' and 'languages'"
                )
            if self.languages and self.phrases != "commands":
                raise ValueError(f"phrases '{self.phrases}' are English: leave out 'languages'")
            return self
        for key in MADE_TO_ORDER:
            if getattr(self, key) != Speech.model_fields[key].default:
                raise ValueError(f"'{key}' is for source 'embedded' only")
        return self

    def values_of(self, attribute: str) -> frozenset[str] | None:
        """Return what an attribute of a speaker may be, as far as the suite says; None if nowhere.

        It is public: no speech is looked at.
        """
        if self.source != "embedded":
            return None
        if attribute == "accent" and self.other_accent:
            return frozenset((self.other_accent,))
        if attribute == "accent":
            return frozenset((*(self.accents or get_args(Accent)), *self.quota))
        if attribute == "language" and self.languages:
            return frozenset(("en", *self.languages))
        return None


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
        return without_defaults(self, dump(self), ("untranscribed",))

    @model_validator(mode="after")
    def _only_the_public_may_be_without_words(self) -> Splits:
        others = self.private, self.test, self.untranscribed
        if any(one is not None and one.transcribed is not None for one in others):
            raise ValueError("'transcribed' is for the public speech only")
        return self

    @model_validator(mode="after")
    def _only_the_private_is_on_devices(self) -> Splits:
        others = self.public, self.test, self.untranscribed
        if any(one is not None and one.clients is not None for one in others):
            raise ValueError("'clients' is for the private speech only")
        return self

    @property
    def named(self) -> dict[str, Speech]:
        """The groups by name; embedded voices are dealt out in this order."""
        every = ("public", "untranscribed", "private", "test")
        return {name: one for name in every if (one := getattr(self, name)) is not None}
