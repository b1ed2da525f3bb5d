"""How much of a transcript outlasts its noise? `python -m tests.studies.privatised_text`.

The texts are phrases of the embedded corpus, 2,000 public ones and 300 private ones; no speech is
made. Printed is the word error rate of what comes out of `adept` and `word-noise` against what went
in, and how many texts came out whole, at δ = 1e-5. A text that has nothing to do with what went in
has about the first row's, where a public text is put in the place of each. Below are the ε that
`word-noise` promises of single words.

Takes two to three minutes of one core; with `toy` seconds, which show that it runs.
"""

from __future__ import annotations

import sys

import torch
from tabulate import tabulate

from defenses.text.autoencoder import taught_autoencoder
from defenses.text.mechanism import NoisyLatents
from defenses.text.scheme import ADePT
from defenses.text.word_space import WordSpace
from defenses.text.words import WordNoise, weaker_promises
from targets.core.randomness import Randomness
from targets.speech.wer import word_errors
from targets.synthetic.phrases import phrase

DELTA, SEED = 1e-5, 99
CELLS = (
    ("adept", "laplace", (1.0, 10.0, 100.0)),
    ("adept", "gaussian", (10.0,)),
    ("word-noise", "gaussian", (10.0, 100.0, 1000.0)),
)


def texts(count: int, rng: Randomness) -> list[str]:
    """Return so many phrases."""
    return [phrase(rng.child(number))[1] for number in range(count)]


def codec_of(scheme: str, public: list[str], mechanism: NoisyLatents, epochs: int, rng: Randomness):
    """Return the codec of a scheme with its own settings."""
    if scheme == "word-noise":
        return WordSpace(public, mechanism.noise, WordNoise(1.0).entries)
    made = ADePT(1.0)
    return taught_autoencoder(
        public, mechanism, entries=made.entries, hidden=made.hidden, epochs=epochs, rng=rng
    )


def row(name: str, noise: str, epsilon: float | str, said: list[str], out: list[str]):
    """Return one line of the table."""
    pairs = list(zip(said, out, strict=True))
    wrong, words = (sum(counts) for counts in zip(*(word_errors(*p) for p in pairs), strict=True))
    rate = wrong / words
    return [name, noise, epsilon, f"{100 * rate:.0f}", f"{sum(a == b for a, b in pairs)}"]


def main(public_texts: int, private_texts: int, epochs: int) -> None:
    """Print the table."""
    rng = Randomness(SEED)
    public = texts(public_texts, rng.child("public"))
    private = texts(private_texts, rng.child("private"))
    drawn = rng.child("drawn").numpy().integers(len(public), size=len(private))
    rows = [row("a public text", "", "0", private, [public[i] for i in drawn])]
    words = []
    for scheme, noise, epsilons in CELLS:
        for epsilon in epsilons:
            mechanism = NoisyLatents(noise, len(private)).calibrated(epsilon, DELTA)
            own = rng.child(scheme, noise, str(epsilon))
            codec = codec_of(scheme, public, mechanism, epochs, own.child("codec"))
            noisy = mechanism.noisy(codec.encoded(private), own.child("noise").torch())
            rows.append(row(scheme, noise, epsilon, private, codec.decoded(noisy, own)))
            if isinstance(codec, WordSpace):
                words.append([epsilon, *weaker_promises(codec, mechanism, DELTA).values()])
    headers = ["scheme", "noise", "ε", "WER of the text, %", f"of {len(private)} whole"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True), "\n")
    print(tabulate(words, ["ε", "of a word", "of the nearest"], tablefmt="github", floatfmt=".3g"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*((40, 10, 1) if sys.argv[1:] == ["toy"] else (2_000, 300, ADePT(1.0).text_epochs)))
