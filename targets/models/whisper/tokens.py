"""Whisper's own labels: the byte pairs of its tokenizer, for texts of overheard's alphabet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from targets.models.whisper.checkpoint import check_folder, label_of, read_json, tokenizer_in
from targets.nn.search import END
from targets.speech.transcript import written_plainly


@dataclass(frozen=True)
class WhisperTokens:
    """The labels of the checkpoint in `folder`.

    Everywhere in overheard label 0 ends a text. Whisper has another number for its end, and text
    at 0: here the two have changed places.
    """

    folder: Path

    def __post_init__(self) -> None:
        """Refuse a folder that holds no Whisper.

        Raises:
            OverheardError: it is missing, or something in it.
        """
        check_folder(self.folder)

    @property
    def size(self) -> int:
        """Number of labels, the end included."""
        return int(read_json(self.folder / "config.json")["vocab_size"])

    def encode(self, text: str) -> list[int]:
        """Return the labels of a text; as Whisper writes it, the first word has a space before."""
        if not text:
            return []
        end = label_of(self.folder, "<|endoftext|>")
        found = tokenizer_in(self.folder).encode(f" {text}", add_special_tokens=False).ids
        return [exchanged(label, end) for label in found]

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of labels in overheard's alphabet, but for digits, which stay digits.

        A digit is one that was not spelled out as a transcript has to be: a wrong word.
        """
        end = label_of(self.folder, "<|endoftext|>")
        text = tokenizer_in(self.folder).decode(
            [exchanged(int(u), end) for u in labels if u != END], skip_special_tokens=True
        )
        return written_plainly(text)


def exchanged(label: int, end: int) -> int:
    """Return Whisper's number of a label of ours, or ours of Whisper's: 0 and the end change."""
    return {END: end, end: END}.get(label, label)
