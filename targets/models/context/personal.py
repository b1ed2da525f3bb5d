"""Decoding with a private list: the adapter, and whichever other kinds of biasing are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from targets.core.errors import OverheardError
from targets.models.context.boosting import PrefixBoost
from targets.models.context.ctc import ContextCTC
from targets.models.context.language_model import ClassBigrams, WordScores
from targets.models.context.lexicon import Lexicon
from targets.models.context.rescoring import PhoneticRescoring
from targets.models.context.variants import Respelled
from targets.models.recognizer import Recognizer, in_batches
from targets.nn.prefix_search import Bonus, Prefix, prefix_beam
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance

KINDS = ("adapter", "boosting", "class", "rescoring", "lexicon", "variants")


@dataclass(frozen=True)
class Personal:
    """What a recogniser writes for one user, whose list of words is `words`.

    `kinds` are of `KINDS`, none of them the recogniser as it is. `public` is the language model of
    public text; its words are those of the language, which no list changes; it is needed for
    "class" alone. `pronunciations` are those that the user knows of their words. `nats` is the
    bonus of a letter. The list is no part of what is printed.
    """

    words: Sequence[str] = field(repr=False)
    kinds: frozenset[str] = frozenset(KINDS)
    public: ClassBigrams | None = None
    pronunciations: Mapping[str, Sequence[str]] | None = field(default=None, repr=False)
    nats: float = 1.0
    width: int = 8

    def __post_init__(self) -> None:
        if unknown := sorted(self.kinds - set(KINDS)):
            raise OverheardError(f"biasing {', '.join(unknown)}: use some of {', '.join(KINDS)}")
        if "class" in self.kinds and self.public is None:
            raise OverheardError("biasing class: give the language model of public text, public")

    def hypotheses(
        self, recognizer: Recognizer, utterances: Sequence[Utterance]
    ) -> list[tuple[str, float]]:
        """Return the transcript of each utterance, and its log-probability with all bonuses.

        Raises:
            OverheardError: the target has no adapter, or its labels are no characters.
        """
        network = recognizer.network
        if not isinstance(network, ContextCTC) or recognizer.tokens != Characters():
            raise OverheardError("a private list needs the target ctc-context with characters")

        def decode(batch: Sequence[Utterance]) -> list[tuple[str, float]]:
            return self._decode(recognizer, network, batch)

        return in_batches(utterances, decode)

    def transcribe(self, recognizer: Recognizer, utterances: Sequence[Utterance]) -> list[str]:
        """Return the transcript of each utterance. See `hypotheses`."""
        return [text for text, _ in self.hypotheses(recognizer, utterances)]

    @torch.no_grad()
    def _decode(
        self, recognizer: Recognizer, network: ContextCTC, batch: Sequence[Utterance]
    ) -> list[tuple[str, float]]:
        listed = self.words if "adapter" in self.kinds else ()
        entries = [tuple(recognizer.tokens.encode(word)) for word in listed]
        features, counts = recognizer.logmel(batch)
        log_probs, counts = network.log_probabilities(features, counts, entries)
        rows = zip(log_probs.double().cpu(), counts.tolist(), strict=True)
        return [self.best(frames[:n]) for frames, n in rows]

    def best(self, frames: Tensor) -> tuple[str, float]:
        """Return the text that frame log-probabilities (T, V) of characters say, and its score."""
        tokens = Characters()
        bonuses, reached = self._bonuses
        labels, score = prefix_beam(frames, self.width, bonuses, reached)[0]
        return self._corrected(tokens.decode(labels), frames), score

    @cached_property  # one user has many utterances
    def _bonuses(self) -> tuple[list[Bonus], Callable[[Prefix], Sequence[int]] | None]:
        tokens = Characters()
        spellings: Sequence[str] = self.words
        if "variants" in self.kinds:
            spellings = self._respelled.spellings
        bonuses: list[Bonus] = []
        reached: Callable[[Prefix], Sequence[int]] | None = None
        if self.kinds & {"boosting", "variants"}:
            (space,) = tokens.encode(" ")
            entries = [tuple(tokens.encode(word)) for word in spellings]
            boost = PrefixBoost(entries, space, self.nats)
            bonuses.append(boost)
            reached = boost.reached
        if "class" in self.kinds and self.public is not None:
            bonuses.append(WordScores(self.public.with_list(spellings), tokens))
        return bonuses, reached

    def _corrected(self, text: str, frames: Tensor) -> str:
        if "variants" in self.kinds:
            text = self._respelled.corrected(text)
        if "lexicon" in self.kinds:
            text = Lexicon(self.words, self._known, self.pronunciations).corrected(text)
        if "rescoring" in self.kinds:
            text = PhoneticRescoring(self.words, self._known, self.nats).corrected(text, frames)
        return text

    @cached_property
    def _respelled(self) -> Respelled:
        return Respelled(self.words, self._known)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset() if self.public is None else frozenset(self.public.words)
