"""Tiny random recognisers of each kind, in folders as `transformers` keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def audio(seconds: float = 1.0, *, seed: int = 0, rate: int = 16_000):
    """Return tones and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * f * time) for f in rng.uniform(100, 3000, 4))
    return (0.1 * tones + 0.02 * rng.normal(size=time.size)).astype(np.float32)


def byte_pairs(specials: list[str], *, special_first: bool = False):
    """Return a tokenizer of single bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*specials, *letters] if special_first else [*letters, *specials]
    tokenizer = Tokenizer(models.BPE({piece: n for n, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    return tokenizer


def make_wav2vec2(folder: Path, *, capitals: bool = False) -> Path:
    """Write a wav2vec 2.0 with a CTC output over letters, small ones or capitals."""
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    letters = LETTERS.upper() if capitals else LETTERS
    pieces = ["<pad>", "<unk>", "|", *letters]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({piece: n for n, piece in enumerate(pieces)}))
    tokenizer = Wav2Vec2CTCTokenizer(
        str(vocabulary), bos_token=None, eos_token=None, pad_token="<pad>", unk_token="<unk>"
    )
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8, 8),
        conv_kernel=(10, 8, 8),
        conv_stride=(5, 8, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        initializer_range=1.0,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


def make_whisper(folder: Path) -> Path:
    """Write an English Whisper that hears six seconds."""
    from transformers import WhisperFeatureExtractor, WhisperProcessor, WhisperTokenizer

    from tests.tiny_whisper import make_whisper as make

    make(folder)
    settings = folder / "generation_config.json"  # real ones have a limit there
    told = {**json.loads(settings.read_text()), "max_length": 24, "is_multilingual": False}
    told.pop("_from_model_config", None)  # else it is made anew from the model's
    tokenizer = WhisperTokenizer.from_pretrained(folder)
    told["no_timestamps_token_id"] = tokenizer.convert_tokens_to_ids("<|notimestamps|>")
    settings.write_text(json.dumps(told))
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    WhisperProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder


def make_moonshine(folder: Path) -> Path:
    """Write a Moonshine."""
    from transformers import (
        MoonshineConfig,
        MoonshineForConditionalGeneration,
        PreTrainedTokenizerFast,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2Processor,
    )

    tokenizer = byte_pairs(["<unk>", "<s>", "</s>"], special_first=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    torch.manual_seed(0)
    config = MoonshineConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=32,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=2,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        pad_token_id=2,
        initializer_range=0.5,
    )
    MoonshineForConditionalGeneration(config).save_pretrained(folder)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    Wav2Vec2Processor(extractor, fast).save_pretrained(folder)
    return folder


def _fast_conformer(subsampling: int):
    """Return the settings of the encoder that Canary and Parakeet have."""
    from transformers import ParakeetEncoderConfig

    return ParakeetEncoderConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_kernel_size=5,
        subsampling_conv_channels=4,
        subsampling_factor=subsampling,
        num_mel_bins=16,
        initializer_range=0.5,
    )


def make_canary(folder: Path) -> Path:
    """Write a Canary, which is told by a template what to write."""
    from transformers import (
        CanaryConfig,
        CanaryForConditionalGeneration,
        CanaryProcessor,
        ParakeetFeatureExtractor,
        PreTrainedTokenizerFast,
    )

    start = "<|startofcontext|>"
    specials = ["<unk>", "<pad>", "</s>", start, "<|en|>", "<|pnc|>"]
    tokenizer = byte_pairs(specials, special_first=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="<pad>"
    )
    encoder = _fast_conformer(4)
    size = tokenizer.get_vocab_size()
    labels = {"pad_token_id": 1, "bos_token_id": 3, "eos_token_id": 2}
    decoder = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
    }
    config = CanaryConfig(
        encoder_config=encoder.to_dict(),
        decoder_config={**decoder, **labels, "vocab_size": size},
        vocab_size=size,
        decoder_start_token_id=3,
        initializer_range=0.5,
        **labels,
    )
    torch.manual_seed(1)
    CanaryForConditionalGeneration(config).save_pretrained(folder)
    told = "{% for c in messages[0]['content'] if c['type'] == 'text' %}"
    template = f"{told}{start}<|{{{{ c['source_language'] }}}}|><|pnc|>{{% endfor %}}"
    extractor = ParakeetFeatureExtractor(feature_size=16)
    CanaryProcessor(extractor, fast, chat_template=template).save_pretrained(folder)
    return folder


def _make_parakeet(folder: Path, kind: str) -> Path:
    import transformers
    from transformers import (
        ParakeetFeatureExtractor,
        ParakeetProcessor,
        ParakeetTokenizer,
    )

    blank = [] if kind == "CTC" else ["<blank>"]
    tokenizer = byte_pairs(["<pad>", "<unk>", *blank])
    size = tokenizer.get_vocab_size()
    fast = ParakeetTokenizer(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    encoder = _fast_conformer(4 if kind == "CTC" else 8)
    pad = tokenizer.token_to_id("<pad>")
    more: dict[str, object] = {}
    if kind != "CTC":
        more = {"blank_token_id": size - 1, "decoder_hidden_size": 8, "max_symbols_per_step": 3}
    if kind == "TDT":
        more["durations"] = [0, 1, 2]
    torch.manual_seed(1)
    config = getattr(transformers, f"Parakeet{kind}Config")(
        encoder_config=encoder, vocab_size=size, pad_token_id=pad, **more
    )
    if kind != "CTC":
        config.decoder_start_token_id = size - 1
    model = getattr(transformers, f"ParakeetFor{kind}")(config)
    if kind != "CTC":
        model.generation_config.decoder_start_token_id = size - 1
    model.save_pretrained(folder)
    extractor = ParakeetFeatureExtractor(feature_size=16)
    ParakeetProcessor(extractor, fast, decoder_type=kind.lower()).save_pretrained(folder)
    return folder


def make_parakeet_ctc(folder: Path) -> Path:
    """Write a Parakeet with a CTC output."""
    return _make_parakeet(folder, "CTC")


def make_parakeet_rnnt(folder: Path) -> Path:
    """Write a Parakeet that is an RNN-T."""
    return _make_parakeet(folder, "RNNT")


def make_parakeet_tdt(folder: Path) -> Path:
    """Write a Parakeet that also predicts durations."""
    return _make_parakeet(folder, "TDT")


KINDS: Mapping[str, Callable[[Path], Path]] = {
    "wav2vec2": make_wav2vec2,
    "whisper": make_whisper,
    "moonshine": make_moonshine,
    "canary": make_canary,
    "parakeet-ctc": make_parakeet_ctc,
    "parakeet-rnnt": make_parakeet_rnnt,
    "parakeet-tdt": make_parakeet_tdt,
}
_MADE: dict[str, Path] = {}


def folder_of(kind: str, somewhere: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny recogniser, made once a process."""
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    if kind not in _MADE:
        _MADE[kind] = KINDS[kind](somewhere.mktemp(kind))
    return _MADE[kind]
