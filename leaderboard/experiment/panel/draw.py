"""The spectrogram panel: one training utterance beside what each model gives away of it.

The second picture is the control: what the attack begins with, before it sees any model. In a row
of its own stands what the update of one device gives away, where the target can be attacked so. The
sounds lie beside the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.canaries.canary import CANARY
from attacks.inversion.descent import Inversion
from attacks.inversion.metrics import Likeness
from attacks.inversion.prior import SpeechPrior, fitted, spectrograms
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.panel.cells import (
    KEY,
    STEPS,
    control_sound_file,
    sound_file,
    update_sound_file,
)
from leaderboard.experiment.panel.compared import Compared, write_sound
from leaderboard.experiment.panel.picture import Row, drawn
from leaderboard.experiment.panel.update import rebuilt, seconds_held
from leaderboard.experiment.train import load_recognizer
from leaderboard.jobs.job import Report
from leaderboard.spec.cell import Cell
from leaderboard.spec.paths import panel_file
from targets.core.files import whole_file
from targets.core.progress import listening
from targets.core.progress import report as tell
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

FROM_MODEL = "From the transcript and the weights of a trained model"
FROM_UPDATE = (
    f"From the update of one device: {STEPS} steps on this utterance from the public start. "
    "The weights before and after are known; ε is that of noise on the update"
)


def draw_panel(cells: Sequence[Cell], key: str, experiment: Experiment, *, report: Report) -> None:
    """Draw what every cell's model, and one update, give away of one member.

    `key` says what is drawn, and goes into the picture. The sounds are written first: where the
    picture is, they are.
    """
    game, out = experiment.game, experiment.out
    rng = experiment.rng("panel")
    start = experiment.recipe.build()
    members = _by_lot(game.members, rng)
    seconds = seconds_held(start)
    fitting = [u for u in members if u.duration < seconds]
    chosen = (fitting or members)[0]
    twins = [u for u in _by_lot(game.held_out, rng) if u.speaker == chosen.speaker][:1]
    attacks = experiment.conditions.attacks
    attack = Inversion(**next((a.options for a in attacks if a.name == "inversion"), {}))
    public = [u for u in game.public if u.text]
    prior = SpeechPrior.learn(spectrograms(start, public), attack.components)
    _, counts = start.logmel([chosen])
    ruler = Likeness.of(start.logmel, public, game.candidates, [chosen, *twins], rng)
    compared = Compared(chosen, prior.mean(counts), ruler)
    write_sound(sound_file(out, None), chosen.samples)
    of_models = list(compared.controls)
    with listening(report):
        for number, cell in enumerate(cells):
            frames = attack.reconstruct(load_recognizer(experiment, cell), [chosen], prior, rng)
            name = "no DP" if cell.epsilon is None else f"{cell.label}, ε = {cell.epsilon:g}"
            of_models.append(compared.guess(name, frames, sound_file(out, cell)))
            tell((number + 1) / len(cells))
    rows = [Row(FROM_MODEL, of_models)]
    title = f"“{chosen.text}”, a training utterance of {cells[0].target}, drawn by lot"
    if fitting:
        title += f" from those shorter than {seconds:.2f} s"
        of_update = list(compared.controls)
        compared.write(control_sound_file(out, "mean-speaker"), compared.mean)
        for epsilon, frames in rebuilt(start, chosen, prior, rng.child("update")).items():
            name = "no DP" if epsilon is None else f"ε = {epsilon:g}"
            of_update.append(compared.guess(name, frames, update_sound_file(out, epsilon)))
        for twin in twins:
            frames = fitted(start.logmel([twin])[0][0], counts)
            name = "a twin: another recording of the voice"
            of_update.append(compared.guess(name, frames, control_sound_file(out, "twin")))
        rows.append(Row(FROM_UPDATE, of_update))
    figure = drawn(title, rows, start.logmel, len(ruler.speakers))
    with whole_file(panel_file(out)) as aside:
        figure.savefig(aside, format="png", dpi=120, metadata={KEY: key})


def _by_lot(utterances: Sequence[Utterance], rng: Randomness) -> list[Utterance]:
    """Return utterances that are no canaries in an order drawn by their names."""
    plain = [u for u in utterances if CANARY not in u.attributes]
    return sorted(plain, key=lambda u: rng.child(u.id).integer())
