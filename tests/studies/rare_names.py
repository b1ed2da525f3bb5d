"""What does each kind of biasing gain? `python -m tests.studies.rare_names` prints a table.

The recogniser and the made-up names are those of `tests.studies.contact_lists`. Speakers who taught
it nothing call the names of a list; the list also has as many names that nobody says. Printed are
F1 of the names and the word error rate without a list, with each kind of biasing, and with all.

Takes tens of minutes on one core, nearly all of them training. With `toy` it takes less than one,
and shows that it runs.
"""

from __future__ import annotations

import sys

from tabulate import tabulate

from targets.core.randomness import Randomness
from targets.models.context.language_model import ClassBigrams
from targets.models.context.personal import KINDS, Personal
from targets.speech.rare_words import rare_word_f1
from targets.speech.wer import word_error_rate
from targets.synthetic.corpus import SpeechRequest, default_cache, embedded_corpus, speak
from tests.studies.contact_lists import FULL, SEED, TOY, Size, names, shown, taught

FIRST_VOICE, VOICES = 40, 12  # held out


def main(size: Size) -> None:
    """Print the table."""
    public = list(
        embedded_corpus(speakers=16, utterances=size.utterances, seed=SEED, cache=default_cache())
    )
    recognizer = taught(size, public)
    model = ClassBigrams.learn([u.text for u in public])
    listed = names(2 * size.pool)
    said = speak(
        [
            SpeechRequest(f"rare-{n}-{voice}", FIRST_VOICE + voice, f"call {name}")
            for n, name in enumerate(listed[: size.pool])
            for voice in (n % VOICES, (n + 5) % VOICES)
        ],
        seed=SEED,
        cache=default_cache(),
    )
    rows = []
    for kinds in ((), *((kind,) for kind in KINDS), KINDS):
        personal = Personal(listed, frozenset(kinds), model)
        written = personal.transcribe(recognizer, said)
        f1 = rare_word_f1(said, written, listed, Randomness(SEED))
        wer = word_error_rate(said, written, Randomness(SEED))
        name = "all" if kinds == KINDS else "".join(kinds) or "none"
        rows.append([name, shown(f1), shown(wer)])
        print(rows[-1], file=sys.stderr, flush=True)
    print(tabulate(rows, ["biasing", "F1 of names", "WER"], tablefmt="github"))


if __name__ == "__main__":
    main(TOY if sys.argv[1:2] == ["toy"] else FULL)
