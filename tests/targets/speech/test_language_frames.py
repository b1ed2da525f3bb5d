"""Frames that say their language: in a column of their own, which nothing hides."""

from __future__ import annotations

import pytest
import torch

from targets.core.errors import OverheardError
from targets.speech.augmentation import masked
from targets.speech.features import LogMel
from targets.speech.language_frames import LanguageLogMel, told_apart
from tests.fakes import speech, utterance

SAID = [
    utterance("a", "on off", language="es"),
    utterance("b", "ten", language="de"),
    utterance("c", "two", language="en"),
    utterance("d", "milk"),
    utterance("e", "tea", language=""),
]


def test_frames_are_the_log_mel_and_the_language():
    plain, spoken = LogMel(), LanguageLogMel()
    for one in (plain, spoken):
        one.calibrate(speech(3, "public"))
    wanted, counts = plain(SAID)
    frames, found = spoken(SAID)
    heard, language = told_apart(frames)
    assert torch.equal(heard, wanted)
    assert torch.equal(found, counts)
    assert language.tolist() == [1, 2, 0, 0, 0]
    assert told_apart(wanted)[1].tolist() == [0] * 5


@pytest.mark.parametrize("language", ["Spanish", "de-DE", "ES"])
def test_another_language_is_not_heard_as_english(language):
    said = [*SAID, utterance("f", "tea", language=language)]
    with pytest.raises(OverheardError, match=f"'f' is in '{language}', .* en, es, de: state one"):
        LanguageLogMel()(said)


def test_neither_masks_nor_noise_change_the_language():
    frames, _ = LanguageLogMel()(SAID[:1])
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        seen = masked(frames[0], generator)
        assert torch.equal(seen[:, 64], frames[0, :, 64])
    assert (seen != frames[0]).any()
    noisy = frames + torch.randn(200, *frames.shape[1:], generator=generator)
    assert told_apart(noisy)[1].tolist() == [1] * 200


def test_a_band_is_hidden_as_without_the_column():
    frames, _ = LanguageLogMel()(SAID[:1])
    one, other = (torch.Generator().manual_seed(5) for _ in range(2))
    for _ in range(20):
        assert torch.equal(masked(frames[0], one)[:, :64], masked(frames[0, :, :64], other))
