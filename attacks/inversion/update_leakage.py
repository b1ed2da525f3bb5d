"""Update leakage: the speech behind a difference of weights, of several steps or several clients.

Whoever holds a model before and after it learnt from some utterances sees a sum of gradients. What
the first convolution hears is the speech itself, and no step changes that: however many steps were
taken, the rows of its difference lie in the span of the windows of all utterances. Utterances of
different lengths are told apart by where they end. Updates of the same speech in further rounds add
rows. The second convolution hears half as many windows, so that its rows hold twice as much speech,
but only while the first one stays as it was: for one step. For studies of one update: a model of
the game has learnt from far more windows than it has rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from attacks.inversion.gradient_spectrogram import MARGIN, ROUNDING, spectrogram
from attacks.inversion.metrics import padded
from attacks.inversion.prior import SpeechPrior
from targets.core.errors import OverheardError
from targets.models.base import HasAdapters
from targets.models.recognizer import Recognizer
from targets.nn.encoder import Slower
from targets.nn.layers import Convolution, sequence_mask

UNIT = 2.0**-23  # of single precision: weights are known no better than by this part of themselves
ITERATIONS = 100  # of the descent from what the second convolution hears to frames
NATURAL = 1e-2  # how much that descent is drawn to what is usual in speech


class Update(NamedTuple):
    """A target before and after it learnt."""

    before: Recognizer
    after: Recognizer


@dataclass(frozen=True, eq=False)
class Moved:
    """How far a convolution moved: `weight` (R, K) and `bias` (R,), every number with noise.

    The rows R are its channels, in every round. `sigma` is the standard deviation of the noise and
    of the rounding of the weights together.
    """

    weight: Tensor
    bias: Tensor
    sigma: float

    @classmethod
    def between(cls, before: Convolution, after: Convolution, sigma: float) -> Moved:
        """Return the difference, where whoever released it added noise of deviation `sigma`."""
        old, new = before.linear, after.linear
        rounding = UNIT * float(old.weight.detach().square().mean().sqrt())
        return cls(
            (new.weight - old.weight).detach(),
            (new.bias - old.bias).detach(),
            (sigma**2 + rounding**2) ** 0.5,
        )

    @classmethod
    def over(cls, rounds: Iterable[Moved]) -> Moved:
        """Return the rows of all rounds together."""
        parts = list(rounds)
        weights, biases = (
            torch.cat(p) for p in ([m.weight for m in parts], [m.bias for m in parts])
        )
        return cls(weights, biases, max(m.sigma for m in parts))

    def heard(self, prior: Tensor, stride: int) -> Tensor:
        """Return what was heard (T, I), or `prior` (T, I) itself where noise hides all."""
        return spectrogram(self.weight, self.bias, prior, stride, self.sigma)

    def rank(self) -> int:
        """Return how many directions moved by more than noise moves them."""
        rows = torch.cat([self.weight, self.bias[:, None]], 1).double()
        sizes = torch.linalg.svdvals(rows)
        noise = self.sigma * (rows.shape[0] ** 0.5 + rows.shape[1] ** 0.5)
        return int((sizes > MARGIN * noise + ROUNDING * sizes[0]).sum())


def reconstructed(
    updates: Sequence[Update], counts: Tensor, prior: SpeechPrior, sigma: float = 0.0
) -> Tensor:
    """Return the spectrograms (B, T, M) of the B utterances that moved the weights in each update.

    `counts` (B,) are their frames, which the attacker knows; every number of the update has noise
    of standard deviation `sigma`. Where noise hides all, they are the mean speaker of `prior`.
    Utterances of the same length come back as one mixture. With more windows than the rows of a
    difference can span the result is a likeness at best.

    Raises:
        OverheardError: the target does not begin with two convolutions.
    """
    pairs = [(_slower(update.before), _slower(update.after)) for update in updates]
    (first, second), old = _convolutions(pairs[0][0]), pairs[0][0]
    moved, deeper = (
        Moved.over(
            Moved.between(_convolutions(a)[layer], _convolutions(b)[layer], sigma) for a, b in pairs
        )
        for layer in (0, 1)
    )
    means = [m[:n] for m, n in zip(prior.mean(counts), counts.tolist(), strict=True)]
    windows = first.counts(counts)
    fewer = int(second.counts(windows).sum())
    fits = int(windows.sum()) <= min(moved.weight.shape)
    # The second moved in more directions than it has windows where the first one had changed.
    if fits or fewer > min(deeper.weight.shape) or deeper.rank() > fewer:
        return padded([moved.heard(mean, first.stride) for mean in means])
    found = []
    for mean in means:
        usual = _hidden(old, mean).detach()
        heard = deeper.heard(usual, second.stride)
        nothing = torch.equal(heard, usual)
        found.append(mean if nothing else _frames(lambda x: _hidden(old, x), heard, mean, prior))
    return padded(found)


def most_frames(recognizer: Recognizer) -> int:
    """Return of how many frames one utterance comes back whole from one update, at most.

    It has then no more windows than the update has rows. 0 is returned where the target does not
    begin with convolutions that it trains.
    """
    trained = not isinstance(recognizer.network, HasAdapters)
    if not trained or not any(isinstance(m, Slower) for m in recognizer.modules()):
        return 0
    first, _ = _convolutions(_slower(recognizer))
    return min(first.linear.weight.shape) * first.stride


def _hidden(slower: Slower, frames: Tensor) -> Tensor:
    """Return what the second convolution hears (T', C) of frames (T, M)."""
    counts = torch.tensor([len(frames)], device=frames.device)
    return slower.convolved(0, frames[None], sequence_mask(counts, len(frames)), counts)[0][0]


def _frames(
    hidden: Callable[[Tensor], Tensor], heard: Tensor, begun: Tensor, prior: SpeechPrior
) -> Tensor:
    """Return the frames (T, M), found from `begun`, of which the second convolution hears `heard`.

    One step of the first convolution takes in more numbers than it gives out where it has few
    channels: what is usual in speech decides on the rest.
    """
    frames = begun.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [frames], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        far = (hidden(frames) - heard).square().mean()
        loss = far + NATURAL * prior.strangeness(frames[None]).sum()
        frames.grad = torch.autograd.grad(loss, frames)[0]
        return loss

    optimizer.step(objective)
    return frames.detach()


def _slower(model: Recognizer) -> Slower:
    for module in model.modules():
        if isinstance(module, Slower):
            return module
    raise OverheardError("the target does not begin with convolutions that it trains")


def _convolutions(slower: Slower) -> tuple[Convolution, Convolution]:
    first, second = slower.convolutions[:2]
    assert isinstance(first, Convolution)
    assert isinstance(second, Convolution)
    return first, second
