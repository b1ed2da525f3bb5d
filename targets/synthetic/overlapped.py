"""Two talkers at once: two recordings of a corpus made one, the second begun before the first ends.

Nothing is drawn but who talks with whom and for how long: the sound follows from the two recordings
and the overlap alone, to the sample. So overlapped speech needs no cache of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from targets.core.randomness import Randomness
from targets.speech.turns import END, NEXT, START, with_turns
from targets.speech.utterance import SAMPLE_RATE, TALKED_BY, Utterance, Word

LOUDNESS = 0.06  # root mean square of each talker's recording, of full scale
PEAK = 0.98  # of the mixture, at most


def overlapped(first: Utterance, second: Utterance, overlap: float) -> Utterance:
    """Return two recordings as one, both as loud, of which `first` starts first.

    Both are heard during `overlap` of the shorter one, at least 0 and below 1. The transcript has
    the turns of both (`targets.speech.turns`); the words are those of the first talker, then those
    of the second. The attributes name both recordings (`turns`), their speakers (`talkers`), and
    when the second begins, in seconds (`onset`).

    Raises:
        ValueError: the overlap is no such share, both are of one speaker, or one of them is a
            mixture or has marks of turns already.
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap is {overlap}; it must be at least 0 and below 1")
    if first.speaker == second.speaker:
        raise ValueError(f"{first.id} and {second.id} are both of {first.speaker}")
    for turn in (first, second):
        if TALKED_BY in turn.attributes or {START, END, NEXT} & set(turn.text):
            raise ValueError(f"{turn.id} has turns already: a mixture is made of one turn each")
    # At least one sample: which talker is first is never a matter of rounding.
    onset = max(1, first.size - round(overlap * min(first.size, second.size)))
    mixed = np.zeros(max(first.size, onset + second.size))
    for talker, start in ((first, 0), (second, onset)):
        samples = talker.samples.astype(np.float64)
        loudness = max(float(np.sqrt(np.mean(samples**2))), 1e-9)  # of silence, too
        mixed[start : start + talker.size] += samples * LOUDNESS / loudness
    mixed *= min(1.0, PEAK / max(float(np.abs(mixed).max()), 1e-9))
    later = onset / SAMPLE_RATE
    return Utterance(
        id=f"{first.id}+{second.id}",
        speaker=f"{first.speaker}+{second.speaker}",
        # In 16-bit steps, like every recording made here: see `acoustics.record`.
        samples=np.round(mixed * 32767).astype(np.int16).astype(np.float32) / np.float32(32768),
        text=with_turns([[first.text], [second.text]]),
        words=(
            *first.words,
            *(Word(w.text, w.start + later, w.end + later) for w in second.words),
        ),
        attributes={
            "turns": f"{first.id} {second.id}",
            TALKED_BY: f"{first.speaker} {second.speaker}",
            "overlap": f"{overlap:.3f}",
            "onset": f"{later:.3f}",
        },
    )


def in_pairs(
    turns: Sequence[Utterance], overlap: tuple[float, float], randomness: Randomness
) -> list[tuple[Utterance, Utterance, float]]:
    """Return turns in pairs of two speakers, each turn once, with an overlap for each pair.

    The overlap is drawn uniformly from a range. Turns that are left over with others of their own
    speaker alone are in no pair.
    """
    rng = randomness.numpy()
    waiting: list[Utterance] = []
    pairs = []
    for turn in (turns[i] for i in rng.permutation(len(turns))):
        other = next((w for w in waiting if w.speaker != turn.speaker), None)
        if other is None:
            waiting.append(turn)
        else:
            waiting.remove(other)
            pairs.append((other, turn, float(rng.uniform(*overlap))))
    return pairs
