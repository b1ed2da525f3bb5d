"""What does an update give away? `python -m tests.studies.updates RUN PICTURE` prints a table.

`RUN` is a run of the suite `quick` that has its public start, `PICTURE` the PNG file to write.
Clients learn from private calls of that suite as in `fedavg`. The attacker has the weights before
and after, public speech, and the lengths of the utterances. A twin is another call of the same
speaker that nobody learnt from, stretched to the length. Printed are log-mel cosines, means over n
utterances with 95 % intervals. First of what comes back: with the utterance, with those alone that
are in sums of no more windows than the update has rows and a window numbers, with the twin, and the
difference. Then of controls with the utterance: its twin, a call of another speaker, and the mean
speaker. A second table says how well the speaker is found again: the place of the true voice among
all, and how often it is the first. Takes two minutes of one core.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa.display
import numpy as np
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file
from tabulate import tabulate
from torch import Tensor

from attacks.inversion.metrics import cosines, padded
from attacks.inversion.prior import SpeechPrior, fitted, spectrograms
from attacks.inversion.update_leakage import Update, reconstructed
from attacks.statistics.gdp import mu_from_epsilon
from attacks.statistics.means import mean
from defenses.federated.local_training import LocalTraining, norm_of
from leaderboard.experiment.panel.cells import CLIP, DELTA, RATE, STEPS
from leaderboard.game.build import speech_of
from leaderboard.game.recipe import STUDENT
from leaderboard.spec.load import load_suite
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.features import FFT, HOP
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule
from tests.studies.update_voices import Voices

VOICES, CALLS = 16, 9  # of the private speech; the last call of a voice is its twin
ENROLLED = 5  # the calls before that, by which a voice is looked for
DECIBELS_A_NEPER = 10 / np.log(10)


@dataclass(frozen=True)
class Case:
    """`clients` devices with `calls` utterances each take `steps` steps; ε of the noise, if any.

    In each of the `rounds` the attacker sees the sum of what they changed, and it is added. With
    `adam` it is no device, but a model that was trained on and then leaked.
    """

    clients: int = 1
    calls: int = 1
    steps: int = 1
    rounds: int = 1
    epsilon: float | None = None
    adam: bool = False

    @property
    def sigma(self) -> float:
        """The noise on every number of the sum of clipped updates, for one client more or less."""
        return 0.0 if self.epsilon is None else CLIP / mu_from_epsilon(self.epsilon, DELTA)

    @property
    def name(self) -> str:
        """What it is called in the table."""
        noise = "no" if self.epsilon is None else f"{self.epsilon:g}"
        steps = f"{self.steps}{' of Adam' * self.adam}"
        return f"{self.clients} | {self.calls} | {steps} | {self.rounds} | {noise}"


CASES = (
    *(Case(steps=steps) for steps in (1, 4, 16)),
    *(Case(calls=calls) for calls in (2, 4, 8)),
    *(Case(clients=clients) for clients in (2, 4, 8)),
    *(Case(clients=clients, steps=4) for clients in (2, 4, 8)),
    *(Case(calls=2, steps=4, rounds=rounds) for rounds in (2, 3)),
    *(Case(clients=2, steps=4, rounds=rounds) for rounds in (2, 3)),
    Case(calls=4, steps=4, rounds=4),
    *(Case(clients=n, epsilon=epsilon) for n in (1, 4) for epsilon in (10.0, 1.0)),
    *(Case(steps=16, epsilon=epsilon) for epsilon in (1e5, 1e4, 1e3, 10.0, 1.0)),
    Case(steps=16, adam=True),
)
PICTURED = {
    "no DP": Case(steps=STEPS),
    "ε = 10": Case(steps=STEPS, epsilon=10.0),
    "ε = 1": Case(steps=STEPS, epsilon=1.0),
}


@dataclass(frozen=True, eq=False)
class World:
    """What everyone has, and what the voices said."""

    model: Recognizer
    prior: SpeechPrior
    public: Sequence[Utterance]
    said: Sequence[Sequence[Utterance]]  # by voice

    @classmethod
    def of(cls, run: Path) -> World:
        """Read the start of a run, and make some speech of its suite."""
        conditions = load_suite("quick").conditions
        training, speech = conditions.training, conditions.speech
        less = {
            "public": speech.public.model_copy(update={"utterances": 4 * speech.public.speakers}),
            "private": speech.private.model_copy(
                update={"speakers": VOICES, "utterances": VOICES * CALLS}
            ),
        }
        conditions = conditions.model_copy(update={"speech": speech.model_copy(update=less)})
        parts = speech_of(conditions, Path(), ("public", "private"))
        (file,) = (run / "starts").glob("ctc-*.safetensors")
        start = {n: w for n, w in load_file(file).items() if not n.startswith(STUDENT)}
        size = training.channels, training.hidden
        model = Recipe("ctc", Characters(), *size, Schedule(1), DELTA, 1, start=start).build()
        by_voice: dict[str, list[Utterance]] = {}
        for u in parts["private"]:
            by_voice.setdefault(u.speaker, []).append(u)
        prior = SpeechPrior.learn(spectrograms(model, parts["public"]))
        return cls(model, prior, parts["public"], list(by_voice.values()))

    def groups(self, case: Case) -> list[list[Sequence[Utterance]]]:
        """Return what the clients of each sum hold: a voice each, all sums together 16 calls."""
        held = [said[: case.calls] for said in self.said[: VOICES // case.calls]]
        return [held[n : n + case.clients] for n in range(0, len(held), case.clients)]

    def learnt(
        self,
        case: Case,
        clients: Sequence[Sequence[Utterance]],
        before: Recognizer,
        rng: Randomness,
    ) -> Recognizer:
        """Return the model after what the clients' updates, clipped where there is noise, add."""
        after = copy.deepcopy(before)
        if case.adam:
            fit(after, clients[0], Schedule(case.steps), rng)
            return after
        local = LocalTraining(case.steps, batch_size=16, learning_rate=RATE)
        generator = rng.child("noise").torch()
        pairs = list(zip(before.parameters(), after.parameters(), strict=True))
        with torch.no_grad():
            for _, new in pairs:
                new += case.sigma * torch.randn(new.shape, generator=generator)
        for calls in clients:
            update = local.update(before, before.examples(calls), rng.child(calls[0].id))
            norm = float(norm_of(list(update.values())))
            factor = 1.0 if case.epsilon is None else min(1.0, CLIP / norm)
            with torch.no_grad():
                for old, new in pairs:
                    new += factor * update[old]
        return after

    def guess(
        self, case: Case, clients: Sequence[Sequence[Utterance]]
    ) -> tuple[list[Utterance], Tensor]:
        """Return what the clients hold, and what comes back of it (B, T, M)."""
        calls = [u for held in clients for u in held]
        counts = self.model.logmel(calls)[1]
        before, updates = self.model, []
        rng = Randomness(0).child(case.name, calls[0].id)
        for number in range(case.rounds):
            after = self.learnt(case, clients, before, rng.child(number))
            updates.append(Update(before, after))
            before = after
        return calls, reconstructed(updates, counts, self.prior, case.sigma)

    def twin(self, call: Utterance, frames: int, further: int = 0) -> Tensor:
        """Return a spectrogram (frames, M) of a call that nobody learnt from.

        It is of the same speaker, or of one that comes so much `further` in the list of voices.
        """
        (place,) = (n for n, said in enumerate(self.said) if said[0].speaker == call.speaker)
        other = self.said[(place + further) % len(self.said)][-1]
        return fitted(self.model.logmel([other])[0][0], torch.tensor([frames]))[0]


