from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from leaderboard.recognisers.hf.sharing import share_encoders
from leaderboard.recognisers.open import open_recogniser
from tests.leaderboard.model_audit.fakes import Fake
from tests.leaderboard.recognisers.making.tiny import audio, folder_of

RATE = 16_000


@pytest.fixture
def base(tmp_path_factory):
    return open_recogniser(f"hf:{folder_of('whisper', tmp_path_factory)}")


@pytest.fixture
def tuned(tmp_path_factory, tmp_path):
    """Return a function that opens the same Whisper after a training of one of its parts."""

    def made(part):
        folder = shutil.copytree(folder_of("whisper", tmp_path_factory), tmp_path / part)
        model = open_recogniser(f"hf:{folder}").loaded.model
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if f".{part}." in name:
                    weight.mul_(1.1)
        model.save_pretrained(folder)
        return open_recogniser(f"hf:{folder}")

    return made


def answers(recogniser, sounds):
    return [
        (recogniser.transcribe(s, RATE), recogniser.log_likelihood(s, RATE, "a bee"),
         recogniser.embedding(s, RATE).tolist())
        for s in sounds
    ]  # fmt: skip


def test_a_sound_is_encoded_once_for_both_and_answers_stay(base, tuned):
    model = tuned("decoder")
    sounds = [audio(0.9, seed=n) for n in range(2)]
    alone = answers(model, sounds), answers(base, sounds)
    assert alone[0] != alone[1]
    calls = []
    for one in (model, base):
        one.loaded.model.get_encoder().register_forward_hook(lambda *_: calls.append(1))
    shared = share_encoders([model, base])
    together = [[answers(one, [s])[0] for one in shared] for s in sounds]
    assert len(calls) == len(sounds)
    assert [list(x) for x in zip(*together, strict=True)] == [*alone]


def test_another_encoder_is_not_shared(base, tuned):
    model = tuned("encoder")
    alone = answers(base, [audio()])
    shared = share_encoders([model, base])
    assert not np.allclose(model.embedding(audio(), RATE), alone[0][2])
    assert shared[0].transcribe(audio(), RATE) is not None
    assert answers(shared[1], [audio()]) == alone


def test_others_are_left_alone(base, tmp_path_factory):
    fake = Fake()
    ctc = open_recogniser(f"hf:{folder_of('wav2vec2', tmp_path_factory)}")
    assert share_encoders([fake, ctc, ctc, base]) == [fake, ctc, ctc, base]
