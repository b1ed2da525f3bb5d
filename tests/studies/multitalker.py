"""Two who speak at once: who is heard, who leaks? `python -m tests.studies.multitalker FOLDER`.

Two targets of equally many weights learn from public speech: `multitalker` from turns of one talker
and then from pairs that overlap, `rnnt` from the turns alone, which is all that it can be told.
Printed is what they write of speakers who taught them nothing: how often the number of turns is
right, and the word error rate, each talker's words held against their own turn.

Then `multitalker` is trained on, without privacy, on half of the private pairs, drawn by a coin for
each. A turn's score is how far its own loss has fallen since the public start. Printed is how well
it tells members from others: of both turns of a pair, in the pair and alone; of a member whom a
stranger talks over; and of the stranger, who was in no training, beside a member and beside others.

`FOLDER` keeps the weights of public speech, and `figures.json`. Takes about ten minutes of one
core. With `toy` after it, it takes less than one, and shows that it runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from scipy.stats import binomtest
from tabulate import tabulate

from attacks.statistics.evidence import Trials
from attacks.statistics.means import mean
from attacks.statistics.ranking import auc
from targets.core.estimate import Estimate
from targets.core.files import whole_file
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, in_batches
from targets.speech.tokens import Characters
from targets.speech.turns import turns_of
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.synthetic.corpus import default_cache, say_phrases
from targets.synthetic.overlapped import in_pairs, overlapped
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

SEED = Randomness(0).child("multitalker")
PUBLIC, PRIVATE, TEST, STRANGERS = range(16), range(16, 40), range(40, 52), range(52, 64)  # voices
OVERLAPS = 0.0, 0.5  # of the shorter turn, in training
STATED = 0.0, 0.25, 0.5  # at which word errors are measured
CHANNELS = 96
HIDDEN = {"multitalker": 64, "rnnt": 92}  # 344,831 and 343,713 weights
BATCH = 16
PUBLIC_RATE, PRIVATE_RATE = 3e-3, 2e-3

Pairs = Sequence[tuple[Utterance, Utterance, float]]


@dataclass(frozen=True)
class Size:
    """How much is said, in turns and in pairs of them, and how often it is gone through."""

    public: int  # turns
    private: int  # pairs, half of them members
    test: int  # pairs
    strangers: int
    alone: int  # epochs of `multitalker` on turns of one talker
    paired: int  # and then on pairs
    plain: int  # epochs of `rnnt`
    epochs: int  # on private pairs


FULL = Size(1600, 320, 100, 120, alone=6, paired=10, plain=16, epochs=12)
TOY = Size(32, 24, 8, 6, alone=1, paired=1, plain=1, epochs=2)


def main(folder: Path, size: Size) -> None:
    """Print both tables."""
    multitalker, rnnt = (kept(folder, target, size) for target in HIDDEN)
    figures = {
        "size": asdict(size),
        "recognition": recognition(multitalker.build(), rnnt.build(), size),
        "membership": membership(multitalker, size),
    }
    with whole_file(folder / "figures.json") as file:
        file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def kept(folder: Path, target: str, size: Size) -> Recipe:
    """Return a target that has learnt from public speech, from a folder where it is there."""
    schedule = Schedule(size.epochs, BATCH, PRIVATE_RATE)
    recipe = Recipe(
        target, Characters(), CHANNELS, HIDDEN[target], schedule, 1e-5, size.private // 2
    )
    path = folder / f"{target}.safetensors"
    if not path.exists():
        recognizer = taught(recipe, size)
        with whole_file(path) as file:
            save_file(recognizer.state_dict(), file)
    return replace(recipe, start=load_file(path))


def taught(recipe: Recipe, size: Size) -> Recognizer:
    """Return a target that has learnt from public speech."""
    turns = said(PUBLIC, size.public)
    recognizer = recipe.untrained(SEED.child("weights"))
    recognizer.logmel.calibrate(turns)
    if recipe.target == "rnnt":
        learn(recognizer, turns, size.plain, PUBLIC_RATE, augment=True)
    else:
        learn(recognizer, turns, size.alone, PUBLIC_RATE, augment=True)
        pairs = mixed(in_pairs(turns, OVERLAPS, SEED.child("public")))
        learn(recognizer, pairs + turns[::4], size.paired, PUBLIC_RATE, augment=True)
    return recognizer


def said(voices: range, turns: int) -> list[Utterance]:
    """Return commands that voices say, without names."""
    return say_phrases(list(voices), turns, seed=0, cache=default_cache(), personal=0.0)


def mixed(pairs: Pairs) -> list[Utterance]:
    """Return each pair as one recording."""
    return [overlapped(*pair) for pair in pairs]


def learn(
    recognizer: Recognizer,
    speech: Sequence[Utterance],
    epochs: int,
    rate: float,
    *,
    augment: bool,
) -> None:
    """Train a recogniser on."""
    fit(recognizer, speech, Schedule(epochs, BATCH, rate), SEED.child("fit"), augment=augment)
    losses = recognizer.nll(speech[:64])
    print(f"{epochs} epochs: {losses.mean():.2f} nats", file=sys.stderr, flush=True)


def recognition(multitalker: Recognizer, rnnt: Recognizer, size: Size) -> list[dict[str, object]]:
    """Print and return what both write of speakers who taught them nothing."""
    turns = said(TEST, 2 * size.test)
    pairs = in_pairs(turns, OVERLAPS, SEED.child("test"))
    sets = {"one talker": turns[: size.test]} | {
        f"two, {overlap:.0%} overlap": mixed([(a, b, overlap) for a, b, _ in pairs])
        for overlap in STATED
    }
    rows: list[dict[str, object]] = []
    for name, recognizer in (("multitalker", multitalker), ("rnnt", rnnt)):
        for heard, speech in sets.items():
            written = recognizer.transcribe(speech)
            right = [
                sum(map(len, turns_of(u.text))) == sum(map(len, turns_of(text)))
                for u, text in zip(speech, written, strict=True)
            ]
            own = word_error_rate(speech, written, SEED)
            anyone = word_error_rate(
                [replace(u, text=joined(u.text)) for u in speech], list(map(joined, written)), SEED
            )
            rows.append(
                {
                    "target": name,
                    "speech": heard,
                    "turn counting": share(right),
                    "WER": shown(own),
                    "WER, talkers joined": shown(anyone),
                    "recordings": len(speech),
                }
            )
    print(tabulate(rows, "keys", tablefmt="github"), flush=True)
    return rows


def joined(text: str) -> str:
    """Return the words of all talkers in a row."""
    return " ".join(turn for talker in turns_of(text) for turn in talker)


def membership(recipe: Recipe, size: Size) -> list[dict[str, object]]:
    """Print and return how well the loss of each turn tells who was in the training."""
    pairs = in_pairs(said(PRIVATE, 2 * size.private), OVERLAPS, SEED.child("private"))
    coins = SEED.child("coins").numpy().integers(2, size=len(pairs)).astype(bool)
    together = mixed(pairs)
    before, after = recipe.build(), recipe.build()
    members = [u for u, coin in zip(together, coins, strict=True) if coin]
    learn(after, members, size.epochs, PRIVATE_RATE, augment=False)

    def losses(speech: Sequence[Utterance]) -> np.ndarray:
        """Return the losses (2, N, talkers) before and after private training."""
        return np.stack([talkers_nll(model, speech) for model in (before, after)])

    rows = []
    in_pair = losses(together)
    alone = np.stack([losses([pair[k] for pair in pairs])[..., 0] for k in (0, 1)], -1)
    for heard, found in (("in its pair", in_pair), ("alone", alone)):
        for who, column in (("first turn", 0), ("second turn", 1)):
            rows.append(row(f"{who}, {heard}", found[..., column], coins, np.arange(len(pairs))))
    # Strangers, each once beside a member and once beside another: same side, order and overlap.
    ins, outs = np.flatnonzero(coins), np.flatnonzero(~coins)
    strangers = said(STRANGERS, size.strangers)[: min(len(ins), len(outs))]
    overlaps = SEED.child("strangers").numpy().uniform(*OVERLAPS, size=len(strangers))
    first = np.arange(len(strangers)) % 2 == 0  # whether the stranger begins
    beside = []
    for places in (ins, outs):
        speech = []
        for n, (stranger, overlap) in enumerate(zip(strangers, overlaps, strict=True)):
            turn = pairs[places[n]][n // 2 % 2]
            order = (stranger, turn) if first[n] else (turn, stranger)
            speech.append(overlapped(*order, float(overlap)))
        beside.append(losses(speech))
    both = np.concatenate(beside, 1)  # beside members, then beside others
    coin = np.repeat([True, False], len(strangers))
    group, begins = np.tile(np.arange(len(strangers)), 2), np.tile(first, 2)
    of_stranger = np.where(begins, both[..., 0], both[..., 1])
    of_other = np.where(begins, both[..., 1], both[..., 0])
    rows.append(row("a turn beside a stranger", of_other, coin, group))
    rows.append(row("the stranger", of_stranger, coin, group))
    fallen = of_stranger[0] - of_stranger[1]
    more = mean(fallen[coin] - fallen[~coin])
    print(tabulate(rows, "keys", tablefmt="github"))
    print(f"nats that a stranger's loss fell further beside a member: {shown(more)}", flush=True)
    return [*rows, {"turn": "the stranger, nats more beside a member", "mean": shown(more)}]


def row(name: str, losses: np.ndarray, coins: np.ndarray, groups: np.ndarray) -> dict[str, object]:
    """Return AUCs of losses (2, N) before and after training, of which the coins tell members."""
    scores: Mapping[str, np.ndarray] = {
        "AUC, fall of the loss": losses[0] - losses[1],
        "AUC, loss": -losses[1],
        "AUC, loss at the start": -losses[0],
    }
    found: dict[str, object] = {"turn": name, "members": int(coins.sum())}
    found["others"] = int((~coins).sum())
    for kind, values in scores.items():
        trials = Trials(
            values[coins], values[~coins], "utterance", "observational", groups[coins],
            groups[~coins],
        )  # fmt: skip
        found[kind] = shown(auc(trials, rng=SEED.child("auc", name, kind).numpy()))
    return found


def talkers_nll(recognizer: Recognizer, speech: Sequence[Utterance]) -> np.ndarray:
    """Return the losses (N, talkers) in nats of what each talker says."""

    def ask(batch: Sequence[Utterance]) -> list[list[float]]:
        labels = [recognizer.tokens.encode(u.text) for u in batch]
        found = recognizer.network.talkers_nll(*recognizer.logmel(batch), labels)
        return found.detach().tolist()

    return np.array(in_batches(speech, ask))


def share(right: Sequence[bool]) -> str:
    """Return how often something is right, with its exact interval."""
    interval = binomtest(sum(right), len(right)).proportion_ci()
    return f"{sum(right) / len(right):.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def shown(estimate: Estimate) -> str:
    """Return a figure with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main(Path(sys.argv[1]), TOY if sys.argv[2:3] == ["toy"] else FULL)
