"""Decoding attacks: what does the beam hold after a carrier, and what do the text parts expect?

Sources: Carlini et al. 2021, "Extracting Training Data from Large Language Models", for searching
what a model writes; for the text parts of a recogniser as a language model, Variani et al. 2020,
"Hybrid Autoregressive Transducer", and Meng et al. 2021, "Internal Language Model Estimation".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from attacks.base import Access, Findings, Scores, Weights
from attacks.canaries.canary import by_kind, canaries_among, mask_secret, template_of
from attacks.canaries.ranking import rank_secrets
from attacks.canaries.transcripts import share_written
from targets.core.randomness import Randomness
from targets.models.base import ReadsText
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance

LISTENED = 32  # public utterances whose mean state the text parts are given for audio


@dataclass(frozen=True)
class BeamSearch:
    """Search for the best transcripts of the carrier followed by noise."""

    access: ClassVar[Access] = "weights"
    width: int = 8

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`.

        The score is the share of the secret's words that a transcript drawn from the beam has, by
        the probabilities in it, less that of the public start.
        """
        canaries = canaries_among(candidates)
        probes = [mask_secret(c, rng.child("noise", c.id)) for c in canaries]
        figures: dict[str, Scores] = {}
        for recognizer, whose in ((view.recognizer, ""), (view.start, "_by_public_start")):
            words, whole = np.zeros((2, len(canaries)))
            for n, beam in enumerate(recognizer.hypotheses(probes, self.width)):
                shares = np.array([share_written(canaries[n], text) for text, _ in beam])
                log_probs = torch.tensor([p for _, p in beam], dtype=torch.float64, device="cpu")
                words[n] = shares @ log_probs.softmax(0).numpy()
                whole[n] = shares.max() == 1
            figures |= {f"words_in_beam{whose}": words, f"secret_in_beam{whose}": whole}
        gain = figures["words_in_beam"] - figures["words_in_beam_by_public_start"]
        ceilings = dict.fromkeys(figures, 1.0)
        return Findings(
            canaries, gain, figures | by_kind(canaries, "words_in_beam_gain", gain), ceilings
        )


@dataclass(frozen=True)
class LanguageModel:
    """Ask the parts of the target that read text: the prediction network, or the decoder.

    In place of audio they are given the mean state of public speech. A target that has no such
    part (CTC) does not offer `ReadsText`: the attack does not apply to it.
    """

    access: ClassVar[Access] = "weights"

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`; the score is the exposure in bits."""
        if not isinstance(view.recognizer.network, ReadsText):
            return Findings((), np.zeros(0), reason="the target has no part that reads text")
        public = view.public[:LISTENED]

        def evidence(canary: Utterance, texts: Sequence[str]) -> Scores:  # noqa: ARG001
            return -text_nll(view.recognizer, texts, public).cpu().numpy()

        canaries = canaries_among(candidates)
        return rank_secrets(canaries, evidence, lambda c: template_of(c).name, rng)


@torch.no_grad()
def text_nll(recognizer: Recognizer, texts: Sequence[str], public: Sequence[Utterance]) -> Tensor:
    """Return the losses (N,) in nats of texts that nobody says, given the mean state of `public`.

    Raises:
        TypeError: the target has no part that reads text.
    """
    network = recognizer.network
    if not isinstance(network, ReadsText):
        raise TypeError(f"{type(network).__name__} has no part that reads text")
    states, counts = network.encode(*recognizer.logmel(public))
    mean = states.sum((0, 1)) / counts.sum()  # zero where padded
    labels = [recognizer.tokens.encode(t) for t in texts]
    return network.text_nll(mean, labels)
