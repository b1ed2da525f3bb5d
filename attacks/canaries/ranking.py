"""Where the true secret stands among all that it could have been, whatever it is ranked by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq

import numpy as np
from numpy.typing import NDArray

from attacks.base import Findings, Scores
from attacks.canaries.canary import by_kind, secret_of, template_of
from attacks.statistics.exposure import exposure, extrapolated_exposure
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.phrases import Template

MOST = 10_000  # secrets of a space that is ranked whole
SAMPLE = 400  # secrets that a skew-normal is fitted to

Evidence = Callable[[Utterance, Sequence[str]], Scores]


def rank_secrets(
    canaries: Sequence[Utterance],
    evidence: Evidence,
    source: Callable[[Utterance], str],
    rng: Randomness,
    *,
    by_margin: bool = False,
) -> Findings:
    """Return the exposure of every canary's secret, in bits.

    `evidence` is how much speaks for each of some texts (N,) to be a canary's; `source` names what
    that rests on, and canaries of one template with the same source share the work. Spaces of up
    to `MOST` secrets are ranked whole. Of larger ones `SAMPLE` secrets are drawn and exposure is
    extrapolated by a skew-normal; that figure is given for every canary, beside the exact one.

    The score is the exposure, or `by_margin` the extrapolated one, which goes on where ranks end.
    """
    found = np.full((3, len(canaries)), np.nan)
    known: dict[str, Scores] = {}
    for n, canary in enumerate(canaries):
        template, secret = template_of(canary), secret_of(canary)
        fillings = _fillings(template, rng)
        name = source(canary)
        if name not in known:
            known[name] = evidence(canary, [template.fill(int(f)) for f in fillings])
        of_all, true = known[name], fillings == secret
        own = float((of_all[true] if true.any() else evidence(canary, [canary.text]))[0])
        order = rng.child("sample", template.name).numpy().permutation(len(fillings))
        sample = of_all[order[~true[order]][:SAMPLE]]
        far = extrapolated_exposure(own, sample) if np.ptp(sample) else 0.0
        if len(fillings) == template.space_size:
            guess = template.secret_words(int(of_all.argmax()))
            truth = template.secret_words(secret)  # some secrets have more words than others
            words = sum(map(eq, guess, truth)) / max(len(guess), len(truth))
            found[:, n] = exposure(own, of_all[~true]), far, words
        else:
            found[:2, n] = np.clip(far, 0.0, template.bits), far
        report((n + 1) / len(canaries))
    bits, extrapolated, recovered = found
    figures = {
        "exposure": bits,
        "exposure_extrapolated": extrapolated,
        "words_recovered": recovered,
        **by_kind(canaries, "exposure", bits),
    }
    most = max((template_of(c).bits for c in canaries), default=0.0)
    ceilings = {name: most for name in figures if name.startswith("exposure")}
    ceilings |= {f"exposure_of_{t.name}": t.bits for t in map(template_of, canaries)}
    ceilings = {name: most for name, most in ceilings.items() if name in figures}
    del ceilings["exposure_extrapolated"]
    ceilings["words_recovered"] = 1.0
    return Findings(tuple(canaries), extrapolated if by_margin else bits, figures, ceilings)


def _fillings(template: Template, rng: Randomness) -> NDArray[np.int64]:
    """Return the secrets to rank among: all, or a sample."""
    if template.space_size <= MOST:
        return np.arange(template.space_size)
    draw = rng.child("fillings", template.name).numpy()
    return np.unique(draw.integers(template.space_size, size=SAMPLE))
