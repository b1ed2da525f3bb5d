"""The schemes by name. A new one is a file in one of the folders, and a line here."""

from __future__ import annotations

from dataclasses import dataclass

from targets.core.registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class SchemeEntry(Entry):
    """A `Defense`, made as `scheme(epsilon=..., **options)`.

    `takes_epsilon` says whether an ε is asked of it; `begins_at_student` whether its training
    begins at the recipe's student where there is one, not at the public start, and
    `begins_self_trained` whether it is pointless where there is none.
    """

    takes_epsilon: bool = True
    begins_at_student: bool = False
    begins_self_trained: bool = False


SCHEMES: Registry[SchemeEntry] = Registry(
    "scheme",
    "overheard.schemes",
    (
        SchemeEntry(
            name="none",
            path="defenses.public.nonprivate:NonPrivate",
            summary="plain training on the members, without privacy: the reference that must leak",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="public",
            path="defenses.public.scheme:PublicStudent",
            summary="self-training on public speech alone, ε = 0: what every scheme has to beat",
            takes_epsilon=False,
            begins_at_student=True,
        ),
        SchemeEntry(
            name="start",
            path="defenses.public.start:UntouchedStart",
            summary="the public start, trained no further, ε = 0: what training adds to it",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="dpsgd",
            path="defenses.dpsgd.scheme:DPSGD",
            summary="DP-SGD as in the textbook: clip each gradient, sum, add Gaussian noise",
        ),
        SchemeEntry(
            name="edpsgd",
            path="defenses.dpsgd.scheme:EDPSGD",
            summary="eDP-SGD (automatic clipping): each gradient normalised, no loop over examples",
        ),
        SchemeEntry(
            name="edpsgd-self-trained",
            path="defenses.dpsgd.self_trained:SelfTrainedEDPSGD",
            summary="eDP-SGD that begins where PATE begins: at the self-trained public start",
            begins_at_student=True,
            begins_self_trained=True,
        ),
        SchemeEntry(
            name="edpsgd-microbatch",
            path="defenses.dpsgd.microbatch:MicrobatchDPSGD",
            summary="eDP-SGD as published, by micro-batches, priced at its true sensitivity",
        ),
        SchemeEntry(
            name="dp-ftrl",
            path="defenses.dpsgd.ftrl:DPFTRL",
            summary="DP-FTRL: batches in a fixed order, noise correlated over steps (banded)",
        ),
        SchemeEntry(
            name="adamix",
            path="defenses.dpsgd.adamix:AdaMix",
            summary="AdaMix: public gradients beside noisy private ones, and for their clipping",
        ),
        SchemeEntry(
            name="oversampled",
            path="defenses.fairness.oversampling:Oversampled",
            summary="plain training in which small cohorts are heard as often as the largest",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="edpsgd-oversampled",
            path="defenses.fairness.oversampling:OversampledEDPSGD",
            summary="eDP-SGD that draws one cohort more often, priced at the highest rate",
        ),
        SchemeEntry(
            name="elastic-weight-consolidation",
            path="defenses.fairness.elastic:Elastic",
            summary="plain training, then one cohort alone, with what matters to others held",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="adversarial-reweighting",
            path="defenses.fairness.reweighting:Reweighted",
            summary="plain training on losses that an adversary weighs by how utterances sound",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="fedavg",
            path="defenses.federated.scheme:FedAvg",
            summary="federated averaging: devices train on their own speech; without privacy",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="dp-fedavg",
            path="defenses.federated.scheme:DPFedAvg",
            summary="DP-FedAvg: updates of devices clipped, noise on their sum: ε for a speaker",
        ),
        SchemeEntry(
            name="adept",
            path="defenses.text.scheme:ADePT",
            summary="ADePT at its true price: noisy latents of transcripts, said by public voices",
        ),
        SchemeEntry(
            name="word-noise",
            path="defenses.text.words:WordNoise",
            summary="transcripts with noise on every word, in a space of even density, then spoken",
        ),
        SchemeEntry(
            name="spoken-public",
            path="defenses.text.scheme:PublicSpoken",
            summary="public transcripts said by public voices, ε = 0: the control of private text",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="voice-shifted",
            path="defenses.voice.scheme:ShiftedVoice",
            summary="plain training on voices of another pitch and other formants: no guarantee",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="voice-replaced",
            path="defenses.voice.scheme:ReplacedVoice",
            summary="plain training on private transcripts said by public voices: no guarantee",
            takes_epsilon=False,
        ),
        SchemeEntry(
            name="pate-lnmax",
            path="defenses.pate.scheme:PATE",
            options={"noise": "laplace"},
            summary="PATE: a student of teacher votes under Laplace noise",
            begins_at_student=True,
        ),
        SchemeEntry(
            name="pate-gnmax",
            path="defenses.pate.scheme:PATE",
            options={"noise": "gaussian"},
            summary="PATE: a student of teacher votes under Gaussian noise",
            begins_at_student=True,
        ),
        SchemeEntry(
            name="pate-confident-gnmax",
            path="defenses.pate.scheme:PATE",
            options={"noise": "confident"},
            summary="PATE: answers only where a noisy test finds that the teachers agree",
            begins_at_student=True,
        ),
    ),
)
