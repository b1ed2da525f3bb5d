"""The built-in attacks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attacks.base import Attack
from attacks.canary_decoding import BeamSearch, LanguageModel
from attacks.canary_exposure import Exposure
from attacks.canary_inversion import TokenInversion
from attacks.canary_transcripts import Dictation, NoiseMasking
from attacks.combined import Combined
from attacks.gradient_leakage import GradientLeakage
from attacks.gradient_norm import GradientNorm
from attacks.inversion import Inversion
from attacks.inversion_restoration import Restoration
from attacks.lira import LiRA
from attacks.membership import Loss
from attacks.perturbation import AdversarialLoss, NoisyLoss
from attacks.rmia import RMIA
from attacks.transcript_distance import EditDistance

ATTACKS: Mapping[str, Callable[..., Attack]] = {
    "membership": Loss,
    "membership-calibrated": partial(Loss, calibrated=True),
    "membership-edit-distance": EditDistance,
    "membership-noisy": NoisyLoss,
    "membership-adversarial": AdversarialLoss,
    "membership-gradient": GradientNorm,
    "membership-lira": LiRA,
    "membership-lira-offline": partial(LiRA, offline=True),
    "membership-rmia": RMIA,
    "membership-rmia-offline": partial(RMIA, offline=True),
    "membership-combined": Combined,
    "canary": Exposure,
    "canary-heard": partial(Exposure, given="heard", calibration=0.5),
    "canary-voice": partial(Exposure, given="voice"),
    "canary-silent": partial(Exposure, given="nothing"),
    "canary-noise-masking": NoiseMasking,
    "canary-dictation": Dictation,
    "canary-decoding": BeamSearch,
    "canary-language-model": LanguageModel,
    "canary-inversion": TokenInversion,
    "inversion": Inversion,
    "inversion-restoration": Restoration,
    "gradient-leakage": GradientLeakage,
}
