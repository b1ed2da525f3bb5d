"""`overheard train`: one target without privacy, to see that it is a real recogniser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import save_file

from defenses.base import weights_of
from leaderboard.commands.options import Device
from leaderboard.experiment.preflight import check_cache
from leaderboard.game.build import EMBEDDED, SPEECH_SEED
from leaderboard.views.table import compact
from targets.core.device import resolve_device
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.progress import listening
from targets.core.randomness import Randomness
from targets.corpora.fit import check_fit
from targets.corpora.read import read_corpus
from targets.models.registry import TARGETS
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.synthetic.corpus import default_cache, embedded_corpus
from targets.training.fit import public_start
from targets.training.recipe import Recipe, Schedule

EMBEDDED_TRAINING, EMBEDDED_TEST = (40, 2000), (8, 200)  # voices, utterances


def train(
    corpus: Annotated[str, typer.Argument(help="'embedded', or a corpus with splits train, test.")],
    target: Annotated[str, typer.Option(help="See `overheard list targets`.")] = "ctc",
    epochs: Annotated[int, typer.Option(min=1)] = 20,
    batch_size: Annotated[int, typer.Option(min=1)] = 16,
    learning_rate: Annotated[float, typer.Option(min=1e-6)] = 2e-3,
    channels: Annotated[int, typer.Option(min=1)] = 128,
    hidden: Annotated[int, typer.Option(min=1)] = 128,
    beam: Annotated[int, typer.Option(min=1, help="1 is greedy decoding.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = None,
    out: Annotated[Path | None, typer.Option(help="Where to keep the weights.")] = None,
) -> None:
    """Train a target without privacy and measure its word error rate on unheard speakers."""
    if target not in TARGETS:
        raise OverheardError(
            f"--target {target}: no such target (known: {', '.join(TARGETS.names())})"
        )
    if corpus == EMBEDDED:
        check_cache()
    training, test = _splits(corpus)
    if not training or not test:
        raise OverheardError(f"{corpus}: needs utterances in the splits train and test")
    shared = sorted({u.speaker for u in training} & {u.speaker for u in test})
    if shared:
        more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
        raise OverheardError(
            f"{corpus}: speaker {shared[0]}{more} is in train and in test; split by speaker, so "
            "that the error is that of speakers it has not heard"
        )
    check_fit(training, Characters(), TARGETS[target].frames_per_label, target)
    # One thread: the steps are small, and the same seed gives the same weights on any machine.
    torch.set_num_threads(1)
    schedule = Schedule(epochs, batch_size, learning_rate)
    used = str(resolve_device(device or "cpu"))
    recipe = Recipe(
        target, Characters(), channels, hidden, schedule, 0.0, len(training), device=used
    )
    rng = Randomness(seed)
    began = time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(f"{target} on {len(training)} utterances", total=1.0)
        with listening(lambda fraction: bars.update(bar, completed=fraction)):
            recognizer = public_start(recipe, training, schedule, rng)
    seconds = time.monotonic() - began
    error_rate = word_error_rate(test, recognizer.transcribe(test, beam), rng.child("wer"))
    parameters = sum(p.numel() for p in recognizer.network.parameters())
    typer.echo(f"{parameters:,} parameters, trained for {seconds:.0f} s")
    typer.echo(f"test WER {compact(error_rate)}, {len(test)} utterances ({error_rate.method})")
    if out is not None:
        with whole_file(out) as aside:
            save_file(weights_of(recognizer), aside)


def _splits(corpus: str) -> tuple[list[Utterance], list[Utterance]]:
    if corpus != EMBEDDED:
        path = Path(corpus)
        if not path.exists():
            raise OverheardError(f"{path}: no such corpus; give its path, or 'embedded'")
        return list(read_corpus(path, split="train")), list(read_corpus(path, split="test"))
    first = 0
    splits = []
    for voices, utterances in (EMBEDDED_TRAINING, EMBEDDED_TEST):
        made = embedded_corpus(
            speakers=voices,
            utterances=utterances,
            seed=SPEECH_SEED,
            cache=default_cache(),
            first_speaker=first,
        )
        splits.append(list(made))
        first += voices
    return splits[0], splits[1]