def row(world: World, case: Case) -> list[str]:
    """Return the figures of a case, over its utterances."""
    columns: list[list[np.ndarray]] = [[] for _ in range(6)]
    first = world.model.network.encoder.convolutions[0]
    for clients in world.groups(case):
        calls, guess = world.guess(case, clients)
        truth, counts = world.model.logmel(calls)
        twins, others = (
            padded([world.twin(u, n, further) for u, n in zip(calls, counts.tolist(), strict=True)])
            for further in (0, 1)
        )
        own, of_twin = cosines(guess, truth, counts), cosines(guess, twins, counts)
        outputs, inputs = first.linear.weight.shape
        rows = min(case.rounds * outputs, inputs)
        fits = own if int(first.counts(counts).sum()) <= rows else own[:0]
        controls = (cosines(c, truth, counts) for c in (twins, others, world.prior.mean(counts)))
        for column, part in zip(columns, (own, fits, of_twin, *controls), strict=True):
            column.append(part)
    to_own, fitting, to_twin, *rest = (np.concatenate(column) for column in columns)
    shown = (to_own, fitting, to_twin, to_own - to_twin, *rest)
    return [*case.name.split(" | "), str(len(to_own)), *(told(mean(v)) for v in shown)]


def voices(world: World) -> list[list[str]]:
    """Return of the first call of each voice, and of what comes back, how its speaker is found."""
    logmel = world.model.logmel
    enrolled = {said[0].speaker: said[-1 - ENROLLED : -1] for said in world.said}
    known = Voices(logmel, world.public, enrolled)
    calls = [said[0] for said in world.said]
    counts = [len(logmel([call])[0][0]) for call in calls]
    heard = {"the utterance itself": [logmel([call])[0][0] for call in calls]}
    heard |= {
        f"its update, {name}": [world.guess(case, [[call]])[1][0] for call in calls]
        for name, case in PICTURED.items()
    }
    heard["its twin"] = [world.twin(call, n) for call, n in zip(calls, counts, strict=True)]
    heard["the mean speaker"] = [world.prior.mean(torch.tensor([n]))[0] for n in counts]
    first = world.model.network.encoder.convolutions[0]
    fits = [n <= first.stride * min(first.linear.weight.shape) for n in counts]
    rows = []
    for name, frames in heard.items():
        ranks = known.ranks(frames, [call.speaker for call in calls])
        first_of = f"{int((ranks == 1).sum())} of {len(ranks)}"
        rows.append([name, told(mean(ranks)), told(mean(ranks[fits])), first_of])
    return rows


