"""What others may import of `defenses`: submissions, notebooks, people with a model of their own.

These names stay; everything else in this package may move. A defense is an object with `train`
(`Defense`). It returns `Trained`: weights, and the event of its mechanism, which is priced here.
`check_defense` says whether it keeps the contract.

    from defenses.api import Trained, calibrated, dp_sgd_event, normalised_sum, poisson_batches
"""

from __future__ import annotations

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    NoOpDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)

from defenses.accounting.event_algebra import noise_kind
from defenses.accounting.event_json import EventError, event_from_json, event_to_json
from defenses.accounting.event_text import event_from_text, event_to_text
from defenses.accounting.groups import group_guarantee
from defenses.accounting.price import (
    Guarantee,
    calibrate,
    calibrated,
    confident_test_noise,
    confident_votes_event,
    dp_sgd_event,
    gaussian_votes_event,
    laplace_votes_event,
    price,
)
from defenses.base import (
    Defense,
    Mechanism,
    SharedWork,
    SharingDefense,
    Trained,
    device_of,
    weights_of,
)
from defenses.checks import check_defense
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.clipping import (
    ClippedExamples,
    Gradients,
    clipped_sum_one_by_one,
    normalised_sum,
)
from defenses.dpsgd.factorisation import BandedRoot
from defenses.dpsgd.ftrl import DPFTRL, CorrelatedGaussian
from defenses.dpsgd.mechanism import (
    BoundedSum,
    SubsampledGaussian,
    set_noisy_mean,
    subsampled_gaussian_event,
)
from defenses.dpsgd.microbatch import MicrobatchDPSGD
from defenses.dpsgd.public_gradients import PublicGradients
from defenses.dpsgd.sampling import poisson_batches, rate_and_steps
from defenses.dpsgd.scheme import DPSGD, EDPSGD, descend
from defenses.dpsgd.self_trained import SelfTrainedEDPSGD
from defenses.federated.mechanism import FederatedGaussian
from defenses.federated.scheme import DPFedAvg, FedAvg
from defenses.federated.selection import Selection
from defenses.pate.mechanism import ConfidentVotes, NoisyVotes, VoteMechanism
from defenses.pate.scheme import PATE
from defenses.pate.teachers import TeacherVotes, Votes, shards
from defenses.pate.votes import count_votes, evidence, noisy_counts
from defenses.public.nonprivate import NonPrivate
from defenses.public.pseudo_labels import Shortlist, labelled, shortlists, taught
from defenses.public.scheme import PublicStudent
from defenses.public.start import UntouchedStart
from defenses.text.mechanism import NoisyLatents
from defenses.text.scheme import ADePT, PublicSpoken
from defenses.text.words import WordNoise
from defenses.voice.scheme import ReplacedVoice, ShiftedVoice

__all__ = [
    "DPFTRL",
    "DPSGD",
    "EDPSGD",
    "PATE",
    "ADePT",
    "AdaMix",
    "BandedRoot",
    "BoundedSum",
    "ClippedExamples",
    "ComposedDpEvent",
    "ConfidentVotes",
    "CorrelatedGaussian",
    "DPFedAvg",
    "Defense",
    "DpEvent",
    "EventError",
    "FedAvg",
    "FederatedGaussian",
    "GaussianDpEvent",
    "Gradients",
    "Guarantee",
    "LaplaceDpEvent",
    "Mechanism",
    "MicrobatchDPSGD",
    "NoOpDpEvent",
    "NoisyLatents",
    "NoisyVotes",
    "NonPrivate",
    "NonPrivateDpEvent",
    "PoissonSampledDpEvent",
    "PublicGradients",
    "PublicSpoken",
    "PublicStudent",
    "ReplacedVoice",
    "Selection",
    "SelfComposedDpEvent",
    "SelfTrainedEDPSGD",
    "SharedWork",
    "SharingDefense",
    "ShiftedVoice",
    "Shortlist",
    "SubsampledGaussian",
    "TeacherVotes",
    "Trained",
    "UntouchedStart",
    "VoteMechanism",
    "Votes",
    "WordNoise",
    "calibrate",
    "calibrated",
    "check_defense",
    "clipped_sum_one_by_one",
    "confident_test_noise",
    "confident_votes_event",
    "count_votes",
    "descend",
    "device_of",
    "dp_sgd_event",
    "event_from_json",
    "event_from_text",
    "event_to_json",
    "event_to_text",
    "evidence",
    "gaussian_votes_event",
    "group_guarantee",
    "labelled",
    "laplace_votes_event",
    "noise_kind",
    "noisy_counts",
    "normalised_sum",
    "poisson_batches",
    "price",
    "rate_and_steps",
    "set_noisy_mean",
    "shards",
    "shortlists",
    "subsampled_gaussian_event",
    "taught",
    "weights_of",
]
