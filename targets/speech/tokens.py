"""Output labels: characters, or subwords learnt from public text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import sentencepiece

from targets.core.errors import OverheardError

BLANK = 0  # of CTC and RNN-T; start of sentence for every autoregressive part
ALPHABET = " 'abcdefghijklmnopqrstuvwxyz"
LABELS = {character: number for number, character in enumerate(ALPHABET, start=1)}


class Tokens(Protocol):
    """The labels that a target writes; label 0 is none of any text."""

    @property
    def size(self) -> int:
        """Number of labels, label 0 included."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the label numbers of a text."""
        ...

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of labels, its spaces single."""
        ...


@dataclass(frozen=True)
class Characters:
    """One label a character, of a fixed alphabet: nothing about it is learnt from data."""

    @property
    def size(self) -> int:
        """Number of labels, the blank included."""
        return len(ALPHABET) + 1

    def encode(self, text: str) -> list[int]:
        """Return the label numbers of `text`."""
        try:
            return [LABELS[c] for c in text]
        except KeyError:
            foreign = sorted(set(text) - set(ALPHABET))
            raise OverheardError(
                f"transcript {text!r} has characters outside a-z, apostrophe and space: {foreign}"
            ) from None

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of `labels`, with blanks dropped and spaces made single."""
        return " ".join("".join(ALPHABET[u - 1] for u in labels if u != BLANK).split())


@dataclass(frozen=True)
class Subwords:
    """Byte-pair labels by sentencepiece, learnt from public text only.

    `model` is sentencepiece's own serialised model (a protocol buffer, not a pickle).
    """

    model: bytes

    def __post_init__(self) -> None:
        processor = sentencepiece.SentencePieceProcessor(model_proto=self.model)
        object.__setattr__(self, "_processor", processor)

    @classmethod
    def learn(cls, public_texts: Sequence[str], size: int) -> Subwords:
        """Learn at most `size` labels, blank included, from public transcripts."""
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(public_texts),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            # Every letter gets a label, so that any private transcript can be written.
            required_chars=ALPHABET.strip(),
            character_coverage=1.0,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
        return cls(model.getvalue())

    @property
    def size(self) -> int:
        """Number of labels, the blank included (sentencepiece's unknown label is the blank)."""
        return self._processor.get_piece_size()  # type: ignore[attr-defined]

    def encode(self, text: str) -> list[int]:
        """Return the label numbers of `text`."""
        labels = self._processor.encode(text)  # type: ignore[attr-defined]
        if BLANK in labels:
            raise OverheardError(f"transcript {text!r} has characters outside the alphabet")
        return labels

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of `labels`, with blanks dropped and spaces made single."""
        kept = [int(u) for u in labels if u != BLANK]
        return " ".join(self._processor.decode(kept).split())  # type: ignore[attr-defined]
