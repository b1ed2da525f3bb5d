"""Reads a model of `transformers`, its processor and an adapter: no code of theirs, no pickle."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from leaderboard.recognisers.base import Opening, RecogniserError
from leaderboard.recognisers.hf.folder import (
    ADAPTER,
    ADAPTER_WEIGHTS,
    digest_of_folders,
    first_line,
    folder_of,
    model_type,
    not_installed,
)
from leaderboard.recognisers.identity import digest_as_opened
from targets.models.whisper.checkpoint import read_json
from targets.speech.utterance import Samples

# The library's classes that write transcripts, and the tables of what is read by each.
CLASSES: Mapping[str, tuple[str, str]] = {
    "ctc": ("AutoModelForCTC", "MODEL_FOR_CTC_MAPPING_NAMES"),
    "rnnt": ("AutoModelForRNNT", "MODEL_FOR_RNNT_MAPPING_NAMES"),
    "tdt": ("AutoModelForTDT", "MODEL_FOR_TDT_MAPPING_NAMES"),
    "seq2seq": ("AutoModelForSpeechSeq2Seq", "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES"),
}
# Of the last those that are told a prompt in labels and then write the transcript; others are
# language models that are spoken to.
SEQ2SEQ = (
    "canary",
    "cohere_asr",
    "moonshine",
    "moonshine_streaming",
    "speech-encoder-decoder",
    "speech_to_text",
    "whisper",
)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model, frozen but for its gradients, and what turns audio and text into its numbers.

    `folder` is the model's own; `digest` covers the adapter too, the device, and the language
    of a model that is told one.
    """

    model: Any
    processor: Any
    kind: str
    folder: Path
    digest: str
    device: torch.device

    @property
    def tokenizer(self) -> Any:
        """What makes labels of text, and text of labels."""
        return self.processor.tokenizer

    @property
    def rate(self) -> int:
        """The rate in Hz at which it hears."""
        return int(self.processor.feature_extractor.sampling_rate)

    def heard(self, audio: Samples, **told: str) -> Any:
        """Return what the model is given of audio (S,) at its rate; `told` goes with it."""
        return self.processor(audio, sampling_rate=self.rate, return_tensors="pt", **told)


def load(place: str, opening: Opening) -> Loaded:
    """Return the model in a folder or in the local cache, with its processor and any adapter.

    Raises:
        RecogniserError: it cannot be read; says of what, and what to do.
    """
    folder = folder_of(place)
    adapter = opening.adapter
    if adapter is None and (folder / ADAPTER).exists():
        adapter, folder = folder, _base_of(folder)
    kind_of_model = model_type(folder)
    kind = kind_of(folder, kind_of_model)
    model, processor = _read(folder, kind, adapter)
    model = model.requires_grad_(True)
    if adapter is not None:
        model = _adapted(model, adapter)
    model = model.eval()  # last: a trainable adapter comes with its dropout on
    device = torch.device(opening.device)
    folders = (folder,) if adapter is None else (folder, adapter)
    digest = digest_as_opened(digest_of_folders(*folders), opening, language=kind == "seq2seq")
    return Loaded(model.to(device), processor, kind, folder, digest, device)


def kind_of(folder: Path, kind_of_model: str) -> str:
    """Return which of `CLASSES` reads a model.

    Raises:
        RecogniserError: none does.
    """
    try:
        from transformers.models.auto import modeling_auto
    except ImportError:
        raise not_installed() from None
    for kind, (_, table) in CLASSES.items():
        if kind_of_model in getattr(modeling_auto, table, {}) and (
            kind != "seq2seq" or kind_of_model in SEQ2SEQ
        ):
            return kind
    raise RecogniserError(
        f"{folder}: a {kind_of_model!r} is no recogniser that is known here (CTC, RNN-T, TDT and "
        f"{', '.join(SEQ2SEQ)} are); write a class around it: overheard new model mine.py"
    )


def _read(folder: Path, kind: str, adapter: Path | None) -> tuple[Any, Any]:
    try:
        import transformers
        from transformers.utils import logging
    except ImportError:
        raise not_installed() from None
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    safe = {"local_files_only": True, "trust_remote_code": False}
    read = getattr(transformers, CLASSES[kind][0])
    try:
        with torch.device("cpu"):
            model, about = read.from_pretrained(
                folder,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **safe,
            )
    except Exception as error:  # of another library, at files that anyone may have written
        raise RecogniserError(
            f"{folder}: transformers cannot read it: {first_line(error)}"
        ) from None
    missing = sorted(about["missing_keys"])
    if missing:
        raise RecogniserError(
            f"{folder}: its weights lack {missing[0]} and {len(missing) - 1} more, so that it "
            f"writes nothing yet: give a model that was trained to transcribe"
        )
    for place in (folder, adapter):  # a processor may be saved beside an adapter alone
        if place is None:
            continue
        try:
            processor = transformers.AutoProcessor.from_pretrained(place, **safe)
        except Exception as error:
            reason = first_line(error)
            continue
        if hasattr(processor, "tokenizer") and hasattr(processor, "feature_extractor"):
            return model, processor
        reason = f"only a {type(processor).__name__} is there"
    raise RecogniserError(
        f"{folder}: has no processor (feature extractor and tokenizer): save it there with "
        f"processor.save_pretrained(folder) ({reason})"
    )


def _base_of(adapter: Path) -> Path:
    """Return the folder of the model that an adapter says it belongs to."""
    base = read_json(adapter / ADAPTER).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise RecogniserError(
            f"{adapter / ADAPTER}: names no base_model_name_or_path; give the model as hf:FOLDER "
            f"and this folder as its adapter"
        )
    beside = adapter / base
    return beside if beside.is_dir() else folder_of(base)


def _adapted(model: Any, adapter: Path) -> Any:
    """Return a model with an adapter in it; only the adapter's weights have gradients."""
    if not (adapter / ADAPTER).exists():
        raise RecogniserError(f"{adapter}: has no {ADAPTER}: not an adapter of peft")
    if not (adapter / ADAPTER_WEIGHTS).exists():
        raise RecogniserError(
            f"{adapter}: has no {ADAPTER_WEIGHTS}; weights are read as safetensors only"
        )
    try:
        from peft import PeftModel
    except ImportError:
        raise RecogniserError(
            f"{adapter}: is an adapter, and the library peft is not installed: pip install peft"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # between the two libraries
            return PeftModel.from_pretrained(
                model, adapter, is_trainable=True, torch_device="cpu"
            ).get_base_model()
    except Exception as error:
        raise RecogniserError(f"{adapter}: peft cannot read it: {first_line(error)}") from None
