"""What others may import of `targets`: submissions, notebooks, people with a model of their own.

These names stay; everything else in this package may move. Corpora are read, recognisers are built
by a `Recipe`, trained by `fit`, and their transcripts judged by `word_error_rate`.

    from targets.api import Recipe, Recognizer, Utterance, report
"""

from __future__ import annotations

from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.progress import listening, report, stage
from targets.core.randomness import Randomness
from targets.corpora.read import read_corpus
from targets.models.recognizer import Example, Recognizer
from targets.speech.audio import read_audio
from targets.speech.features import LogMel
from targets.speech.tokens import Characters, Subwords, Tokens
from targets.speech.transcript import normalise
from targets.speech.utterance import SAMPLE_RATE, Corpus, Unit, Utterance, Word
from targets.speech.wer import word_error_rate, word_errors
from targets.synthetic.corpus import SpeechRequest, embedded_corpus
from targets.training.checks import ContractError
from targets.training.ensemble import Ensemble, fit_ensemble
from targets.training.fit import fit, public_start
from targets.training.recipe import Recipe, Schedule

__all__ = [
    "SAMPLE_RATE",
    "Characters",
    "ContractError",
    "Corpus",
    "Ensemble",
    "Estimate",
    "Example",
    "LogMel",
    "OverheardError",
    "Randomness",
    "Recipe",
    "Recognizer",
    "Schedule",
    "SpeechRequest",
    "Subwords",
    "Tokens",
    "Unit",
    "Utterance",
    "Word",
    "embedded_corpus",
    "fit",
    "fit_ensemble",
    "listening",
    "normalise",
    "public_start",
    "read_audio",
    "read_corpus",
    "report",
    "stage",
    "word_error_rate",
    "word_errors",
]
