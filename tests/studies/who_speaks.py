"""Do front ends hide who speaks? `python -m tests.studies.who_speaks`.

24 speakers of the embedded corpus said eight utterances that an attacker has, with their names, and
eight others that went through a front end. Whose are these? The attacker's voiceprint
(`attacks.inversion.voiceprint`) is learnt on 24 further voices. Three attackers: of the recordings
as they are; of what the front end made, by what was learnt from recordings as they are (ignorant);
and by what was learnt from speech that went through the front end as well, the eight utterances
that it has among them (informed, as in the VoicePrivacy challenges).

Printed are the share of utterances whose speaker was named, of 24, and the equal error rate of all
pairs of trials and speakers. Brackets: 95 % bootstrap over speakers.

Takes two minutes of one core; with `toy` seconds, which show that it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from tabulate import tabulate

from attacks.inversion.voiceprint import Voiceprint, unit
from attacks.statistics.bootstrap import cluster_interval
from defenses.text.spoken import spoken
from defenses.voice.shift import drawn_shift, shifted
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import say_phrases

SEED, EACH = 99, 8  # utterances that the attacker has of a speaker, and as many trials
FrontEnd = Callable[[Sequence[Utterance]], list[Utterance]]


def as_they_are(said: Sequence[Utterance]) -> list[Utterance]:
    """Return the recordings."""
    return list(said)


def with_shifted_voices(said: Sequence[Utterance]) -> list[Utterance]:
    """Return what `voice-shifted` trains on: each moved anew."""
    rng = Randomness(SEED).child("shift")
    return [replace(u, samples=shifted(u.samples, drawn_shift(rng.child(u.id)))) for u in said]


def with_replaced_voices(voices: Sequence[int]) -> FrontEnd:
    """Return what `voice-replaced` trains on: the texts, said by other voices."""

    def replaced(said: Sequence[Utterance]) -> list[Utterance]:
        order = Randomness(SEED).child("order", said[0].id).numpy().permutation(len(said))
        texts = [said[n].text for n in order]
        made = spoken(texts, voices, "telephone", Randomness(SEED).child("spoken"))
        by_place = dict(zip(order.tolist(), made, strict=True))
        return [replace(said[n], samples=by_place[n].samples) for n in range(len(said))]

    return replaced


def embedded(print_: Voiceprint, said: Sequence[Utterance]) -> np.ndarray:
    """Return embeddings (N, D)."""
    logmel = LogMel()
    return print_.embed([logmel.raw(u).double().numpy() for u in said])


def row(
    name: str,
    public: Sequence[Utterance],
    enrolled: Sequence[Utterance],
    trials: Sequence[Utterance],
) -> list[str]:
    """Return one line of the table."""
    logmel = LogMel()
    spectrograms = [logmel.raw(u).double().numpy() for u in public]
    print_ = Voiceprint.learn(spectrograms, [u.speaker for u in public])
    names = sorted({u.speaker for u in enrolled})
    known = embedded(print_, enrolled)
    owners = np.array([u.speaker for u in enrolled])
    models = unit(np.stack([known[owners == name].mean(0) for name in names]))
    likeness = embedded(print_, trials) @ models.T
    truth = np.array([names.index(u.speaker) for u in trials])
    named = (likeness.argmax(1) == truth).astype(float)
    own = likeness[np.arange(len(truth)), truth]
    others = likeness[np.arange(len(names))[None, :] != truth[:, None]]

    def share(weights: np.ndarray) -> np.ndarray:
        return (weights @ named) / weights.sum(1)

    interval = cluster_interval(share, truth, 0.95, Randomness(SEED).child("bootstrap").numpy())
    low, high = interval or (float("nan"), float("nan"))
    figure = f"{100 * named.mean():.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
    return [name, figure, f"{100 * equal_error_rate(own, others):.0f} %"]


def equal_error_rate(same: np.ndarray, other: np.ndarray) -> float:
    """Return the error rate where misses are as frequent as false alarms."""
    steps = np.sort(np.concatenate([same, other]))
    misses = np.searchsorted(np.sort(same), steps) / len(same)
    alarms = 1 - np.searchsorted(np.sort(other), steps) / len(other)
    at = np.abs(misses - alarms).argmin()
    return float(misses[at] + alarms[at]) / 2


def main(speakers: int) -> None:
    """Print the table."""
    people, strangers = range(speakers), range(speakers, 2 * speakers)
    spare = range(2 * speakers, 2 * speakers + max(2, speakers // 2))

    def says(voices: Sequence[int], count: int) -> list[Utterance]:
        return say_phrases(
            list(voices),
            utterances=count * len(voices),
            seed=SEED,
            cache=None,
            channel="telephone",
        )

    public, said = says(strangers, 2 * EACH), says(people, 2 * EACH)
    enrolled, trials = said[: EACH * speakers], said[EACH * speakers :]
    rows = [row("recordings as they are", public, enrolled, trials)]
    front_ends = {
        "voice-shifted": with_shifted_voices,
        "voice-replaced": with_replaced_voices(list(spare)),
    }
    for name, front_end in front_ends.items():
        hidden = front_end(trials)
        rows.append(row(f"{name}, ignorant", public, enrolled, hidden))
        rows.append(row(f"{name}, informed", front_end(public), front_end(enrolled), hidden))
    headers = ["what the attacker hears", f"speaker named, of {speakers}", "equal error rate"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(6 if sys.argv[1:] == ["toy"] else 24)
