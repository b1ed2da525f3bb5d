"""The attacks by name. A new one is a file in one of the folders, and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from attacks.access import Access
from targets.core.registry import Entry, Registry

Family = Literal["membership", "canaries", "inversion"]


@dataclass(frozen=True)
class Column:
    """How the headline figure of an attack is shown in the table.

    `title` heads the column; `note` explains it in a line below a table of text, `meaning` on the
    page; `chance` is what an attacker gets who knows nothing.
    """

    title: str
    note: str
    meaning: str
    chance: float


@dataclass(frozen=True, kw_only=True)
class AttackEntry(Entry):
    """An `Attack`, made as `attack(**options)`.

    `family` is what it is after: members, the secrets of canaries (a suite without canaries cannot
    have it), or the speech itself. `access` is what it sees of the target. `figure` is its headline
    figure; with a `column` the table shows it. With `audits` its scores bound ε: such attacks are
    fixed beforehand, and share the level of the audit.
    """

    family: Family
    access: Access
    figure: str = "auc"
    column: Column | None = None
    audits: bool = False

    @property
    def needs_canaries(self) -> bool:
        """Whether it looks at canaries alone."""
        return self.family == "canaries"


ATTACKS: Registry[AttackEntry] = Registry(
    "attack",
    "overheard.attacks",
    (
        AttackEntry(
            name="membership",
            path="attacks.membership.loss:Loss",
            summary="how well the model fits the candidate: its loss",
            family="membership",
            access="scores",
            audits=True,
            column=Column(
                "membership AUC",
                "how well the best of the suite's attacks tells members from held-out twins: 0.5 "
                "is guessing",
                "Membership inference: given a recording, was it trained on? The figure is how "
                "often the attacker ranks a trained-on recording above one that was held out by "
                "the toss of a coin. 0.5 is guessing, 1 is certainty. It is the largest of all "
                "membership attacks of the suite, its interval widened for as many. Below it "
                "stands the largest that the mechanism allows, from its own trade-off curve.",
                0.5,
            ),
        ),
        AttackEntry(
            name="membership-calibrated",
            path="attacks.membership.loss:Loss",
            options={"calibrated": True},
            summary="the loss less that of the public start",
            family="membership",
            access="scores",
            audits=True,
        ),
        AttackEntry(
            name="membership-edit-distance",
            path="attacks.membership.edit_distance:EditDistance",
            summary="how far the model's transcript is from the true one",
            family="membership",
            access="transcripts",
        ),
        AttackEntry(
            name="membership-compute",
            path="attacks.membership.compute:Compute",
            summary="how much the target computes for the recording, where it decides that",
            family="membership",
            access="weights",
        ),
        AttackEntry(
            name="membership-compute-calibrated",
            path="attacks.membership.compute:Compute",
            options={"calibrated": True},
            summary="the same less that of the public start",
            family="membership",
            access="weights",
        ),
        AttackEntry(
            name="membership-noisy",
            path="attacks.membership.perturbation:NoisyLoss",
            summary="the loss of the recording under noise",
            family="membership",
            access="scores",
        ),
        AttackEntry(
            name="membership-adversarial",
            path="attacks.membership.perturbation:AdversarialLoss",
            summary="the loss of the recording under a perturbation made to raise it",
            family="membership",
            access="weights",
        ),
        AttackEntry(
            name="membership-gradient",
            path="attacks.membership.gradient_norm:GradientNorm",
            summary="the norm of the loss's gradient to the weights",
            family="membership",
            access="weights",
        ),
        AttackEntry(
            name="membership-lira",
            path="attacks.membership.lira:LiRA",
            summary="likelihood ratio (LiRA) from reference models trained with and without",
            family="membership",
            access="scores",
        ),
        AttackEntry(
            name="membership-lira-offline",
            path="attacks.membership.lira:LiRA",
            options={"offline": True},
            summary="LiRA from reference models trained without the candidate alone",
            family="membership",
            access="scores",
        ),
        AttackEntry(
            name="membership-rmia",
            path="attacks.membership.rmia:RMIA",
            summary="pairwise likelihood ratios against other candidates (RMIA)",
            family="membership",
            access="scores",
        ),
        AttackEntry(
            name="membership-rmia-offline",
            path="attacks.membership.rmia:RMIA",
            options={"offline": True},
            summary="RMIA from reference models trained without the candidate alone",
            family="membership",
            access="scores",
        ),
        AttackEntry(
            name="membership-combined",
            path="attacks.membership.combined:Combined",
            summary="a combination of all these signals, learnt on reference models",
            family="membership",
            access="weights",
        ),
        AttackEntry(
            name="canary",
            path="attacks.canaries.exposure:Exposure",
            summary="exposure: rank of the true secret, given the canary with the secret covered",
            family="canaries",
            access="scores",
            figure="exposure",
            column=Column(
                "exposure bits",
                "how far trained canaries said once rise among all secrets; 1.44 is chance",
                "Spoken secrets were hidden in the training speech. The figure, exposure, says in "
                "bits how far the attacker ranks the true secret ahead of all others that it could "
                "have been. 1.44 bits is what a secret nobody trained on gets. Secrets said once "
                "an epoch count: one said more often is a group, and has a table of its own.",
                1.44,
            ),
        ),
        AttackEntry(
            name="canary-heard",
            path="attacks.canaries.exposure:Exposure",
            options={"given": "heard", "calibration": 0.5},
            summary="exposure, given the whole canary, less what the public start hears",
            family="canaries",
            access="scores",
            figure="exposure",
        ),
        AttackEntry(
            name="canary-voice",
            path="attacks.canaries.exposure:Exposure",
            options={"given": "voice"},
            summary="exposure, given the carrier sentence in another voice",
            family="canaries",
            access="scores",
            figure="exposure",
        ),
        AttackEntry(
            name="canary-silent",
            path="attacks.canaries.exposure:Exposure",
            options={"given": "nothing"},
            summary="exposure, given silence",
            family="canaries",
            access="scores",
            figure="exposure",
        ),
        AttackEntry(
            name="canary-noise-masking",
            path="attacks.canaries.transcripts:NoiseMasking",
            summary="what the model writes where noise covers the secret",
            family="canaries",
            access="transcripts",
        ),
        AttackEntry(
            name="canary-dictation",
            path="attacks.canaries.transcripts:Dictation",
            summary="what the model writes of the whole canary, beside the public start",
            family="canaries",
            access="transcripts",
        ),
        AttackEntry(
            name="canary-decoding",
            path="attacks.canaries.decoding:BeamSearch",
            summary="secrets among the beam's transcripts of a carrier followed by noise",
            family="canaries",
            access="weights",
        ),
        AttackEntry(
            name="canary-language-model",
            path="attacks.canaries.decoding:LanguageModel",
            summary="exposure in the parts of the target that read text",
            family="canaries",
            access="weights",
            figure="exposure",
        ),
        AttackEntry(
            name="canary-inversion",
            path="attacks.canaries.token_inversion:TokenInversion",
            summary="descent over the tokens of the secret (ModIvA)",
            family="canaries",
            access="weights",
        ),
        AttackEntry(
            name="inversion",
            path="attacks.inversion.descent:Inversion",
            summary="model inversion: the spectrogram of a transcript, by descent",
            family="inversion",
            access="weights",
        ),
        AttackEntry(
            name="inversion-restoration",
            path="attacks.inversion.restoration:Restoration",
            summary="membership, by whether the gradient points from noise at the recording",
            family="inversion",
            access="weights",
            column=Column(
                "restoration AUC",
                "a membership signal: does the model point from noise at the clean recording?",
                "A membership signal: the attacker has the model, a transcript and its recording, "
                "lays loud noise over it, and looks whether the gradient of the model points at "
                "the clean recording. The figure is how often it does so better for a trained-on "
                "recording than for one that was held out. It needs the clean recording, and "
                "rebuilds nothing. 0.5 is guessing, 1 is certainty.",
                0.5,
            ),
        ),
        AttackEntry(
            name="gradient-leakage",
            path="attacks.inversion.gradient_leakage:GradientLeakage",
            summary="speech from the gradient of one training step",
            family="inversion",
            access="weights",
        ),
    ),
)
