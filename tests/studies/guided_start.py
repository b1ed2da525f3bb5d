"""What guided CPC makes of a start: `python -m tests.studies.guided_start COUNT...`.

For each `COUNT` of transcribed public utterances, the plain start of the suite `guided-cpc-plain`
and the start of `guided-cpc` are trained as those suites do. Printed are their word error rates on
the test speech, by beam search as in a suite, and the paired difference, with intervals over
speakers. With the suites' own count the starts are those of the suites.

With `--records` alone, the rows of the published records of the two suites are compared instead:
the word error rate of each, and the difference, paired speaker by speaker.

With `--tune` no test speaker is heard: four of the public speakers are not trained on, and judge.
Settings may be chosen so. What follows the counts as `epochs=N`, `rate=R`, `public=N` sets the
epochs and the learning rate of the pre-training, and the epochs of all training by transcripts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

from leaderboard.experiment.stages.start import START_SEED
from leaderboard.experiment.train import BEAM
from leaderboard.figures.intervals import rate_difference
from leaderboard.figures.paired import wer_difference
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
    if "--records" in arguments:
        print(tabulate(differences(), ["row", "plain", "guided", "difference"], tablefmt="github"))
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


def differences() -> list[list[str]]:
    """Return a row for each cell of the two suites that has been published of both."""
    plain, guided = (
        {r.cell.id: r for r in read_records(published(name)) if r.wer.scored}
        for name in ("guided-cpc-plain", "guided-cpc")
    )
    return [
        [name, *map(_percent, (one.wer, guided[name].wer, wer_difference([guided[name]], [one])))]
        for name, one in plain.items()
        if name in guided
    ]


def judged(plain: Recognizer, guided: Recognizer, heard: list[Utterance]) -> list[str]:
    """Return the word error rates of two starts, and that of the second less the first's."""
    found = [errors_by_speaker(heard, r.transcribe(heard, BEAM)) for r in (plain, guided)]
    speakers = sorted(found[0])
    one, other = (
        np.array([[np.sum(list(errors[s].values()), axis=0) for s in speakers]], dtype=float)
        for errors in found
    )
    rates = [rate_of(errors, Randomness(0)) for errors in found]
    return [_percent(e) for e in (*rates, rate_difference(other, one))]


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


if __name__ == "__main__":
    main(sys.argv[1:])