def told(estimate: Estimate) -> str:
    """Return a figure with its interval."""
    if not estimate.scored:
        return "-"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def draw(world: World, file: Path) -> None:
    """Draw the first call of the first voice, and what updates of it give away."""
    call = world.said[0][0]
    truth, counts = world.model.logmel([call])
    pictures = {"original": truth[0]}
    pictures |= {name: world.guess(case, [[call]])[1][0] for name, case in PICTURED.items()}
    pictures["another call of the speaker"] = world.twin(call, int(counts))
    pictures["mean speaker"] = world.prior.mean(counts)[0]
    figure = Figure(figsize=(3.0 * len(pictures), 3.2), layout="constrained")
    places = figure.subplots(1, len(pictures), sharey=True)
    for axes, (name, frames) in zip(places, pictures.items(), strict=True):
        power = (frames * world.model.logmel.scale + world.model.logmel.mean).numpy().T
        librosa.display.specshow(
            power * DECIBELS_A_NEPER, sr=SAMPLE_RATE, hop_length=HOP, n_fft=FFT, fmin=40.0,
            fmax=SAMPLE_RATE / 2, x_axis="time", y_axis="mel", ax=axes, cmap="magma",
        )  # fmt: skip
        likeness = float(cosines(frames[None], truth, counts)[0])
        axes.set_title(f"{name}\ncosine {likeness:.2f}", fontsize=10)
        axes.label_outer()
    figure.suptitle(f"“{call.text}”: the update of one client after 16 steps", fontsize=11)
    figure.savefig(file, dpi=80)


def main(run: Path, picture: Path) -> None:
    """Print the table and draw the picture."""
    torch.set_num_threads(1)
    world = World.of(run)
    rows = []
    for case in CASES:
        rows.append(row(world, case))
        print(rows[-1], file=sys.stderr, flush=True)
    settings = ["clients", "utterances", "steps", "rounds", "ε", "n"]
    figures = ["with it", "where it fits", "with its twin", "difference"]
    figures += ["of the twin", "of another speaker", "of the mean speaker"]
    print(tabulate(rows, [*settings, *figures], tablefmt="github"))
    print()
    heads = ["voice of", f"place among {VOICES}", "where it fits", "is the first"]
    print(tabulate(voices(world), heads, tablefmt="github"))
    draw(world, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
