"""Cohorts of speakers that sound alike, for corpora that say nothing of them.

After Dheram et al. (2022, arXiv 2207.11345): embeddings of speakers are grouped without any label.
The number of groups is the one with the largest mean silhouette (Rousseeuw 1987). Errors and
scores take no part in the grouping, so the groups are not chosen for their gaps. No scheme and no
attack is given them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from attacks.canaries.canary import CANARY
from attacks.inversion.voiceprint import Voiceprint, unit
from leaderboard.game.cohorts import cohorts
from leaderboard.game.game import Game
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance

ATTRIBUTE = "voice"  # of cohorts that were found
FEWEST_SPEAKERS = 12  # below which nothing is looked for
MOST_GROUPS = 8
HEARD = 8  # utterances of each speaker

Array = NDArray[np.float64]


def cohorts_of(game: Game) -> dict[str, dict[str, str]]:
    """Return what the corpus says of private and test speakers, or else who of them sound alike.

    Who only says canaries belongs to no cohort: those voices are not the corpus's.
    """
    heard = [u for u in (*game.candidates, *game.test) if CANARY not in u.attributes]
    return cohorts(heard) or _found(game.public, heard)


def _found(public: Iterable[Utterance], heard: Iterable[Utterance]) -> dict[str, dict[str, str]]:
    voices, known = _some_of_each(public), _some_of_each(heard)
    if len(voices) < 2 or len(known) < FEWEST_SPEAKERS:
        return {}
    logmel = LogMel()

    def spectrograms(said: Iterable[Utterance]) -> list[Array]:
        return [logmel.raw(u).double().numpy() for u in said]

    said = [u for of_one in voices.values() for u in of_one]
    print_ = Voiceprint.learn(spectrograms(said), [u.speaker for u in said])
    means = unit(np.stack([print_.embed(spectrograms(own)).mean(0) for own in known.values()]))
    return {
        speaker: {ATTRIBUTE: str(label)}
        for speaker, label in zip(known, groups(means), strict=True)
    }


def _some_of_each(utterances: Iterable[Utterance]) -> dict[str, list[Utterance]]:
    of_each: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        of_speaker = of_each.setdefault(utterance.speaker, [])
        if len(of_speaker) < HEARD:
            of_speaker.append(utterance)
    return dict(sorted(of_each.items()))


def groups(points: Array) -> list[int]:
    """Return the group of each of at least three points (N, D), from 1, the largest first.

    Groups are cut out of Ward's tree; of 2 to `MOST_GROUPS` it is the number with the largest mean
    silhouette.
    """
    distances = pdist(points)
    tree, square = linkage(points, "ward"), squareform(distances)
    cuts = [
        fcluster(tree, count, "maxclust")
        for count in range(2, min(MOST_GROUPS, len(points) - 1) + 1)
    ]
    best = max(cuts, key=lambda labels: silhouette(square, labels))
    ordered = [label for label, _ in Counter(best.tolist()).most_common()]
    return [ordered.index(label) + 1 for label in best.tolist()]


def silhouette(distances: Array, labels: NDArray[np.int32]) -> float:
    """Return the mean silhouette of points from their distances (N, N); -1 for one group alone.

    A point that is alone in its group has 0.
    """
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        return -1.0
    inside = np.stack([labels == name for name in names])
    sums = distances @ inside.T
    own = inside.T
    counts = inside.sum(1)
    within = (sums * own).sum(1) / np.maximum((counts - 1) @ own.T, 1)
    nearest = np.where(own, np.inf, sums / counts).min(1)
    widest = np.maximum(np.maximum(within, nearest), 1e-12)
    alone = (counts @ own.T) == 1
    return float(np.where(alone, 0.0, (nearest - within) / widest).mean())
