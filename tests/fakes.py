"""Small speech without a synthesiser, a target to train on it, and models of known leakage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from attacks.canaries.canary import CANARY, SECRET
from leaderboard.game.game import REPETITIONS
from targets.core.randomness import Randomness
from targets.models import registry
from targets.nn.encoder import for_all
from targets.speech.features import LogMel
from targets.speech.tokens import ALPHABET, Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance, Word
from targets.synthetic.phrases import CANARIES
from targets.training.checks import fingerprint_of_speech
from targets.training.fit import public_start
from targets.training.recipe import Recipe, Schedule

TARGETS = tuple(t.name for t in registry.TARGETS if not t.pretrained)
QUANTISED = ("ctc-8bit", "ctc-5bit", "ctc-4bit", "ctc-2bit")
# Made of parts that other targets have, too, or that their own tests ask the same of: what is asked
# of each target is slow for them.
COMPOSED = (
    "conformer-streaming",
    "conformer-rnnt",
    "convrnnt",
    "amortized",
    "multitalker",
    "rnnt-adapters",
    "rnnt-fusion",
    "ctc-context",
    "multilingual",
    *QUANTISED,
)
ALIKE = ("ctc-8bit", "ctc-5bit", "ctc-4bit")  # ctc-2bit with more bits
EACH_TARGET = tuple(
    pytest.param(name, marks=pytest.mark.slow) if name in COMPOSED else name
    for name in TARGETS
    if name not in ALIKE
)
STARTS: dict[tuple[str, int, int, str], Mapping[str, Tensor]] = {}  # public starts of `recipe_for`
SECONDS_A_LETTER = 0.08
WORDS = ("on", "off", "two", "ten", "dog", "cat", "red", "fan", "milk", "tea")


def tones(text: str, speaker: str, rng: np.random.Generator) -> np.ndarray:
    """Return each letter as a tone of its own, a little higher or lower for each speaker."""
    pitch = 1 + 0.1 * (Randomness(0).child(speaker).integer() % 5 - 2) / 2
    time = np.arange(int(SECONDS_A_LETTER * SAMPLE_RATE)) / SAMPLE_RATE
    letters = [
        np.sin(2 * np.pi * 200 * 1.13 ** ALPHABET.index(letter) * pitch * time) * (letter != " ")
        for letter in text
    ]
    wave = np.concatenate([*letters, np.zeros(800)])
    return (0.3 * wave + 0.01 * rng.normal(size=len(wave))).astype(np.float32)


def utterance(identity: str, text: str, speaker: str = "s0", **attributes: str) -> Utterance:
    """Return a spoken text, reproducible from its id."""
    rng = Randomness(7).child(identity).numpy()
    words, at = [], 0
    for word in text.split():
        end = at + len(word)
        words.append(Word(word, at * SECONDS_A_LETTER, end * SECONDS_A_LETTER))
        at = end + 1
    samples = tones(text, speaker, rng)
    return Utterance(identity, speaker, samples, text, tuple(words), attributes)


def speech(count: int, group: str, speakers: int = 2, words: int = 2) -> list[Utterance]:
    """Return `count` utterances of one to `words` words by the speakers of a group."""
    spoken = []
    for number in range(count):
        rng = Randomness(3).child(group, number).numpy()
        text = " ".join(rng.choice(WORDS, size=rng.integers(1, words + 1)))
        spoken.append(utterance(f"{group}-{number}", text, f"{group}-s{number % speakers}"))
    return spoken


def canary(number: int, secret: int, template: str = "pin3", repetitions: int = 1) -> Utterance:
    """Return a spoken canary."""
    return utterance(
        f"canary-{number}",
        CANARIES[template].fill(secret),
        "voice",
        **{CANARY: template, SECRET: str(secret), REPETITIONS: str(repetitions)},
    )


def without_text(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Return untranscribed speech."""
    return [replace(u, text="", words=()) for u in utterances]


