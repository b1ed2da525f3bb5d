"""A Whisper of toy size with random weights, in a folder as transformers keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from targets.models.pretrained import Pretrained
from targets.models.whisper.tokens import WhisperTokens
from targets.training.recipe import Recipe, Schedule

SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>",
    "<|0.00|>",
)  # fmt: skip
MERGES = [("Ġ", "a"), ("o", "n"), ("Ġ", "t"), ("Ġ", "on"), ("Ġt", "w"), ("Ġtw", "o"), ("r", "e")]


def make_whisper(folder: Path, *, seed: int = 0, layers: int = 2) -> Path:
    """Write a Whisper that hears six seconds, with a tokenizer of letters and a few words."""
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *("".join(pair) for pair in MERGES)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    torch.manual_seed(seed)
    first = len(pieces)
    config = WhisperConfig(
        vocab_size=first + len(SPECIAL),
        num_mel_bins=16,
        d_model=16,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_source_positions=300,
        max_target_positions=64,
        bos_token_id=first,
        eos_token_id=first,
        pad_token_id=first,
        decoder_start_token_id=first + 1,
        init_std=0.3,  # opinions strong enough that texts differ
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=16, chunk_length=6).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def recipe_of(folder: Path) -> Recipe:
    """Return the recipe of such a Whisper, which begins at the checkpoint as it is."""
    return Recipe(
        target="whisper",
        tokens=WhisperTokens(folder),
        channels=8,
        hidden=8,
        schedule=Schedule(12, batch_size=3, learning_rate=3e-2),
        delta=1e-2,
        expected_members=6,
        pretrained=Pretrained(folder, rank=4),
    )
