"""`overheard check-model`: does a recogniser of somebody else keep the contract of an audit?"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.recognisers.base import ABILITIES, Ability, Opening, OutsideRecogniser, can
from leaderboard.recognisers.checks import Kept, check_recogniser
from leaderboard.recognisers.open import FORMS, open_recogniser
from targets.core.errors import OverheardError
from targets.core.files import default_cache
from targets.corpora.read import survey
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import embedded_corpus

SECONDS = 20.0  # of the longest utterance that is taken from a corpus
NEEDED: dict[Ability | None, str] = {
    None: "what it writes: of secrets, of covered speech, of members and others",
    "log_likelihood": "losses: alone, beside a base or references; secrets ranked among others",
    "gradient_norm": "norms of gradients (which audit-model does not use yet)",
}


def check_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=FORMS)],
    speech: Annotated[
        Path | None,
        typer.Option(help="A corpus to try it on.", show_default="embedded synthetic speech"),
    ] = None,
    utterances: Annotated[int, typer.Option(min=2, help="On so many of it.")] = 6,
    device: Annotated[str, typer.Option(help="What weights are put on.")] = "cpu",
    language: Annotated[
        str, typer.Option(help="Told to models that take one, such as en.", show_default=False)
    ] = "",
    adapter: Annotated[
        Path | None, typer.Option(help="The folder of a peft adapter.", show_default=False)
    ] = None,
    key_from: Annotated[
        str, typer.Option(help="The environment variable with a service's key.", show_default=False)
    ] = "",
) -> None:
    """Ask a recogniser about a few utterances, twice: contract, speed, and what can be attacked."""
    opening = Opening(device=device, language=language, adapter=adapter, key_from=key_from)
    recogniser = open_recogniser(model, opening)
    kept = check_recogniser(recogniser, _speech(speech, utterances))
    typer.echo("\n".join(told(recogniser, kept)))


def told(recogniser: OutsideRecogniser, kept: Kept) -> list[str]:
    """Return what is found of a recogniser, in lines."""
    lines = [
        f"{recogniser.name} keeps the contract ({recogniser.kind}; digest: "
        f"{(recogniser.digest or 'unknown')[:16]})",
        f"word error rate on the speech of this check: {100 * kept.wer:.1f} %",
    ]
    lines += [f"  it wrote: {text!r}" for text in kept.transcripts[:3]]
    if kept.right_above_wrong is not None:
        lines.append(
            f"right text above a wrong one: {100 * kept.right_above_wrong:.0f} %; "
            f"{kept.nats_a_letter:.2f} nats a letter of the right text"
        )
        if kept.right_above_wrong < 1:
            lines.append("  a recogniser that hears this speech has 100 %: is the sign right?")
    lines += [
        f"speed: {name} takes {seconds:.3f} s for a second of speech"
        for name, seconds in kept.speed.items()
    ]
    lines.append(f"can be attacked by {NEEDED[None]}")
    for ability in ABILITIES:
        if can(recogniser, ability):
            lines.append(f"can be attacked by {NEEDED[ability]}")
        else:
            lines.append(f"not by {NEEDED[ability]}: {recogniser.cannot[ability]}")
    return lines


def _speech(corpus: Path | None, count: int) -> list[Utterance]:
    """Return the utterances of the check; of a corpus the first that are usable."""
    if corpus is None:
        cache = default_cache()
        return list(embedded_corpus(speakers=2, utterances=count, seed=0, cache=cache))
    usable = (
        u for u in survey(corpus) if isinstance(u, Utterance) and u.text and u.duration <= SECONDS
    )
    found = list(islice(usable, count))
    if len(found) < 2 or len({u.text for u in found}) < 2:
        raise OverheardError(
            f"{corpus}: has no two usable utterances of different texts, of at most {SECONDS:g} s; "
            f"overheard corpus {corpus} shows why"
        )
    return found
