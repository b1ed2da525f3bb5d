"""Old import paths, kept for submissions that were written against them.

The files of `targets`, `defenses` and `attacks` once lay flat in three folders. Nothing here
imports by an old path, and nothing should: the sandbox worker alone calls `keep_old_paths`, before
the submission's file is run. Old names that are packages now have their old contents too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOMS = Path(__file__).resolve().parents[2]  # the folder that holds the rooms

MOVED: Mapping[str, str] = {
    "attacks.audit": "attacks.statistics.audit",
    "attacks.battery": "attacks.registry",
    "attacks.bootstrap": "attacks.statistics.bootstrap",
    "attacks.canary": "attacks.canaries.canary",
    "attacks.canary_decoding": "attacks.canaries.decoding",
    "attacks.canary_exposure": "attacks.canaries.exposure",
    "attacks.canary_inversion": "attacks.canaries.token_inversion",
    "attacks.canary_ranking": "attacks.canaries.ranking",
    "attacks.canary_transcripts": "attacks.canaries.transcripts",
    "attacks.clopper_pearson": "attacks.statistics.clopper_pearson",
    "attacks.combined": "attacks.membership.combined",
    "attacks.contract": "attacks.checks",
    "attacks.coverage": "attacks.statistics.simulation.coverage",
    "attacks.evidence": "attacks.statistics.evidence",
    "attacks.exposure": "attacks.statistics.exposure",
    "attacks.f_dp": "attacks.statistics.f_dp",
    "attacks.games": "attacks.statistics.simulation.games",
    "attacks.gdp": "attacks.statistics.gdp",
    "attacks.gradient_leakage": "attacks.inversion.gradient_leakage",
    "attacks.gradient_norm": "attacks.membership.gradient_norm",
    "attacks.gradient_spectrogram": "attacks.inversion.gradient_spectrogram",
    "attacks.guesses": "attacks.statistics.guesses",
    "attacks.inversion": "attacks.inversion.descent",
    "attacks.inversion_prior": "attacks.inversion.prior",
    "attacks.inversion_restoration": "attacks.inversion.restoration",
    "attacks.likelihood_ratios": "attacks.membership.likelihood_ratios",
    "attacks.likeness": "attacks.inversion.metrics",
    "attacks.lira": "attacks.membership.lira",
    "attacks.logistic": "attacks.membership.logistic",
    "attacks.means": "attacks.statistics.means",
    "attacks.membership": "attacks.membership.loss",
    "attacks.one_run": "attacks.statistics.one_run",
    "attacks.perturbation": "attacks.membership.perturbation",
    "attacks.ranking": "attacks.statistics.ranking",
    "attacks.rmia": "attacks.membership.rmia",
    "attacks.roc": "attacks.statistics.roc",
    "attacks.transcript_distance": "attacks.membership.edit_distance",
    "defenses.accounting": "defenses.accounting.price",
    "defenses.clipping": "defenses.dpsgd.clipping",
    "defenses.contract": "defenses.checks",
    "defenses.dpsgd": "defenses.dpsgd.scheme",
    "defenses.events": "defenses.accounting.event_json",
    "defenses.groups": "defenses.accounting.groups",
    "defenses.microbatch": "defenses.dpsgd.microbatch",
    "defenses.none": "defenses.public.nonprivate",
    "defenses.parts": "defenses.accounting.event_algebra",
    "defenses.pate": "defenses.pate.scheme",
    "defenses.poll": "defenses.pate.teachers",
    "defenses.public": "defenses.public.scheme",
    "defenses.renyi": "defenses.accounting.renyi",
    "defenses.sampling": "defenses.dpsgd.sampling",
    "defenses.schemes": "defenses.registry",
    "defenses.self_trained": "defenses.dpsgd.self_trained",
    "defenses.smooth_sensitivity": "defenses.pate.smooth_sensitivity",
    "defenses.student": "defenses.public.pseudo_labels",
    "defenses.vote_privacy": "defenses.pate.rdp",
    "defenses.votes": "defenses.pate.votes",
    "targets.acoustics": "targets.synthetic.acoustics",
    "targets.attention": "targets.nn.attention",
    "targets.audio": "targets.speech.audio",
    "targets.augmentation": "targets.speech.augmentation",
    "targets.contract": "targets.training.checks",
    "targets.ctc": "targets.models.ctc",
    "targets.cutsets": "targets.corpora.readers.lhotse",
    "targets.embedded": "targets.synthetic.corpus",
    "targets.encoder": "targets.nn.encoder",
    "targets.ensemble": "targets.training.ensemble",
    "targets.entries": "targets.corpora.entry",
    "targets.errors": "targets.core.errors",
    "targets.espeak": "targets.synthetic.espeak",
    "targets.estimate": "targets.core.estimate",
    "targets.features": "targets.speech.features",
    "targets.hybrid": "targets.models.hybrid",
    "targets.independent": "attacks.inversion.judge",
    "targets.jsonl": "targets.corpora.readers.manifest",
    "targets.las": "targets.models.las",
    "targets.layers": "targets.nn.layers",
    "targets.librispeech": "targets.corpora.readers.librispeech",
    "targets.manifests": "targets.corpora.read",
    "targets.phrases": "targets.synthetic.phrases",
    "targets.progress": "targets.core.progress",
    "targets.randomness": "targets.core.randomness",
    "targets.recipe": "targets.training.recipe",
    "targets.recognizer": "targets.models.recognizer",
    "targets.rnnt": "targets.models.rnnt",
    "targets.speech": "targets.speech.utterance",
    "targets.speech_cache": "targets.synthetic.cache",
    "targets.stacked": "targets.nn.stacked",
    "targets.stamp": "targets.core.digests",
    "targets.synthesis": "targets.synthetic.synthesis",
    "targets.tape": "targets.nn.tape",
    "targets.tokens": "targets.speech.tokens",
    "targets.training": "targets.training.fit",
    "targets.transcript": "targets.speech.transcript",
    "targets.transducer_beam": "targets.models.rnnt_beam",
    "targets.trie": "targets.nn.trie",
    "targets.vocoder": "attacks.inversion.vocoder",
    "targets.voiceprint": "attacks.inversion.voiceprint",
    "targets.voices": "targets.synthetic.voices",
    "targets.wer": "targets.speech.wer",
}

# Names that left the module which took the old one's place: "module:name", by module of today.
RENAMED: Mapping[str, Mapping[str, str]] = {
    "attacks.canaries.decoding": {"text_losses": "attacks.canaries.decoding:text_nll"},
    "attacks.statistics.audit": {"verdict": "attacks.statistics.verdict:verdict"},
    "defenses.dpsgd.microbatch": {
        "decaying_event": "defenses.dpsgd.old_calls:decaying_event",
        "stage_of": "defenses.dpsgd.old_calls:stage_of",
    },
    "defenses.dpsgd.scheme": {
        "check_clip": "defenses.dpsgd.clipping:check_clip",
        "descend": "defenses.dpsgd.old_calls:descend",
        "sampling": "defenses.dpsgd.old_calls:sampling",
        "set_noisy_mean": "defenses.dpsgd.mechanism:set_noisy_mean",
    },
    "defenses.pate.teachers": {
        "Ballots": "defenses.pate.teachers:Votes",
        "Poll": "defenses.pate.teachers:TeacherVotes",
    },
    "defenses.pate.votes": {"ballot": "defenses.pate.votes:count_votes"},
    "targets.models.ctc": {
        "ctc_losses": "targets.models.ctc:ctc_nll",
        "Hypothesis": "targets.nn.search:Hypothesis",
        "logaddexp": "targets.nn.search:logaddexp",
    },
    "targets.nn.attention": {
        "Writer": "targets.nn.search:Writer",
        "search": "targets.nn.search:search",
    },
}

# Functions whose name a module of the package has today. Where old paths are kept, these packages
# give the function.
HIDDEN: Mapping[str, str] = {
    "defenses.accounting": "price",
    "defenses.dpsgd": "sampling",
    "targets.training": "fit",
}


def path_now(module: str) -> str:
    """Return where the content of a module is today; a path that never moved stays."""
    return MOVED.get(module, module)


def home_now(module: str, name: str) -> str:
    """Return the module of today that defines what an import of a name by an old path means."""
    now = path_now(module)
    return RENAMED.get(now, {}).get(name, f"{now}:{name}").partition(":")[0]


def keep_old_paths() -> None:
    """Let old paths be imported in this process; modules are loaded when they are asked for."""
    if any(isinstance(finder, _OldPaths) for finder in sys.meta_path):
        return
    for old in MOVED:
        if (ROOMS / old.replace(".", "/")).is_dir():
            package = import_module(old)  # empty, so that this costs nothing
            package.__class__ = _package_with_old_content(old)
    sys.meta_path.append(_OldPaths())


def _content(old: str, name: str) -> Any:
    """Return what a name meant in an old module.

    Raises:
        AttributeError: it meant nothing.
    """
    now = MOVED[old]
    if name == "__all__":  # of `from old import *`
        names = {*vars(import_module(now)), *RENAMED.get(now, {})}
        return sorted(name for name in names if not name.startswith("_"))
    if name.startswith("__"):
        raise AttributeError(f"module {old!r} has no attribute {name!r}")
    module, _, renamed = RENAMED.get(now, {}).get(name, f"{now}:{name}").partition(":")
    return getattr(import_module(module), renamed)


def _package_with_old_content(old: str) -> type[ModuleType]:
    # Python's way to give a module attributes of its own making. A hidden name needs a property
    # with a setter: importing the module of that name sets it on the package.
    content: dict[str, Any] = {"__getattr__": lambda _, name: _content(old, name)}
    if old in HIDDEN:
        hidden = HIDDEN[old]
        content[hidden] = property(lambda _: _content(old, hidden), lambda *_: None)
    return type("PackageWithOldContent", (ModuleType,), content)


class _OldPaths:
    """Finds modules that are gone, after all other finders: an import hook and its loader."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002
        return None  # an ordinary one

    def exec_module(self, module: ModuleType) -> None:
        for name in _content(module.__name__, "__all__"):
            setattr(module, name, _content(module.__name__, name))
