"""How often is what was said on a public list? `python -m tests.studies.ballots DATA` prints it.

Whisper as it is lists hypotheses for public speech of the suite `whisper-pate`, and public rules
add how those may have been said. The error of the best text on a list bounds what any vote among
its texts can reach. `DATA` holds `an4` and `whisper-tiny.en`. Takes a minute of one core; a number
after `DATA` asks about fewer utterances.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from defenses.public.pseudo_labels import Shortlist, shortlists
from defenses.public.verbalisation import verbalised
from leaderboard.game.build import SPEECH_SEED
from leaderboard.game.real_speech import real_speech
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.models.pretrained import Pretrained
from targets.models.registry import TARGETS
from targets.speech.utterance import Utterance
from targets.speech.wer import word_errors
from targets.training.recipe import Recipe, Schedule

TARGET, SIZE = "whisper", 16
EVERY, ASKED = 5, 30  # of the public utterances, in their order


def error(spoken: Sequence[Utterance], texts: Sequence[str]) -> float:
    """Return the word error rate of a text for each utterance."""
    counted = [word_errors(u.text, text) for u, text in zip(spoken, texts, strict=True)]
    return sum(wrong for wrong, _ in counted) / sum(words for _, words in counted)


def row(name: str, spoken: Sequence[Utterance], lists: Sequence[Shortlist]) -> list[object]:
    """Return what the table says of some lists."""
    pairs = list(zip(spoken, lists, strict=True))
    nearest = [min(one.texts, key=lambda text: word_errors(u.text, text)[0]) for u, one in pairs]
    return [
        name,
        sum(len(one.texts) for one in lists) / len(lists),
        error(spoken, [one.texts[0] for one in lists]),
        error(spoken, nearest),
        sum(u.text in one.texts for u, one in pairs) / len(pairs),
    ]


def main(data: Path, asked: int = ASKED) -> None:
    """Print the table."""
    suite = load_suite("whisper-pate")
    public, folder = suite.speech.untranscribed, suite.training.checkpoint
    assert public is not None
    assert folder is not None
    spoken = real_speech("untranscribed", public, Randomness(SPEECH_SEED), data)
    spoken = spoken[::EVERY][:asked]
    pretrained = Pretrained(data / folder, suite.training.adapter_rank or 4)
    entry = TARGETS[TARGET]
    tokens = entry.imported(entry.tokens)(pretrained.folder)
    recipe = Recipe(TARGET, tokens, 0, 0, Schedule(1), 1e-4, 1, pretrained=pretrained)
    as_it_is = recipe.untrained(Randomness(0)).state_dict()
    lists = shortlists(replace(recipe, start=as_it_is), [u.without_words() for u in spoken], SIZE)
    rows = [
        row("as written", spoken, lists),
        row("verbalised", spoken, [verbalised(one) for one in lists]),
    ]
    header = ["lists", "texts", "WER of the first", "WER of the best", "truth on it"]
    print(tabulate(rows, header, floatfmt=".3f", tablefmt="github"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
