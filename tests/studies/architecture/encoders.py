"""CTC on a conformer and on an LSTM: word errors of both, and members told at equal word errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.base import LossScores
from attacks.membership.loss import Loss
from leaderboard.figures.intervals import LEVEL, rate, rate_difference, student
from leaderboard.figures.ranks import auc_influence, clustered_error
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.corpora.read import read_corpus
from targets.models.recognizer import Recognizer, untrained
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import errors_by_speaker
from targets.training.recipe import Schedule
from tests.studies.architecture.course import course
from tests.studies.intervals import percent, shown

SEED = Randomness(0).child("encoders")
CHANNELS = 64
HIDDEN = {"ctc": 96, "conformer": 64}  # 183,453 and 183,837 weights
BATCH = 16
IN = 0.75  # of the training split: the chance of an utterance to be a member
JUDGES = 12  # speakers of the training split who judge the schedules, and teach nothing there
FURTHER = 2  # groups of as many more, who hear only what was chosen, and teach nothing there

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """What is tried, how often is measured, and how much of the speech there is."""

    schedules: tuple[Schedule, ...]  # each is tried for both targets
    shares: tuple[float, ...]  # of the epochs after which is measured, the last of all
    seeds: int
    stride: int = 1  # every how many-th utterance there is


FULL = Size(
    tuple(Schedule(e, BATCH, r) for e, r in ((15, 2e-3), (15, 4e-3), (60, 4e-3), (60, 8e-3))),
    shares=(0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0),
    seeds=2,
)
TOY = Size((Schedule(2, BATCH, 4e-3), Schedule(2, BATCH, 8e-3)), (0.5, 1.0), seeds=2, stride=12)


def figures(an4: Path, folder: Path, size: Size) -> dict[str, Any]:
    """Return what both targets write, and how well their members are told."""
    train, test = (tuple(read_corpus(an4, split=s))[:: size.stride] for s in ("train", "test"))
    tried = {t: [wer_of(without(t, s, train, folder, 0)) for s in size.schedules] for t in HIDDEN}
    best = {t: size.schedules[int(np.argmin(rates))] for t, rates in tried.items()}
    further = {
        t: [c for n in range(FURTHER) for c in without(t, s, train, folder, 1 + n)]
        for t, s in best.items()
    }
    runs: dict[str, list[list[Any]]] = {target: [] for target in HIDDEN}
    coins = [
        SEED.child("coins", seed).numpy().random(len(train)) < IN for seed in range(size.seeds)
    ]
    for seed, coin in enumerate(coins):
        for target, schedule in best.items():
            found = one(target, seed, train, coin, test, schedule, size.shares, folder)
            runs[target].append(found)
    return {
        "weights": {t: sum(p.numel() for p in fresh(t, 0).network.parameters()) for t in HIDDEN},
        "speech": {
            "train": len(train),
            "members": [int(coin.sum()) for coin in coins],
            "test": len(test),
        },
        "tried": [
            {
                "target": target,
                "epochs": schedule.epochs,
                "learning rate": schedule.learning_rate,
                "WER": wer,
                "taken": schedule is best[target],
            }
            for target in HIDDEN
            for schedule, wer in zip(size.schedules, tried[target], strict=True)
        ],
        "further": word_errors({t: np.array([counts], float) for t, counts in further.items()}),
        "test": of_test(runs),
        "curves": {
            target: [
                [
                    {"epochs": s["epochs"], "WER": wer_of(s["left out"]), "AUC": area(s, coin)}
                    for s in found
                ]
                for found, coin in zip(runs[target], coins, strict=True)
            ]
            for target in HIDDEN
        },
        "at equal WER": at_equal_rates(runs, coins, train),
    }


def fresh(target: str, seed: int) -> Recognizer:
    """Return a target with random weights."""
    rng = SEED.child("weights", seed)
    return untrained(target, Characters(), CHANNELS, HIDDEN[target], rng)


def called(schedule: Schedule) -> str:
    """Return what the files of a schedule are called."""
    return f"{schedule.epochs}-{schedule.learning_rate:g}"


def without(
    target: str, schedule: Schedule, train: Sequence[Utterance], folder: Path, group: int
) -> list[list[int]]:
    """Return word errors and words of speakers of the training split who were not trained on."""
    speakers = SEED.child("judges").numpy().permutation(sorted({u.speaker for u in train}))
    judges = set(speakers[group * JUDGES :][:JUDGES].tolist())
    known = [u for u in train if u.speaker not in judges]
    heard = [u for u in train if u.speaker in judges]
    recognizer = fresh(target, 0)
    recognizer.logmel.calibrate(known)
    (found,) = course(
        folder / "encoders" / f"{target}-without-{group}-{called(schedule)}",
        recognizer,
        known,
        schedule,
        SEED.child("tuning"),
        [schedule.epochs],
        lambda r: errors(r, heard),
    )
    return [list(counts) for counts in found]


def one(
    target: str,
    seed: int,
    train: Sequence[Utterance],
    coin: NDArray[np.bool_],
    test: Sequence[Utterance],
    schedule: Schedule,
    shares: Sequence[float],
    folder: Path,
) -> list[Any]:
    """Return what was measured of one training on the members."""
    members = [u for u, inside in zip(train, coin, strict=True) if inside]
    others = [u for u, inside in zip(train, coin, strict=True) if not inside]
    recognizer = fresh(target, seed)
    recognizer.logmel.calibrate(members)

    def measured(r: Recognizer) -> dict[str, Any]:
        scores = Loss().score(LossScores(r, r, ()), train, SEED).scores
        return {"scores": scores.tolist(), "left out": errors(r, others)}

    path = folder / "encoders" / f"{target}-{seed}-{called(schedule)}"
    stops = [round(share * schedule.epochs) for share in shares]
    rng = SEED.child("fit", seed)
    found = course(path, recognizer, members, schedule, rng, stops, measured)
    for stop, epoch in zip(found, stops, strict=True):
        stop["epochs"] = epoch
    # The test speakers are heard by what training ends with, and by nothing before.
    found[-1]["test"] = errors(recognizer, test)
    told = wer_of(found[-1]["test"]), wer_of(found[-1]["left out"]), area(found[-1], coin)
    print(target, seed, *(f"{x:.3f}" for x in told), file=sys.stderr, flush=True)
    return found


def errors(recognizer: Recognizer, speech: Sequence[Utterance]) -> list[list[int]]:
    """Return word errors and words of each speaker, by greedy search."""
    found = errors_by_speaker(speech, recognizer.transcribe(speech))
    return [np.sum(list(found[name].values()), axis=0).tolist() for name in sorted(found)]


def wer_of(counts: Sequence[Sequence[int]]) -> float:
    """Return the word error rate of the counts of all speakers."""
    wrong, words = np.sum(counts, axis=0)
    return float(wrong / words)


def of_test(runs: dict[str, list[list[Any]]]) -> dict[str, str]:
    """Return the word error rates on the test split, of all seeds and of each, in percent."""
    counts = {
        target: np.array([found[-1]["test"] for found in of_target], dtype=float)
        for target, of_target in runs.items()
    }
    shown = word_errors(counts)
    for target, c in counts.items():
        shown |= {f"{target}, seed {n}": percent(rate(c[n : n + 1])) for n in range(len(c))}
    return shown


def word_errors(counts: dict[str, Values]) -> dict[str, str]:
    """Return the rates of counts (seeds, speakers, 2) of targets, and their difference."""
    less = rate_difference(counts["conformer"], counts["ctc"])
    shown = {target: percent(rate(c)) for target, c in counts.items()}
    return {**shown, "conformer less ctc": percent(less)}


def area(stop: Any, coin: NDArray[np.bool_]) -> float:
    """Return the AUC of the attack at one stop."""
    return auc_influence(np.array(stop["scores"]), coin)[0]


def at_equal_rates(
    runs: dict[str, list[list[Any]]], coins: list[NDArray[np.bool_]], train: Sequence[Utterance]
) -> list[dict[str, Any]]:
    """Return AUCs of both targets at each tenth of the word error rate that all trainings pass.

    The rate is that of the utterances that were left out. Between two stops the AUC is interpolated
    in the rate, and so is what each utterance does to it.
    """
    curves = {t: [[wer_of(s["left out"]) for s in found] for found in runs[t]] for t in runs}
    every = [curve for of_target in curves.values() for curve in of_target]
    lowest, highest = max(map(min, every)), min(max(curve) for curve in every)
    speakers = np.unique([u.speaker for u in train], return_inverse=True)[1]
    rows = []
    for tenth in range(9, 0, -1):
        level = tenth / 10
        if not lowest <= level <= highest:
            continue
        areas: dict[str, list[float]] = {target: [] for target in runs}
        moves = []
        for seed, coin in enumerate(coins):
            of_seed = {}
            for target in runs:
                value, influence = between(runs[target][seed], curves[target][seed], level, coin)
                areas[target].append(value)
                of_seed[target] = influence
            moves.append(of_seed["conformer"] - of_seed["ctc"])
        less = np.subtract(areas["conformer"], areas["ctc"])
        # Over seeds: the speakers are the same, so that what they do to each seed is averaged.
        row: dict[str, Any] = {"WER": level}
        for target in runs:
            row[target] = [round(x, 4) for x in areas[target]]
        row["each"] = [shown(estimate(x, m, speakers)) for x, m in zip(less, moves, strict=True)]
        row["mean"] = shown(estimate(float(less.mean()), np.mean(moves, axis=0), speakers))
        rows.append(row)
    return rows


def between(
    stops: list[Any], curve: list[float], level: float, coin: NDArray[np.bool_]
) -> tuple[float, Values]:
    """Return the AUC and its influence where a training first has a word error rate."""
    last = next(n for n, wer in enumerate(curve) if wer <= level)
    found = [auc_influence(np.array(s["scores"]), coin) for s in stops[max(0, last - 1) : last + 1]]
    if len(found) == 1:
        return found[0]
    share = (curve[last - 1] - level) / (curve[last - 1] - curve[last])
    (before, moved_before), (after, moved_after) = found
    influence = (1 - share) * moved_before + share * moved_after
    return (1 - share) * before + share * after, influence


def estimate(value: float, influence: Values, speakers: NDArray[np.int64]) -> Estimate:
    """Return a figure with Student's t over speakers."""
    count = len(np.unique(speakers))
    half = student(count - 1, LEVEL) * clustered_error(influence, speakers)
    return Estimate(value, value - half, value + half, LEVEL, f"DeLong over {count} speakers")
