"""What guided CPC makes of a start: `python -m tests.studies.guided_start COUNT...`.

For each `COUNT` of transcribed public utterances, the plain start of the suite `guided-cpc-plain`
and the start of `guided-cpc` are trained as those suites do. Printed are their word error rates on
the test speech, by beam search as in a suite, and the paired difference, with intervals over
speakers. With the suites' own count the starts are those of the suites.

With `--rows RUN` alone, schemes of `guided-cpc` are trained as that suite does, without attacks,
and compared with the published records of `guided-cpc-plain`: the word error rate of each, and the
difference, paired speaker by speaker. `RUN` is a folder of a run, and has the start or gets it.

With `--tune` no test speaker is heard: four of the public speakers are not trained on, and judge.
Settings may be chosen so. What follows the counts as `epochs=N`, `rate=R`, `public=N` sets the
epochs and the learning rate of the pre-training, and the epochs of all training by transcripts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from leaderboard.experiment.choices import defense_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.stages.start import START_SEED, PublicStart
from leaderboard.experiment.train import BEAM, recognizer_of, training_rng
from leaderboard.figures.intervals import rate_difference
from leaderboard.figures.paired import Counts
from leaderboard.game.build import speech_of
from leaderboard.manual.tables import published
from leaderboard.records.run_folder import read_records
from leaderboard.spec.load import load_suite
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import errors_by_speaker, rate_of
from targets.training.fit import public_start
from targets.training.guided_cpc import guided_encoder
from targets.training.recipe import Recipe, Schedule

HELD_OUT = 4  # public speakers that judge in tuning
MOST = 240  # utterances that judge


def main(arguments: list[str]) -> None:
    """Print the table."""
    if "--rows" in arguments:
        rows = list(differences(Path(arguments[-1])))
        print(tabulate(rows, ["row", "plain", "guided", "difference"], tablefmt="github"))
        return
    tune = "--tune" in arguments
    said = dict(a.split("=") for a in arguments if "=" in a)
    counts = [int(a) for a in arguments if a.isdigit()]
    suite = load_suite("guided-cpc")
    training, (target,) = suite.training, suite.targets
    assert training.pretraining is not None
    told = suite.speech.public.model_copy(update={"transcribed": None})
    splits = suite.speech.model_copy(update={"public": told})
    everything = suite.conditions.model_copy(update={"speech": splits})
    speech = speech_of(everything, Path(), ("public",) if tune else ("public", "test"))
    public = speech["public"]
    if tune:
        judges = sorted({u.speaker for u in public})[-HELD_OUT:]
        heard = [u for u in public if u.speaker in judges][:MOST]
        public = [u for u in public if u.speaker not in judges]
    else:
        heard = speech["test"]
    recipe = Recipe(target, Characters(), training.channels, training.hidden, Schedule(1), 1e-5, 1)
    rate = training.public_learning_rate or training.learning_rate
    by_words = Schedule(int(said.get("public", training.public_epochs)), training.batch_size, rate)
    before = Schedule(
        int(said.get("epochs", training.pretraining.epochs)),
        training.batch_size,
        float(said.get("rate", training.pretraining.learning_rate)),
    )
    rng = Randomness(START_SEED).child("start", target)
    rows = []
    for count in counts:
        given = [u if n < count else u.without_words() for n, u in enumerate(public)]
        begun = time.process_time()
        plain = public_start(recipe, given[:count], by_words, rng, augment=True)
        took = time.process_time() - begun
        encoder = guided_encoder(recipe, given, plain, before, rng, augment=True)
        guided = public_start(recipe, given[:count], by_words, rng, augment=True, encoder=encoder)
        row = [count, *judged(plain, guided, heard), took, time.process_time() - begun]
        print(row, file=sys.stderr, flush=True)
        rows.append(row)
    header = ["transcribed", "plain", "guided", "difference", "plain, CPU s", "both, CPU s"]
    print(tabulate(rows, header, floatfmt=".0f", tablefmt="github"))


def differences(run: Path) -> Iterator[list[str]]:
    """Yield a row for each cell, the private ones with the largest ε first."""
    plain = {r.cell.id: r for r in read_records(published("guided-cpc-plain"))}
    cells = load_suite("guided-cpc").cells()
    for cell in sorted(cells, key=lambda cell: -(cell.epsilon or 0)):
        experiment = Experiment.of(cell, run, Path("data"))
        if not experiment.start_file.exists():
            PublicStart(experiment).compute()
        game, recipe = experiment.game, experiment.recipe
        rng = training_rng(experiment, cell)
        trained = defense_of(cell).train(recipe, game.members, game.public, rng)
        texts = recognizer_of(recipe, trained).transcribe(game.test, BEAM)
        errors = errors_by_speaker(game.test, texts)
        control = plain[cell.id]
        less = rate_difference(_counts(errors), _counts(control.word_errors))
        guided = rate_of(errors, experiment.rng("wer", "test"))
        row = [cell.id, *map(_percent, (control.wer, guided, less))]
        print(row, file=sys.stderr, flush=True)
        yield row


def judged(plain: Recognizer, guided: Recognizer, heard: list[Utterance]) -> list[str]:
    """Return the word error rates of two starts, and that of the second less the first's."""
    found = [errors_by_speaker(heard, r.transcribe(heard, BEAM)) for r in (plain, guided)]
    one, other = map(_counts, found)
    rates = [rate_of(errors, Randomness(0)) for errors in found]
    return [_percent(e) for e in (*rates, rate_difference(other, one))]


def _counts(errors: Mapping[str, Mapping[str, Sequence[int]]]) -> Counts:
    """Return word errors and words (1, K, 2) of each speaker."""
    said = [np.sum(list(errors[speaker].values()), axis=0) for speaker in sorted(errors)]
    return np.array([said], dtype=float)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


if __name__ == "__main__":
    main(sys.argv[1:])