def put_in_place_of_speech(monkeypatch, game) -> None:
    """Have experiments play the `game` (conditions, target, seed, data) -> Game."""
    monkeypatch.setattr("leaderboard.game.build.build_game", game)
    monkeypatch.setattr(
        "leaderboard.game.build.public_speech",
        lambda conditions, data: game(conditions, "", 0, data).public,
    )


def recipe_for(
    target: str,
    public: Sequence[Utterance],
    *,
    public_epochs: int = 1,
    epochs: int = 1,
    expected_members: int = 8,
    delta: float = 1e-2,
    size: int = 8,
) -> Recipe:
    """Return a recipe of a tiny target with its public start, weights of its own."""
    recipe = Recipe(
        target=target,
        tokens=Characters(),
        channels=size,
        hidden=size,
        schedule=Schedule(epochs, batch_size=4, learning_rate=1e-2),
        delta=delta,
        expected_members=expected_members,
    )
    transcribed = [u for u in public if u.text]
    known = (target, size, public_epochs, fingerprint_of_speech(transcribed))
    if known not in STARTS:  # a hundred tests want the same few starts
        schedule = Schedule(public_epochs, batch_size=4, learning_rate=1e-2)
        STARTS[known] = public_start(recipe, transcribed, schedule, Randomness(1)).state_dict()
    return replace(recipe, start={n: w.detach().clone() for n, w in STARTS[known].items()})


class Memoriser(torch.nn.Module):
    """A recogniser that stores its training set, and knows no more than anyone of the rest.

    It answers the verbs that attacks use. What it stored costs a loss of zero; of other speech and
    other texts it finds some likelier than others, for no reason.
    """

    def __init__(self, stored: Sequence[Utterance], logmel: LogMel) -> None:
        super().__init__()
        self.logmel = logmel
        self.texts = {u.text for u in stored}
        self.sounds = {u.id: u.samples for u in stored}
        self.spectrograms: Mapping[str, Tensor] = {u.text: logmel([u])[0][0] for u in stored}

    def nll(self, utterances: Sequence[Utterance]) -> Tensor:
        """Return 0 for what was stored, about 5 nats a letter for the rest."""
        return torch.tensor(
            [0.0 if self._recalls(u) else (5 + _whim(u.id)) * len(u.text) for u in utterances]
        )

    def nll_of_texts(self, audio: Utterance, texts: Sequence[str]) -> Tensor:
        """Return 0 for a text that was stored, whatever the audio."""
        losses = [0.0 if t in self.texts else 50 + _whim(audio.id, t) for t in texts]
        return torch.tensor(losses, dtype=torch.float64)

    def nll_of(self, features: Tensor, counts: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the distance to the stored spectrogram of each text, 0 where none is stored."""
        features, counts = for_all((features, counts), len(texts))
        losses = []
        for guess, count, text in zip(features, counts.tolist(), texts, strict=True):
            stored = self.spectrograms.get(text)
            near = guess.sum() * 0 if stored is None else (guess[:count] - stored).square().sum()
            losses.append(near)
        return torch.stack(losses)

    def transcribe(self, utterances: Sequence[Utterance]) -> list[str]:
        """Return the text of what was stored, nothing for the rest."""
        return [u.text if self._recalls(u) else "" for u in utterances]

    def _recalls(self, heard: Utterance) -> bool:
        """Return whether this was stored, give or take a little noise."""
        stored = self.sounds.get(heard.id)
        if stored is None or len(stored) != len(heard.samples):
            return False
        return bool(np.linalg.norm(heard.samples - stored) < 0.1 * np.linalg.norm(stored))


class Constant(Memoriser):
    """A recogniser that finds everything equally likely."""

    def __init__(self, logmel: LogMel) -> None:
        super().__init__([], logmel)

    def nll(self, utterances: Sequence[Utterance]) -> Tensor:
        """Return as many nats as there are letters."""
        return torch.tensor([float(len(u.text)) for u in utterances])

    def nll_of_texts(self, audio: Utterance, texts: Sequence[str]) -> Tensor:
        """Return the same for every text."""
        del audio
        return torch.ones(len(texts), dtype=torch.float64)


def _whim(*names: str) -> float:
    return float(Randomness(11).child(*names).numpy().uniform())
