"""The built-in attacks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attacks.base import Attack
from attacks.canaries.decoding import BeamSearch, LanguageModel
from attacks.canaries.exposure import Exposure
from attacks.canaries.token_inversion import TokenInversion
from attacks.canaries.transcripts import Dictation, NoiseMasking
from attacks.inversion.descent import Inversion
from attacks.inversion.gradient_leakage import GradientLeakage
from attacks.inversion.restoration import Restoration
from attacks.membership.combined import Combined
from attacks.membership.edit_distance import EditDistance
from attacks.membership.gradient_norm import GradientNorm
from attacks.membership.lira import LiRA
from attacks.membership.loss import Loss
from attacks.membership.perturbation import AdversarialLoss, NoisyLoss
from attacks.membership.rmia import RMIA

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
