"""Recognisers that share an encoder hear a sound once: a fine-tuned Whisper and its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from leaderboard.recognisers.base import OutsideRecogniser
from leaderboard.recognisers.hf.recogniser import HfRecogniser
from leaderboard.recognisers.hf.seq2seq import Seq2SeqHead


def share_encoders(recognisers: Sequence[OutsideRecogniser]) -> list[OutsideRecogniser]:
    """Return recognisers of which those with the same encoder keep together what it last made.

    Most trainings leave Whisper's encoder as it is, and it is the dear part. What anyone answers
    stays the same.
    """
    found: list[OutsideRecogniser] = []
    for one in recognisers:
        like = next((other for other in found if _same_encoder(one, other)), None)
        if isinstance(one, HfRecogniser) and isinstance(like, HfRecogniser):
            one = replace(one, _last=like._last, _states=like._states)
        found.append(one)
    return found


def _same_encoder(one: OutsideRecogniser, other: OutsideRecogniser) -> bool:
    """Return whether two make the same of any sound, bit for bit, before their decoders."""
    if not isinstance(one, HfRecogniser) or not isinstance(other, HfRecogniser):
        return False
    heads = one.head, other.head
    if not all(isinstance(head, Seq2SeqHead) and head.encodes_first for head in heads):
        return False
    if one.loaded.device != other.loaded.device:
        return False
    extractors, weights = zip(
        *(
            (r.loaded.processor.feature_extractor.to_dict(), r.loaded.model.get_encoder())
            for r in (one, other)
        ),
        strict=True,
    )
    mine, theirs = (module.state_dict() for module in weights)
    settings = [module.config.to_dict() for module in weights]
    return (
        extractors[0] == extractors[1]
        and settings[0].get("activation_function") == settings[1].get("activation_function")
        and mine.keys() == theirs.keys()
        and all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())
    )
