"""How well the loss of each turn tells who was in the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tabulate import tabulate

from attacks.statistics.evidence import Trials
from attacks.statistics.means import mean
from attacks.statistics.ranking import auc
from targets.models.recognizer import Recognizer, in_batches
from targets.speech.utterance import Utterance
from targets.synthetic.overlapped import in_pairs, overlapped
from targets.training.recipe import Recipe
from tests.studies.intervals import shown
from tests.studies.multitalker.teaching import (
    OVERLAPS,
    PRIVATE,
    PRIVATE_RATE,
    SEED,
    STRANGERS,
    Size,
    learn,
    mixed,
    said,
)


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
