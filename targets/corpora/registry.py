"""The layouts of real speech that are read, in the order in which a path is tried on them.

To read another layout, write one file with a `Reader` and add one line here; an installed package
adds its line through the entry-point group `overheard.corpora` and is asked last.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from targets.core.registry import Entry, Registry
from targets.corpora import entry as stated

_READERS = "targets.corpora.readers."


class Reader(Protocol):
    """What reads one layout. It is made without arguments and keeps nothing between calls."""

    def recognises(self, path: Path) -> bool:
        """Tell from names, or from the first line of a file, whether `path` has this layout."""
        ...

    def read(self, path: Path) -> Iterator[stated.Entry | stated.Problem]:
        """Yield every utterance that is stated, its audio unread, and every problem."""
        ...


CORPORA: Registry[Entry] = Registry(
    "corpus layout",
    "overheard.corpora",
    [
        Entry(
            name="manifest",
            path=_READERS + "manifest:Manifest",
            summary="a JSONL manifest or JSON array, also NeMo's; a folder with manifest.jsonl",
        ),
        Entry(
            name="nemo-tarred",
            path=_READERS + "nemo_tarred:NemoTarred",
            summary="NeMo's tarred data: a manifest with shard_id beside audio_N.tar",
        ),
        Entry(
            name="lhotse-shar",
            path=_READERS + "shar:Shar",
            summary="a Lhotse Shar folder: cuts.N.jsonl.gz beside recording.N.tar",
        ),
        Entry(
            name="lhotse",
            path=_READERS + "lhotse:Lhotse",
            summary="a Lhotse cut set, .jsonl or .jsonl.gz, or a folder with one",
        ),
        Entry(
            name="kaldi",
            path=_READERS + "kaldi:Kaldi",
            summary="Kaldi data: wav.scp, text, utt2spk, perhaps segments; no commands",
        ),
        Entry(
            name="common-voice",
            path=_READERS + "common_voice:CommonVoice",
            summary="Common Voice: train.tsv, dev.tsv, test.tsv or validated.tsv beside clips/",
        ),
        Entry(
            name="audio-folder",
            path=_READERS + "audio_folder:AudioFolder",
            summary="a Hugging Face audio folder: metadata.csv or .jsonl with file_name",
        ),
        Entry(
            name="saved-dataset",
            path=_READERS + "saved_dataset:SavedDataset",
            summary="a dataset of Hugging Face as save_to_disk leaves it: Arrow files, state.json",
        ),
        Entry(
            name="librispeech",
            path=_READERS + "librispeech:LibriSpeech",
            summary="LibriSpeech: SPEAKER/CHAPTER/*.flac beside *.trans.txt, or a part of it",
        ),
    ],
)
