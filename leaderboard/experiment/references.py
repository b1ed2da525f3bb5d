"""Reference models of the attacker: trained once for every scheme of an experiment.

They are trained without privacy on the suite's schedule, each on a random half of the candidates:
matched to `none`, and to the other schemes as far as an attacker can who has no noise to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from attacks.base import Attack, Memory, References, view_of
from attacks.references import Comparative
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.fingerprints import attack_code
from leaderboard.game.game import Game
from leaderboard.spec.paths import EMBEDDED
from targets.core.digests import digest_of, stamp
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Corpus
from targets.training.ensemble import Ensemble, fit_ensemble

WEIGHT = 0.4  # of one, relative to a cell

Attacks = Mapping[str, Attack]


def references_wanted(attacks: Attacks) -> int:
    """Return how many reference models serve all of the attacks."""
    return max((a.references for a in _comparative(attacks).values()), default=0)


@dataclass(frozen=True)
class ReferenceModels:
    """The reference models that some attacks compare with. See `SharedStage`."""

    experiment: Experiment
    attacks: Attacks

    kind: ClassVar[str] = "references"

    @property
    def id(self) -> str:
        """Name of its job."""
        return f"references-{self.experiment.name}"

    @property
    def needs(self) -> tuple[str, ...]:
        """They begin at the public start."""
        return self.experiment.first_jobs

    @property
    def weight(self) -> float:
        """How long they take, relative to a cell."""
        return WEIGHT * references_wanted(self.attacks)

    @property
    def file(self) -> Path:
        """Where the attacks' signals on the references are kept, the last file to be written."""
        content = {
            name: [attack_code(name), *map(repr, attack.signals)]
            for name, attack in _comparative(self.attacks).items()
        }
        weights = self.weights_file
        return weights.with_name(f"{weights.stem}-{digest_of(content)[:12]}.safetensors")

    @property
    def weights_file(self) -> Path:
        """Where their weights are kept."""
        experiment = self.experiment
        content = experiment.conditions.model_dump(mode="json", exclude={"attacks", "audit"}) | {
            "references": references_wanted(self.attacks),
            "stamps": [
                stamp(experiment.data / one.source)
                for name, one in experiment.conditions.speech.named.items()
                if name != "test" and one.source != EMBEDDED
            ],
        }
        checkpoint = experiment.conditions.training.checkpoint
        if checkpoint is not None:
            content["checkpoint"] = stamp(experiment.data / checkpoint)
        name = f"{experiment.name}-{digest_of(content)[:12]}.safetensors"
        return experiment.out / "references" / name

    def compute(self) -> None:
        """Train the reference models, take the attacks' signals on them, and keep both."""
        rng = self._rng
        with stage(0.0, 0.05):
            game, recipe = self.experiment.game, self.experiment.recipe
        with stage(0.05, 0.8):
            if not self._is_of(self.weights_file):
                count = references_wanted(self.attacks)
                shards = [_other_coins(game, number, rng).members for number in range(count)]
                trained = fit_ensemble(recipe, shards, recipe.schedule, rng.child("fit"))
                with whole_file(self.weights_file) as aside:
                    weights = {name: w.cpu() for name, w in trained.weights.items()}
                    save_file(weights, aside, metadata=self._speech)
        references = self._references({})
        signals = {repr(s): s for a in _comparative(self.attacks).values() for s in a.signals}
        scores = {}
        for number, (name, signal) in enumerate(signals.items()):
            with stage(*(0.8 + 0.2 * (number + k) / len(signals) for k in (0, 1))):
                scores[name] = torch.from_numpy(references.scores(signal, game.candidates))
        with whole_file(self.file) as aside:
            save_file(scores, aside, metadata=self._speech)

    def load(self) -> References:
        """Return the references, with the attacks' signals on them.

        They are computed here where those that are kept are of other speech: the names of the files
        change with names, sizes and texts of the speech, not its sound.
        """
        if not (self._is_of(self.file) and self._is_of(self.weights_file)):
            with listening(None):
                self.compute()
        memory: Memory = {
            name: {
                c.id: row
                for c, row in zip(self.experiment.game.candidates, scores.numpy().T, strict=True)
            }
            for name, scores in load_file(self.file).items()
        }
        return self._references(memory)

    @property
    def _speech(self) -> dict[str, str]:
        """Digests of the speech that they are trained on."""
        game = self.experiment.game
        groups = {"public": game.public, "candidates": game.candidates}
        return {name: Corpus(name, tuple(group)).digest for name, group in groups.items()}

    def _is_of(self, file: Path) -> bool:
        """Return whether a file is there, and of the speech as it is now."""
        if not file.exists():
            return False
        with safe_open(file, "pt") as kept:
            # Those from before digests were kept are taken at their word.
            return (kept.metadata() or self._speech) == self._speech

    @property
    def _rng(self) -> Randomness:
        return self.experiment.rng("references", self.experiment.target)

    def _references(self, memory: Memory) -> References:
        game, recipe = self.experiment.game, self.experiment.recipe
        device = torch.device(recipe.device)
        weights = {name: w.to(device) for name, w in load_file(self.weights_file).items()}
        ensemble, start = Ensemble(recipe, weights), recipe.build()
        public = [u for u in game.public if u.text]
        views, trained_on = [], []
        for number in range(ensemble.size):
            views.append(view_of("weights", ensemble.recognizer(number), start, public))
            members = _other_coins(game, number, self._rng).members
            trained_on.append(frozenset(m.id for m in members))
        # By its number, from when a stream told its seed: another stream is other numbers.
        own = Randomness(self._rng.child("signals").integer())
        return References(views, trained_on, own, memory)


def _comparative(attacks: Attacks) -> dict[str, Comparative]:
    return {name: a for name, a in attacks.items() if isinstance(a, Comparative)}


def _other_coins(game: Game, number: int, rng: Randomness) -> Game:
    """Return the game with the attacker's own coins for one reference model."""
    return game.with_other_coins(rng.child("coins", number))
