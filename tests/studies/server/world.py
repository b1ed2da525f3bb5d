"""The speech, the public start, and the updates of devices, for the study of a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from attacks.statistics.gdp import mu_from_epsilon
from defenses.dpsgd.clipping import trained_parameters
from defenses.federated.local_training import LocalTraining
from leaderboard.experiment.panel.cells import CLIP, DELTA, RATE
from leaderboard.game.build import speech_of
from leaderboard.game.recipe import STUDENT
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.synthetic.telephone import over_telephone
from targets.training.recipe import Recipe, Schedule

STEPS = 4  # that a device takes in a round, each on all that it holds


@dataclass(frozen=True)
class Size:
    """How much is simulated: voices, utterances of a device, and so on."""

    voices: int = 56  # private ones
    held: int = 8  # utterances of a device
    public: tuple[int, int] = (4, 2)  # devices of a public voice: transcribed, and typed in
    clients: tuple[int, ...] = (1, 4, 16)
    rounds: int = 3
    devices: int = 32  # that take part in rounds
    candidates: int = 3  # members of a device that are looked for, and as many of each control


TOY = Size(8, 2, (2, 2), (1, 2), rounds=2, devices=4, candidates=2)


@dataclass(frozen=True)
class Case:
    """What the server sees: sums over `clients`, clipped or not, with noise for ε or not."""

    clients: int
    clipped: bool = False
    epsilon: float | None = None

    @property
    def sigma(self) -> float:
        """The noise on every number of a sum of clipped updates, for one client more or less."""
        return 0.0 if self.epsilon is None else CLIP / mu_from_epsilon(self.epsilon, DELTA)

    @property
    def name(self) -> tuple[str, str, str]:
        """What it is called in tables."""
        noise = "none" if self.epsilon is None else f"{self.epsilon:g}"
        return str(self.clients), "yes" if self.clipped else "no", noise

    def sent(self, updates: Tensor) -> Tensor:
        """Return updates (N, P) as devices send them: each cut to `CLIP`, or whole."""
        if not self.clipped:
            return updates
        return updates * (CLIP / updates.norm(dim=1, keepdim=True)).clamp_max(1.0)


def cases(size: Size) -> list[Case]:
    """Return what is tried."""
    ways = ((False, None), (True, None), (True, 10.0), (True, 1.0))
    return [Case(k, *way) for k in size.clients for way in ways]


@dataclass(frozen=True, eq=False)
class World:
    """What everyone has, and what the voices said: all of it over the telephone."""

    model: Recognizer
    public: dict[str, list[Utterance]]  # by voice
    typed: dict[str, list[Utterance]]  # public calls, of which the server typed the transcripts
    said: dict[str, list[Utterance]]  # in private, by voice
    size: Size

    @classmethod
    def of(cls, run: Path, size: Size) -> World:
        """Read the start of a run, and the speech of its suite.

        The server makes calls of its public microphone speech: it knows a telephone line.
        """
        conditions = load_suite("quick").conditions
        parts = speech_of(conditions, Path(), ("public", "untranscribed", "private"))
        training = conditions.training
        (file,) = (run / "starts").glob("ctc-*.safetensors")
        start = {n: w for n, w in load_file(file).items() if not n.startswith(STUDENT)}
        shape = training.channels, training.hidden
        model = Recipe("ctc", Characters(), *shape, Schedule(1), DELTA, 1, start=start).build()
        most = size.held * size.public[0]
        line = Randomness(0).child("line")
        public = {
            voice: [over_telephone(u, line.child(u.id)) for u in calls[:most]]
            for voice, calls in _by_voice(parts["public"]).items()
        }
        said = dict(list(_by_voice(parts["private"]).items())[: size.voices])
        return cls(model, public, _by_voice(parts["untranscribed"]), said, size)

    def devices(self) -> list[list[Utterance]]:
        """Return what the simulated devices of public voices hold."""
        return [
            calls[n * self.size.held : (n + 1) * self.size.held]
            for voices, number in zip((self.public, self.typed), self.size.public, strict=True)
            for calls in voices.values()
            for n in range(number)
        ]

    def part(self, number: int) -> list[list[Utterance]]:
        """Return the `number`-th utterances of each private voice, as many as a device holds.

        On the first part devices train; by the second speakers are enrolled; the third is not used
        by anyone.
        """
        held = self.size.held
        return [calls[number * held : (number + 1) * held] for calls in self.said.values()]

    def updates(self, devices: Sequence[Sequence[Utterance]]) -> Tensor:
        """Return how far each device moves the weights (N, P), whole."""
        local = LocalTraining(STEPS, batch_size=self.size.held, learning_rate=RATE)
        rows = []
        for calls in devices:
            moved = local.update(
                self.model, self.model.examples(calls), Randomness(0).child(calls[0].id)
            )
            rows.append(torch.cat([m.flatten() for m in moved.values()]))
        return torch.stack(rows)

    def move(self, change: Tensor) -> None:
        """Add a change (P,) to the weights."""
        with torch.no_grad():
            weights = trained_parameters(self.model)
            sizes = [w.numel() for w in weights]
            for weight, part in zip(weights, change.split(sizes), strict=True):
                weight += part.view_as(weight)


def _by_voice(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    voices: dict[str, list[Utterance]] = {}
    for u in utterances:
        voices.setdefault(u.speaker, []).append(u)
    return voices
