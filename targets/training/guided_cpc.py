"""Guided contrastive predictive coding: an encoder is taught by speech that nobody transcribed.

Source: "Guided Contrastive Self-Supervised Pre-Training for Automatic Speech Recognition", Khare et
al. 2022, arXiv 2210.12335. From the states of the encoder the representations that a prior model
has of what comes next are predicted, against those of other moments (`contrast`). That is all
the prior model's knowledge does: it says what is worth predicting.

The prior model here is the plain start, the same target trained on the transcribed public speech
alone: it is public, it costs nothing but its training, and no knowledge is added that the plain
start would not have had. Its representations are its encoder's states of the whole utterance.
CPC predicts from states that have heard the past alone. Most encoders here read both ways, so that
utterances are cut into pieces (`pieces`), and what came before a piece is predicted as well as what
comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.models.base import train_base_alone
from targets.models.recognizer import Example, Recognizer
from targets.nn.layers import Linear
from targets.nn.precision import products_in
from targets.speech.augmentation import masked
from targets.speech.features import MELS
from targets.speech.utterance import Utterance
from targets.training.contrast import info_nce
from targets.training.fit import descend, public_start
from targets.training.pieces import SHORTEST, cut, features_of, unheard
from targets.training.recipe import Recipe, Schedule

REACH = 40  # feature frames that are predicted, either way: 0.4 s

Encode = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def guided_start(
    recipe: Recipe,
    public: Sequence[Utterance],
    schedule: Schedule,
    pretraining: Schedule,
    rng: Randomness,
    *,
    augment: bool = False,
) -> Recognizer:
    """Return the target trained on transcribed public speech, after all public speech was heard.

    The prior model is the plain start of the same random numbers; the encoder then learns from all
    of `public` by `pretraining`, and what has transcripts trains the whole by `schedule`. Only
    where its encoder begins does the result differ from the plain start.

    Raises:
        OverheardError: the target has no encoder that this can train, or there is nothing public to
            learn from.
    """
    transcribed = [u for u in public if u.text]
    # A target without one is refused before anything is trained.
    _frames_and_size(encoder_of(recipe.untrained(rng)))
    with stage(0.0, 0.3):
        prior = public_start(recipe, transcribed, schedule, rng, augment=augment)
    with stage(0.3, 0.7):
        encoder = guided_encoder(recipe, public, prior, pretraining, rng, augment=augment)
    with stage(0.7, 1.0):
        return public_start(recipe, transcribed, schedule, rng, augment=augment, encoder=encoder)


def guided_encoder(
    recipe: Recipe,
    public: Sequence[Utterance],
    prior: Recognizer,
    pretraining: Schedule,
    rng: Randomness,
    *,
    augment: bool = False,
) -> dict[str, Tensor]:
    """Return the weights of an encoder that public speech has taught to predict a prior model's.

    Raises:
        OverheardError: the target has no encoder that this can train, or no utterance is long
            enough to be cut.
    """
    learner = recipe.untrained(rng.child("weights"))  # the ones that the prior model began at
    learner.logmel.load_state_dict(prior.logmel.state_dict())
    task = GuidedCPC(learner, prior, rng.child("pretraining"))
    task.fit(public, pretraining, augment=augment)
    return task.encoder.state_dict()


def encoder_of(recognizer: Recognizer) -> nn.Module:
    """Return the encoder of a recogniser.

    Raises:
        OverheardError: it has none that hears log-mel frames.
    """
    network = recognizer.network
    # Not by `isinstance`: from Python 3.12 on that does not see the parts of a module.
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module) or not recognizer.hears_log_mel:
        raise OverheardError(
            f"guided CPC trains an encoder of log-mel frames, and {type(network).__name__} has "
            "none: leave training.pretraining out"
        )
    return encoder


class GuidedCPC:
    """The task: a recogniser's encoder predicts a prior one's states beyond what it has heard.

    Both are of one target, and hear the same features. `rng` draws maps, cuts, order and hiding.
    """

    def __init__(self, recognizer: Recognizer, prior: Recognizer, rng: Randomness) -> None:
        self.recognizer, self.rng = recognizer, rng
        train_base_alone(recognizer.network)
        self.encoder = encoder_of(recognizer)
        self.prior = encoder_of(prior)
        self.slowing, own = _frames_and_size(self.encoder)
        _, size = _frames_and_size(self.prior)
        reach = REACH // self.slowing
        self.offsets = [*range(-reach, 0), *range(1, reach + 1)]
        device = next(self.encoder.parameters()).device
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.default_generator.manual_seed(rng.child("maps").integer())
            maps = nn.ModuleList([Linear(own, size) for _ in self.offsets])
        self.maps = maps.to(device)
        self._cuts = rng.child("cuts").numpy()

    def fit(self, heard: Sequence[Utterance], schedule: Schedule, *, augment: bool = False) -> None:
        """Train the encoder and the maps; `augment` hides parts from it, but not from the prior.

        Raises:
            OverheardError: no utterance is long enough to be cut.
        """
        examples = self.recognizer.examples(heard)
        if all(len(e.features) < 2 * SHORTEST for e in examples):
            raise OverheardError(
                "guided CPC: no public utterance is long enough to be cut in two, "
                f"{2 * SHORTEST / 100:g} s"
            )
        hiding = self.rng.child("augmentation").torch()

        def loss_of(batch: list[Example]) -> Tensor:
            clear = [e.features for e in batch]
            hidden = [masked(f, hiding) for f in clear] if augment else clear
            return self.loss(hidden, clear)

        weights = [w for w in self.encoder.parameters() if w.requires_grad]
        descend([*weights, *self.maps.parameters()], examples, loss_of, schedule, self.rng)

    def loss(self, hidden: Sequence[Tensor], clear: Sequence[Tensor]) -> Tensor:
        """Return the mean loss over offsets, in nats, of utterances' features (T, M) each.

        The encoder hears pieces of the `hidden` ones, the prior model the `clear` ones as a whole.
        """
        means = [losses.mean() for losses in self.losses(hidden, clear).values()]
        # Nothing can be predicted where every utterance is too short to be cut.
        return torch.stack(means).mean() if means else next(self.maps.parameters()).sum() * 0

    def losses(self, hidden: Sequence[Tensor], clear: Sequence[Tensor]) -> dict[int, Tensor]:
        """Return the losses (N,) at each offset, in nats; a guess costs log N each.

        An offset at which there is nothing to predict is left out.
        """
        device = clear[0].device
        counts = torch.tensor([len(f) for f in clear], device=device)
        with products_in(self.recognizer.precision):
            with torch.no_grad():
                states, many = _encoded(self.prior, pad_sequence([*clear], True), counts)
            pieces = cut(many.tolist(), self.slowing, self._cuts)
            known, _ = _encoded(self.encoder, *features_of(pieces, hidden, self.slowing))
            found = {}
            for offset, predict in zip(self.offsets, self.maps, strict=True):
                pairs = unheard(pieces, offset)
                if pairs:
                    piece, place, row, there = torch.tensor(pairs, device=device).T
                    predicted: Tensor = predict(known[piece, place])
                    found[offset] = info_nce(predicted, states[row, there])
        return found


def _encoded(encoder: nn.Module, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    return cast(Encode, encoder)(features, counts)


@torch.no_grad()
def _frames_and_size(encoder: nn.Module) -> tuple[int, int]:
    """Return how many frames make a state, and how many numbers it is.

    Raises:
        OverheardError: the encoder is called in another way than `AcousticEncoder`.
    """
    try:
        device = next(encoder.parameters()).device
        silence = torch.zeros(1, 64, MELS, device=device)
        states, counts = _encoded(encoder, silence, torch.tensor([64], device=device))
        (many,) = counts.tolist()
        _, _, size = states.shape
        return 64 // int(many), size
    except Exception as error:  # whatever somebody else's network raises
        raise OverheardError(
            f"guided CPC: {type(encoder).__name__} does not encode as AcousticEncoder does, frames "
            f"(B, T, {MELS}) and counts (B,) to states (B, T', D) and their counts ({error}): "
            "give the network such an 'encoder', or leave training.pretraining out"
        ) from error
