"""Trainings that are kept: one that stops to be measured, and goes on where it was killed."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.augmentation import masked
from targets.speech.utterance import Utterance
from targets.training.fit import MOST_GRADIENT, batches, fit, rate
from targets.training.recipe import Schedule


def course(
    path: Path,
    recognizer: Recognizer,
    speech: Sequence[Utterance],
    schedule: Schedule,
    rng: Randomness,
    stops: Collection[int],
    measure: Callable[[Recognizer], Any],
) -> list[Any]:
    """Train as `fit` does, with masks on the spectrogram, and return what is measured at stops.

    `stops` are numbers of epochs. What an epoch draws follows from its number, so that a training
    that was killed ends as one that was not. Its state is kept at `path` with `.pt` behind
    it, what was measured with `.json`.
    """
    state, results = (path.with_name(f"{path.name}.{kind}") for kind in ("pt", "json"))
    weights = list(recognizer.network.parameters())
    optimizer = torch.optim.Adam(weights, lr=schedule.learning_rate)
    done, found = 0, list[Any]()
    if state.exists():
        kept = torch.load(state, weights_only=True)
        recognizer.load_state_dict(kept["recognizer"])
        optimizer.load_state_dict(kept["optimizer"])
        done = kept["epochs"]
        found = json.loads(results.read_text(encoding="utf-8"))
        found = found[: sum(stop <= done for stop in stops)]
    examples = recognizer.examples(speech) if done < schedule.epochs else []
    a_round = math.ceil(len(speech) / schedule.batch_size)
    begun = time.process_time()
    for epoch in range(done, schedule.epochs):
        hiding = rng.child("augmentation", epoch).torch()
        order = rng.child("order", epoch).numpy()
        for number, batch in enumerate(batches(examples, schedule.batch_size, order)):
            share = rate(epoch * a_round + number, schedule.epochs * a_round)
            for group in optimizer.param_groups:
                group["lr"] = schedule.learning_rate * share
            hidden = [Example(masked(e.features, hiding), e.labels) for e in batch]
            loss = recognizer.example_nll(hidden).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights, MOST_GRADIENT)
            optimizer.step()
        if epoch + 1 in stops:
            found.append(measure(recognizer))
            with whole_file(results) as file:
                file.write_text(json.dumps(found), encoding="utf-8")
            with whole_file(state) as file:
                torch.save(
                    {
                        "recognizer": recognizer.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "epochs": epoch + 1,
                    },
                    file,
                )
            took = time.process_time() - begun
            told = f"{path.name}: {epoch + 1} epochs, {loss:.2f} nats, {took:.0f} s of CPU"
            print(told, file=sys.stderr, flush=True)
    return found


def train_once(
    path: Path,
    recognizer: Recognizer,
    speech: Sequence[Utterance],
    schedule: Schedule,
    rng: Randomness,
) -> None:
    """Train as `fit` does and keep the weights at `path`, or take them from there."""
    if path.exists():
        recognizer.load_state_dict(load_file(path))
        return
    fit(recognizer, speech, schedule, rng)
    with whole_file(path) as file:
        save_file(recognizer.state_dict(), file)
