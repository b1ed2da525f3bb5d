"""Which speakers and utterances of real speech are taken where a suite wants fewer than there are.

What is drawn follows from names and the seed alone: the order of the lines of a corpus decides
nothing, and what is added to a corpus changes little of the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


def of_speakers(utterances: Sequence[Utterance], count: int, rng: Randomness) -> list[Utterance]:
    """Return all utterances of `count` speakers drawn at random, in the order given."""
    speakers = sorted({u.speaker for u in utterances}, key=lambda s: rng.child(s).integer())
    kept = set(speakers[:count])
    return [u for u in utterances if u.speaker in kept]


def stratified(utterances: Sequence[Utterance], count: int, rng: Randomness) -> list[Utterance]:
    """Return `count` utterances drawn at random, in the order given.

    Every speaker has the share that is theirs of all, to within one utterance.
    """
    of_each: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        of_each[utterance.speaker].append(utterance)
    # The utterances of a speaker lie evenly on the way from 0 to 1, in random order and from a
    # random beginning; what lies first is taken.
    places: dict[str, float] = {}
    for speaker, theirs in of_each.items():
        theirs.sort(key=lambda u: rng.child("utterance", u.id).integer())
        begin = rng.child("speaker", speaker).integer() / 2**63
        places |= {u.id: (n + begin) / len(theirs) for n, u in enumerate(theirs)}
    kept = set(sorted(places, key=lambda identity: (places[identity], identity))[:count])
    return [u for u in utterances if u.id in kept]
