"""Gradient leakage: what one utterance's gradient, as in federated training, tells of it.

The attacker sees a single gradient of the model at hand, one step on one utterance, and knows how
long the utterance is. It may be plain, clipped, or clipped and noised so that its release alone is
(ε, δ)-DP by the Gaussian mechanism.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from scipy.stats import chi2, norm
from torch import Tensor

from attacks.base import Access, Findings, Scores, Weights
from attacks.inversion.gradient_spectrogram import spectrogram
from attacks.inversion.metrics import BOUNDED, Likeness, draw, padded, suffixed
from attacks.inversion.prior import SpeechPrior, spectrograms
from attacks.statistics.gdp import mu_from_epsilon
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters
from targets.models.recognizer import Recognizer
from targets.nn.layers import Convolution
from targets.nn.tape import EmbeddingUse, recording
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance

CERTAIN = 1e-3  # chance at which noise alone is taken for a letter


@dataclass(frozen=True)
class GradientLeakage:
    """Spectrogram, voice, letters and words of an utterance from its own gradient.

    The spectrogram is solved for (`gradient_spectrogram`), the voice is looked for among the
    other recordings, the words are what the model itself hears in the reconstruction, and the
    letters are rows of the gradient that are not zero (Melis et al. 2019, arXiv 1805.04049).
    Figures without a suffix are of the plain gradient; `_clipped` and `_epsilon_E` are of the
    gradient clipped to norm 1, and of that with Gaussian noise for ε = E. The controls know public
    speech alone: the mean speaker, and the commonest letters and words.

    The score is the cosine of the plain reconstruction less the mean speaker's. It is no membership
    score: a gradient gives away whoever computes it, trained on or not. `candidates` of them are
    drawn at random.
    """

    access: ClassVar[Access] = "weights"
    candidates: int = 16
    epsilons: tuple[float, ...] = (10.0, 1.0)
    delta: float = 1e-5

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        chosen = draw(candidates, self.candidates, rng)
        if not chosen:
            return Findings((), np.zeros(0))
        model = view.recognizer
        if not any(isinstance(module, Convolution) for module in model.modules()):
            reason = "the target has no convolution whose gradient gives back what it heard"
            return Findings((), np.zeros(0), reason=reason)
        if isinstance(model.network, HasAdapters):
            reason = "the target's convolutions are frozen: training takes no gradient of them"
            return Findings((), np.zeros(0), reason=reason)
        if not isinstance(model.logmel, LogMel):
            reason = "the target's frames are no spectrogram alone: they say the language as well"
            return Findings((), np.zeros(0), reason=reason)
        ruler = Likeness.of(model.logmel, view.public, candidates, chosen, rng)
        counts = model.logmel(chosen)[1]
        lengths = counts.tolist()
        mean = SpeechPrior.learn(spectrograms(view.start, view.public)).mean(counts)
        texts = [u.text for u in chosen]
        common = _Common.of(
            [u.text for u in view.public], float(np.mean([len(_bag(text)) for text in texts]))
        )
        of_mean = ruler.figures(mean, counts, chosen)
        figures = suffixed(of_mean, "_of_mean_speaker")
        figures |= suffixed(ruler.of_originals(chosen), "_of_original")
        figures["letters_f1_of_public"] = f1s([common.letters] * len(chosen), map(_letters, texts))
        figures["words_f1_of_public"] = f1s([common.words] * len(chosen), map(_bag, texts))
        gradients = [gradient_of(model, u) for u in chosen]
        levels = self.levels()
        for number, (suffix, sigma) in enumerate(levels.items()):
            seen = [
                g if sigma is None else g.released(sigma, rng.child("noise", suffix, u.id))
                for g, u in zip(gradients, chosen, strict=True)
            ]
            stride = _first_convolution(model).stride
            guess = padded(
                [g.spectrogram(m[:n], stride) for g, m, n in zip(seen, mean, lengths, strict=True)]
            )
            hidden = torch.equal(guess, mean)
            found = dict(of_mean) if hidden else ruler.figures(guess, counts, chosen)
            letters = [g.letters(model, common.letters) for g in seen]
            heard = model.transcribe_features(guess, counts)
            found["letters_f1"] = f1s(letters, map(_letters, texts))
            found["words_f1"] = f1s(map(_bag, heard), map(_bag, texts))
            figures |= suffixed(found, suffix)
            report((number + 1) / len(levels))
        ceilings = {
            name: 1.0 for name in figures if name.startswith((*BOUNDED, "letters", "words"))
        }
        score = figures["cosine"] - figures["cosine_of_mean_speaker"]
        return Findings(chosen, score, figures, ceilings)

    def levels(self) -> dict[str, float | None]:
        """Return by suffix the noise on a gradient of norm 1; None of one that is not clipped."""
        noised = {f"_epsilon_{e:g}": 1 / mu_from_epsilon(e, self.delta) for e in self.epsilons}
        return {"": None, "_clipped": 0.0, **noised}


@dataclass(frozen=True, eq=False)
class Gradient:
    """What the attack reads of one utterance's gradient, with its noise on every number, `sigma`.

    `weight` (C, M * width) and `bias` (C,) are of the first convolution, `written` (V, D) of the
    embedding or, in a target without one, (V, 1) of the output's bias. `norm` is that of the whole
    gradient, over all weights.
    """

    weight: Tensor
    bias: Tensor
    written: Tensor
    embeds: bool
    norm: float
    sigma: float = 0.0

    def released(self, sigma: float, rng: Randomness) -> Gradient:
        """Return the gradient clipped to norm 1, with noise of standard deviation `sigma`."""
        generator = rng.torch()
        scale = 1 / max(self.norm, 1.0)

        def noisy(part: Tensor) -> Tensor:
            noise = torch.randn(part.shape, generator=generator, device=generator.device)
            return scale * part + sigma * noise.to(part.device)

        return replace(
            self,
            weight=noisy(self.weight),
            bias=noisy(self.bias),
            written=noisy(self.written),
            sigma=sigma,
        )

    def spectrogram(self, prior: Tensor, stride: int) -> Tensor:
        """Return the spectrogram (T, M) that was heard; `prior` (T, M) where nothing is seen."""
        return spectrogram(self.weight, self.bias, prior, stride, self.sigma)

    def letters(self, model: Recognizer, common: set[str]) -> set[str]:
        """Return the letters that were written, or the common ones where the noise hides all.

        An embedding's row moves for letters that were read, up or down; the output's bias is drawn
        towards what was written, and pushed from all else.
        """
        if self.embeds:
            moved = self.written.square().sum(1).cpu().numpy()
            limit = self.sigma**2 * chi2.isf(CERTAIN, self.written.shape[1])
        else:
            moved = -self.written[:, 0].cpu().numpy()
            limit = self.sigma * norm.isf(CERTAIN)
        units = np.flatnonzero(moved > limit)
        seen = {letter for unit in units.tolist() for letter in model.tokens.decode([unit])}
        return seen or common


def gradient_of(model: Recognizer, utterance: Utterance) -> Gradient:
    """Return what is read of the gradient of what training minimises, at the model's weights."""
    example = model.examples([utterance])
    with recording() as tape:
        losses = model.example_nll(example)
        uses = tape.gradients(losses)
    found = [(use, use.per_example(gradient)) for use, gradient in uses]
    by_parameter = {id(parameter): g[0] for _, pairs in found for parameter, g in pairs}
    first = _first_convolution(model).linear
    embedded = [g[0] for use, ((_, g), *_) in found if isinstance(use, EmbeddingUse)]
    # Of the layers that say which unit comes next the last has one row a unit.
    outputs = [g[0] for _, pairs in found for _, g in pairs if g.shape[1:] == (model.tokens.size,)]
    return Gradient(
        by_parameter[id(first.weight)],
        by_parameter[id(first.bias)],
        embedded[0] if embedded else outputs[-1][:, None],
        bool(embedded),
        float(sum(g.square().sum() for g in by_parameter.values()) ** 0.5),
    )


def _first_convolution(model: Recognizer) -> Convolution:
    return next(m for m in model.modules() if isinstance(m, Convolution))


@dataclass(frozen=True)
class _Common:
    """What whoever knows public transcripts alone says of any utterance."""

    letters: set[str]
    words: list[str]

    @classmethod
    def of(cls, texts: Sequence[str], length: float) -> _Common:
        """Return the letters of most texts, and as many of the commonest words as are usual."""
        letters = Counter(letter for text in texts for letter in _letters(text))
        words = Counter(word for text in texts for word in text.split())
        return cls(
            {letter for letter, count in letters.items() if 2 * count > len(texts)},
            [word for word, _ in words.most_common(max(1, round(length)))],
        )


def f1s(found: Iterable[Collection[str]], true: Iterable[Collection[str]]) -> Scores:
    """Return the F1 (N,) of bags against bags: words by their number, letters once each."""
    scores = []
    for guess, truth in zip(found, true, strict=True):
        common = (Counter(guess) & Counter(truth)).total()
        scores.append(2 * common / max(Counter(guess).total() + Counter(truth).total(), 1))
    return np.array(scores)


def _bag(text: str) -> list[str]:
    return text.split()


def _letters(text: str) -> set[str]:
    return set(text) - {" "}
