"""A Whisper checkpoint in a folder of `transformers`: its weights, its prompt, how it hears.

The library `transformers` reads the folder; nothing is fetched, and no pickle is opened. What is
computed from the weights is in `layers`, `states` and `decoder`: the adapters have to be ours for
per-example gradients, and audio shorter than Whisper's 30 s costs less than 30 s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from targets.core.errors import OverheardError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in several files
FIRST_MULTILINGUAL = 51_865  # size of vocabulary from which a Whisper knows more than English

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A Whisper, frozen: nothing changes it, and all recognisers that begin at it share it.

    `weights` have the library's names below `model.`, `encoder.` and `decoder.` in front. `prompt`
    is what the decoder is given before it writes, `end` the label that ends a text; labels from
    `end` on are never part of one. `log_mel` makes frames (M, T) of samples. `digest` is of all
    that determines what it computes.
    """

    weights: Weights
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    longest_audio: int
    longest_text: int
    scale: float
    prompt: tuple[int, ...]
    end: int
    log_mel: Callable[[Any], Tensor]
    digest: str
    _moved: dict[torch.device, Weights] = field(default_factory=dict)

    def on(self, device: torch.device) -> Weights:
        """Return the weights on a device, moved once."""
        if device.type == "cpu":
            return self.weights
        if device not in self._moved:
            self._moved[device] = {name: w.to(device) for name, w in self.weights.items()}
        return self._moved[device]

    def __deepcopy__(self, memo: object) -> Checkpoint:
        return self  # a copy of a recogniser is a copy of what is trained


def load_checkpoint(folder: Path) -> Checkpoint:
    """Return the Whisper in a folder; one that has been read is not read again.

    Raises:
        OverheardError: the folder is missing, is no Whisper, has no weights as safetensors, or
            `transformers` is not installed.
    """
    check_folder(folder)
    names = ("config.json", "generation_config.json", "preprocessor_config.json", INDEX, WEIGHTS)
    files = [folder / name for name in (*names, "tokenizer.json")]
    # Anew where a file has changed since.
    state = tuple((f.stat().st_mtime_ns, f.stat().st_size) for f in files if f.exists())
    return _loaded(folder.resolve(), state)


def check_folder(folder: Path) -> None:
    """Raise OverheardError unless a folder looks like a Whisper with weights as safetensors."""
    if not folder.is_dir():
        raise OverheardError(
            f"{folder}: no such checkpoint; put it there, or name its parent folder with --data"
        )
    config = read_json(folder / "config.json")
    if config.get("model_type") != "whisper":
        raise OverheardError(
            f"{folder}: holds a {config.get('model_type')!r}, not a Whisper: its config.json says "
            f"so under model_type"
        )
    if not (folder / WEIGHTS).exists() and not (folder / INDEX).exists():
        raise OverheardError(
            f"{folder}: has no {WEIGHTS}; weights are read as safetensors only, never as pickle: "
            f"save the model again with save_pretrained(folder)"
        )


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of the checkpoint says.

    Raises:
        OverheardError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OverheardError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise OverheardError(f"{path}: is no JSON: {error}") from None


def label_of(folder: Path, name: str) -> int:
    """Return the number of a special label, such as <|endoftext|>.

    Raises:
        OverheardError: the checkpoint's tokenizer has no such label.
    """
    found = tokenizer_in(folder).token_to_id(name)
    if found is None:
        raise OverheardError(f"{folder / 'tokenizer.json'}: has no {name}: not Whisper's tokenizer")
    return found


def tokenizer_in(folder: Path) -> Any:
    """Return the tokenizer of a checkpoint.

    Raises:
        OverheardError: there is none, or `transformers` is not installed.
    """
    path = folder / "tokenizer.json"
    if not path.exists():
        raise OverheardError(f"{path}: missing; save the tokenizer there with save_pretrained()")
    return _tokenizer(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _tokenizer(path: Path, changed: int) -> Any:
    del changed
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise _not_installed() from None
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # of a parser in another language, which has no class of its own
        raise OverheardError(f"{path}: cannot be read: {error}") from None


@lru_cache(maxsize=2)
def _loaded(folder: Path, state: tuple[tuple[int, int], ...]) -> Checkpoint:
    del state
    try:
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
        from transformers.utils import logging
    except ImportError:
        raise _not_installed() from None
    logging.disable_progress_bar()
    try:
        with torch.device("cpu"):
            model = WhisperForConditionalGeneration.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            hears = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # of another library, at files that anyone may have written
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OverheardError(f"{folder}: transformers cannot read it: {reason}") from None
    config = model.config
    if config.activation_function != "gelu":
        raise OverheardError(f"{folder}: activation {config.activation_function!r} is not gelu")
    if config.encoder_attention_heads != config.decoder_attention_heads:
        raise OverheardError(f"{folder}: encoder and decoder have different numbers of heads")
    state_dict = model.state_dict()
    weights = {
        name.removeprefix("model."): weight.detach().contiguous()
        for name, weight in state_dict.items()
        if name.startswith("model.")
    }

    def log_mel(samples: Any) -> Tensor:
        found = hears(
            samples,
            sampling_rate=hears.sampling_rate,
            padding=False,
            truncation=False,
            return_tensors="pt",
        )
        return found.input_features[0]

    return Checkpoint(
        weights=weights,
        width=config.d_model,
        heads=config.decoder_attention_heads,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        vocabulary=config.vocab_size,
        longest_audio=config.max_source_positions,
        longest_text=config.max_target_positions,
        scale=config.d_model**0.5 if config.scale_embedding else 1.0,
        prompt=_prompt(folder, config.vocab_size),
        end=label_of(folder, "<|endoftext|>"),
        log_mel=log_mel,
        digest=_digest(weights, hears.to_dict()),
    )


def _prompt(folder: Path, vocabulary: int) -> tuple[int, ...]:
    """Return what the decoder is given first: English, to be written without time stamps."""
    kind = ("<|en|>", "<|transcribe|>") if vocabulary >= FIRST_MULTILINGUAL else ()
    names = ("<|startoftranscript|>", *kind, "<|notimestamps|>")
    return tuple(label_of(folder, name) for name in names)


def _digest(weights: Weights, hears: Mapping[str, Any]) -> str:
    sha = hashlib.sha256(json.dumps(hears, sort_keys=True, default=str).encode())
    for name, weight in sorted(weights.items()):
        if name.startswith("encoder."):
            sha.update(f"{name}{tuple(weight.shape)}".encode())
            sha.update(weight.numpy().tobytes())
    return sha.hexdigest()


def _not_installed() -> OverheardError:
    return OverheardError(
        "target whisper: transformers is not installed: pip install 'overheard[hf]'"
    )
