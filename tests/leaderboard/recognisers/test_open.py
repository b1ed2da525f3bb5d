"""What a person may write, and what each mistake is answered with."""

from __future__ import annotations

import pytest

from leaderboard.recognisers.base import RecogniserError
from leaderboard.recognisers.open import door_of, open_recogniser


@pytest.mark.parametrize(
    ("spec", "door", "place"),
    [
        ("hf:models/mine", "hf", "models/mine"),
        ("hf:openai/whisper-tiny.en", "hf", "openai/whisper-tiny.en"),
        ("http:http://localhost:8000/v1", "http", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1", "http", "http://localhost:8000/v1"),
        ("https://host/v1#small", "http", "https://host/v1#small"),
        ("mine.py:Mine", "script", "mine.py:Mine"),
        ("script:mine.py:Mine", "script", "mine.py:Mine"),
        ("C:/models/mine.py:Mine", "script", "C:/models/mine.py:Mine"),
        ("nemo:a.nemo", "nemo", "a.nemo"),
        ("speechbrain:folder", "speechbrain", "folder"),
    ],
)
def test_the_door_of_a_spec(spec, door, place):
    assert door_of(spec) == (door, place)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "is no recogniser"),
        ("models/mine", "is no recogniser; write hf:FOLDER, http:URL"),
        ("hf:", "is no recogniser"),
        ("vosk:folder", "is no recogniser"),
        ("mine.py", r"name the class too, like mine\.py:Mine"),
        ("mine.py:", "name the class too"),
    ],
)
def test_a_spec_of_no_known_form(spec, message):
    with pytest.raises(RecogniserError, match=message):
        open_recogniser(spec)
