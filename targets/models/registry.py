"""The targets by name. A new one is a file beside this one, and a line here."""

from __future__ import annotations

from dataclasses import dataclass

from targets.core.registry import Entry, Registry


@dataclass(frozen=True, kw_only=True)
class TargetEntry(Entry):
    """A network that `Recognizer` builds as `network(vocabulary, channels, hidden)`.

    `frames_per_label` is for targets that write at most one label a state, and a blank between
    equal ones, as CTC does: how many feature frames of 10 ms make a state. What needs more states
    than its audio gives cannot be learnt. None: any transcript can.

    One that is `pretrained` begins at the checkpoint that a suite names, and is built as
    `network(pretrained)`, of a `targets.models.pretrained.Pretrained`; `tokens` is then the path of
    what makes its output labels of the checkpoint's folder.

    One that `streams` writes while it listens: nothing that it has written depends on what is heard
    more than a tenth of a second later.

    `step` is what a plain training step takes in place of one of `ctc`, as `python -m
    tests.bench.relative` measured it. None: not measured.
    """

    frames_per_label: int | None = None
    streams: bool = False
    pretrained: bool = False
    tokens: str = ""
    step: float | None = None


TARGETS: Registry[TargetEntry] = Registry(
    "target",
    "overheard.targets",
    (
        TargetEntry(
            name="ctc",
            path="targets.models.ctc:CTC",
            summary="connectionist temporal classification: one label or blank for every frame",
            frames_per_label=4,
            step=1.0,
        ),
        TargetEntry(
            name="rnnt",
            path="targets.models.rnnt:Transducer",
            summary="recurrent neural network transducer (RNN-T): encoder, prediction, joiner",
            step=1.6,
        ),
        TargetEntry(
            name="las",
            path="targets.models.las:LAS",
            summary="attention encoder-decoder: listen, attend and spell",
            step=0.9,
        ),
        TargetEntry(
            name="hybrid",
            path="targets.models.hybrid:Hybrid",
            summary="CTC and attention on one encoder, trained and decoded together",
            frames_per_label=4,
            step=1.3,
        ),
        TargetEntry(
            name="conformer",
            path="targets.models.conformer:ConformerCTC",
            summary="CTC on a conformer: attention and convolution instead of an LSTM",
            frames_per_label=4,
            step=1.8,
        ),
        TargetEntry(
            name="conformer-streaming",
            path="targets.models.conformer:StreamingConformerCTC",
            summary="the same with causal masks: it writes while it listens",
            frames_per_label=4,
            streams=True,
            step=1.8,
        ),
        TargetEntry(
            name="conformer-rnnt",
            path="targets.models.conformer:ConformerTransducer",
            summary="a transducer on a conformer encoder",
            step=2.2,
        ),
        TargetEntry(
            name="convrnnt",
            path="targets.models.convrnnt:ConvRNNT",
            summary="ConvRNN-T: a transducer on local and global causal convolutions and an LSTM",
            streams=True,
            step=1.7,
        ),
        TargetEntry(
            name="amortized",
            path="targets.models.amortized.transducer:AmortizedTransducer",
            summary="a transducer on a transformer that skips blocks of frames to save compute",
            streams=True,
            step=1.9,
        ),
        TargetEntry(
            name="multitalker",
            path="targets.models.multitalker.transducer:MultitalkerTransducer",
            summary="a transducer that separates two who speak at once, and writes their turns",
            step=3.2,
        ),
        TargetEntry(
            name="rnnt-adapters",
            path="targets.models.rnnt_adapters:AdaptedTransducer",
            summary="the transducer with a frozen base, and a small adapter after every layer",
            step=1.4,
        ),
        TargetEntry(
            name="rnnt-fusion",
            path="targets.models.fusion.transducer:FusedTransducer",
            summary="the same with three adapters after every layer, mixed by attention",
            step=1.8,
        ),
        TargetEntry(
            name="multilingual",
            path="targets.models.multilingual.ctc:MultilingualCTC",
            summary="CTC on a conformer that languages share, each with attention of its own",
            frames_per_label=4,
            step=2.2,
        ),
        TargetEntry(
            name="ctc-8bit",
            path="targets.models.quantised.ctc:CTC8",
            summary="CTC whose weights take 256 values, trained so: 8 bits a weight",
            frames_per_label=4,
            step=1.6,
        ),
        TargetEntry(
            name="ctc-5bit",
            path="targets.models.quantised.ctc:CTC5",
            summary="CTC whose weights take 32 values, trained so: 5 bits a weight",
            frames_per_label=4,
            step=1.6,
        ),
        TargetEntry(
            name="ctc-4bit",
            path="targets.models.quantised.ctc:CTC4",
            summary="CTC whose weights take 16 values, trained so: 4 bits a weight",
            frames_per_label=4,
            step=1.6,
        ),
        TargetEntry(
            name="ctc-2bit",
            path="targets.models.quantised.ctc:CTC2",
            summary="CTC whose weights take 4 values, trained so: 2 bits a weight",
            frames_per_label=4,
            step=1.6,
        ),
        TargetEntry(
            name="ctc-context",
            path="targets.models.context.ctc:ContextCTC",
            summary="CTC with losses at inner layers, and an adapter that listens for a list",
            frames_per_label=4,
            step=1.2,
        ),
        TargetEntry(
            name="whisper",
            path="targets.models.whisper.decoder:Whisper",
            tokens="targets.models.whisper.tokens:WhisperTokens",
            summary="OpenAI's Whisper from a folder: frozen, with low-rank adapters on its decoder",
            pretrained=True,
        ),
    ),
)
