"""Broken mechanisms, each one small change of the real code away from it, and what unmasks them.

What leaks past the mechanism is in `tests.zoo.artefacts`. `python -m tests.zoo.table` prints what
every audit proves, as the table in docs/audits.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import numpy as np
import torch
from dp_accounting import ComposedDpEvent, GaussianDpEvent, LaplaceDpEvent, SelfComposedDpEvent

from defenses.dpsgd import adamix, clipping, ftrl, scheme
from defenses.dpsgd import mechanism as dpsgd
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.factorisation import BandedRoot
from defenses.dpsgd.ftrl import DPFTRL
from defenses.dpsgd.public_gradients import PublicGradients, clipped_in_units
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.fairness.oversampling import OversampledEDPSGD
from defenses.pate import mechanism as pate
from defenses.pate import teachers
from defenses.pate.scheme import PATE
from leaderboard.audits import gradient_canaries, vote_canaries
from leaderboard.audits.gradient_canaries import Evidence, Setting
from leaderboard.audits.training_audit import TrainingAudit, conclude
from leaderboard.audits.vote_canaries import VoteSetting
from targets.core.randomness import Randomness

DELTA = 1e-5
BATCH = 4
MORE_OFTEN = 3.0  # than all others the cohort is drawn that a canary is in

Breaking = Callable[[], AbstractContextManager[object]]


# DP-SGD: noise


def _noise_divided_twice():
    """Divide the noise by the batch size before the sum, noise included, is divided by it."""
    real = dpsgd.set_noisy_mean

    def broken(total, deviation, expected_batch, generator):
        real(total, deviation / expected_batch, expected_batch, generator)

    return patch.object(dpsgd, "set_noisy_mean", broken)


def _no_noise_on_empty_batches():
    """Skip the noise where there is no gradient: the silence tells that nobody was drawn."""
    real = dpsgd.set_noisy_mean

    def broken(total, deviation, expected_batch, generator):
        empty = not any(bool(g.any()) for g in total.values())
        real(total, 0.0 if empty else deviation, expected_batch, generator)

    return patch.object(dpsgd, "set_noisy_mean", broken)


def _noise_reused():
    """Seed the noise anew at every step: two updates subtracted leave gradients alone."""
    real = dpsgd.set_noisy_mean

    def broken(total, deviation, expected_batch, generator):
        real(total, deviation, expected_batch, generator.manual_seed(generator.initial_seed()))

    return patch.object(dpsgd, "set_noisy_mean", broken)


@contextmanager
def _mean_over_the_drawn_batch():
    """Divide by the number of examples that were drawn: the size of the noise tells it."""
    real_sum, real_mean = scheme.clipped_sum_one_by_one, dpsgd.set_noisy_mean
    drawn = [0]

    def counted(recognizer, batch, clip):
        drawn[0] = len(batch)
        return real_sum(recognizer, batch, clip)

    def broken(total, deviation, expected_batch, generator):  # noqa: ARG001
        real_mean(total, deviation, max(1, drawn[0]), generator)

    with (
        patch.object(scheme, "clipped_sum_one_by_one", counted),
        patch.object(dpsgd, "set_noisy_mean", broken),
    ):
        yield


# DP-SGD: clipping


def _clip_the_mean():
    """Cut the batch's mean gradient to the clipping norm instead of every example's."""

    def broken(recognizer, batch, clip):
        total = clipping.zeros(recognizer)
        if batch:
            mean = recognizer.example_nll(batch).mean()
            gradients = torch.autograd.grad(mean, list(total))
            norm = torch.sqrt(sum(g.square().sum() for g in gradients))
            for sum_, gradient in zip(total.values(), gradients, strict=True):
                # The mean goes where the mechanism expects a mean: it is divided once more later.
                sum_ += gradient * (clip / norm.clamp_min(clip)) * BATCH
        return total

    return patch.object(scheme, "clipped_sum_one_by_one", broken)


def _clip_every_layer():
    """Cut every parameter's gradient to the whole threshold: L of them add up to √L times it."""

    def broken(recognizer, batch, clip):
        total = clipping.zeros(recognizer)
        for example in batch:
            loss = recognizer.example_nll([example])[0]
            for sum_, gradient in zip(
                total.values(), torch.autograd.grad(loss, list(total)), strict=True
            ):
                sum_ += gradient * (clip / gradient.norm().clamp_min(clip))
        return total

    return patch.object(scheme, "clipped_sum_one_by_one", broken)


def _no_normalisation():
    """Take every gradient of the efficient scheme for one of norm one."""
    real = clipping.square_norms
    return patch.object(clipping, "square_norms", lambda gradients: real(gradients) * 0 + 1)


# DP-SGD: sampling and accounting


def _drawn_more_often(factor):
    """Draw everybody `factor` times as often as is priced."""
    real = dpsgd.poisson_batches

    def broken(items, rate, steps, rng):
        return real(items, factor * rate, steps, rng)

    return patch.object(dpsgd, "poisson_batches", broken)


_twice_the_rate = partial(_drawn_more_often, 2)
_full_batches = partial(_drawn_more_often, 4)


def _batches_in_order():
    """Deal the members to batches in their order, and price it as if batches were drawn."""

    def broken(items, rate, steps, rng):  # noqa: ARG001
        batches = round(1 / rate)
        for step in range(steps):
            yield list(items[step % batches :: batches])

    return patch.object(dpsgd, "poisson_batches", broken)


def _priced_as_all_others():
    """Draw one cohort more often, and price the rate at which everybody else is drawn."""
    real = dpsgd.subsampled_gaussian_event

    def broken(noise, rate, steps, *stages):
        return real(noise, rate / MORE_OFTEN, steps, *stages)

    return patch.object(dpsgd, "subsampled_gaussian_event", broken)


def _one_epoch():
    """Claim what one epoch costs for all of them."""
    real = dpsgd.subsampled_gaussian_event

    def broken(noise, rate, steps, *stages):  # noqa: ARG001
        return real(noise, rate, round(1 / rate), *stages)

    return patch.object(dpsgd, "subsampled_gaussian_event", broken)


# DP-FTRL


def _took_part_once():
    """Price an utterance as if it took part in one epoch."""

    def broken(root, separation):  # noqa: ARG001
        return float(np.linalg.norm(root.times(root.participation(0, root.steps))))

    return patch.object(BandedRoot, "sensitivity", broken)


@contextmanager
def _band_beyond_the_epoch():
    """Let the band go on into the next epoch, and add squares as if columns still shared no row."""

    def broken(root, separation):
        firsts = range(0, root.steps, separation)
        columns = [root.times(root.participation(n, root.steps)) for n in firsts]
        return float(np.linalg.norm(columns))

    with (
        patch.object(ftrl, "longest_band", lambda band, epoch: band),  # noqa: ARG005
        patch.object(BandedRoot, "sensitivity", broken),
    ):
        yield


def _whitened_by_another_matrix():
    """Price a matrix of columns of norm 1, and correlate the noise by one of longer columns."""

    def broken(root, separation):
        return float(np.linalg.norm(root.participation(0, separation)))

    return patch.object(BandedRoot, "sensitivity", broken)


def _white_noise_reused():
    """Seed the white noise anew at every step: differences of whitened updates have none."""
    real = ftrl.white_noise

    def broken(like, deviation, generator):
        return real(like, deviation, generator.manual_seed(generator.initial_seed()))

    return patch.object(ftrl, "white_noise", broken)


# AdaMix


def _not_clipped():
    """Trust that private gradients are as long as public ones, and cut none before projection."""

    def broken(recognizer, batch, threshold):
        total = clipping.zeros(recognizer)
        if batch:
            losses = recognizer.example_nll(batch).sum()
            for sum_, gradient in zip(
                total.values(), torch.autograd.grad(losses, list(total)), strict=True
            ):
                sum_ += gradient / threshold
        return total

    return patch.object(adamix, "clipped_in_units", broken)


def _threshold_of_the_members():
    """Take the quantile of norms over the batch, too: the size of the noise tells who is in it."""

    def broken(self, recognizer, batch):
        both = [*self.speech, *batch]
        self.said = PublicGradients.of(recognizer, both, self.quantile, self.components)
        return clipped_in_units(recognizer, batch, self.said.threshold)

    return patch.object(adamix.BesidePublic, "__call__", broken)


# PATE


def _same_shard():
    """Give all members to every teacher."""

    def broken(members, count, rng, *_):  # noqa: ARG001
        return [list(members) for _ in range(count)]

    return patch.object(teachers, "shards", broken)


def _gaussian_votes_once(noise, votes):
    return GaussianDpEvent(noise / math.sqrt(votes))


def _laplace_votes_once(noise, votes):
    return SelfComposedDpEvent(ComposedDpEvent([LaplaceDpEvent(noise)]), votes)


def _votes_once():
    """Count a moved vote as one count changed, not as two."""
    return patch.multiple(
        pate, gaussian_votes_event=_gaussian_votes_once, laplace_votes_event=_laplace_votes_once
    )


@dataclass(frozen=True)
class Broken:
    """A broken mechanism, and the audit that was fixed for it beforehand.

    `watch` trains so many times with the canary and as often without, and keeps what it saw.
    """

    name: str
    scheme: str
    breaking: Breaking
    watch: Callable[[int, Randomness], Evidence]
    runs: int
    slow: bool = False

    def audit(self, *, broken: bool = True, level: float = 0.95) -> TrainingAudit:
        """Audit the broken mechanism, or the sound one in its place."""
        began = time.monotonic()
        with self.breaking() if broken else nullcontext():
            evidence = self.watch(self.runs, Randomness(0).child("zoo", self.name))
        seconds = time.monotonic() - began
        return conclude(self.scheme, "", evidence, delta=DELTA, level=level, seconds=seconds)


def descent(epsilon=4.0, rate=0.25, epochs=2.0, *, tensors=1, company=0, defense=DPSGD):
    """Watch the updates of DP-SGD for `epochs` epochs of 1 / rate steps."""
    chosen = defense(epsilon, epochs=epochs, batch_size=BATCH)
    setting = Setting(chosen, round(BATCH / rate), DELTA, tensors, company)
    return partial(gradient_canaries.many_runs, setting)


def oversampled(epsilon=4.0, rate=0.25, epochs=2.0):
    """Watch the updates where one cohort is drawn more often; the canary is in that cohort."""
    chosen = OversampledEDPSGD(
        epsilon, cohort="british", factor=MORE_OFTEN, epochs=epochs, batch_size=BATCH
    )
    return partial(gradient_canaries.many_runs, Setting(chosen, round(BATCH / rate), DELTA))


def ordered(epsilon=4.0, batches=4, epochs=8.0, band=16):
    """Watch the updates of DP-FTRL for `epochs` epochs of so many batches."""
    chosen = DPFTRL(epsilon, epochs=epochs, batch_size=BATCH, band=band)
    setting = Setting(chosen, BATCH * batches, DELTA)
    return partial(gradient_canaries.many_runs, setting)


def beside_public(epsilon=4.0, rate=0.25, epochs=2.0):
    """Watch the updates of AdaMix, with four public utterances that point where the canary does."""
    chosen = AdaMix(epsilon, epochs=epochs, batch_size=BATCH, components=2)
    setting = Setting(chosen, round(BATCH / rate), DELTA, public=4)
    return partial(gradient_canaries.many_runs, setting)


def votes(noise, epsilon=4.0, *, company=0):
    """Watch one vote of PATE, with the canary's teacher and three others."""
    chosen = PATE(
        epsilon, noise, teachers=4, teacher_epochs=1, queries=1, hypotheses=2, student_epochs=1
    )
    return partial(vote_canaries.many_runs, VoteSetting(chosen, DELTA, company))


ZOO = (
    Broken(
        "noise divided by the batch size twice", "dpsgd", _noise_divided_twice, descent(), runs=200
    ),
    Broken("clipping the mean, not each example", "dpsgd", _clip_the_mean, descent(), runs=150),
    Broken(
        "clipping per layer with the flat threshold, 16 tensors",
        "dpsgd",
        _clip_every_layer,
        descent(tensors=16),
        runs=80,
    ),
    Broken("no normalisation", "edpsgd", _no_normalisation, descent(defense=EDPSGD), runs=80),
    Broken("no noise on empty batches", "dpsgd", _no_noise_on_empty_batches, descent(), runs=80),
    Broken("noise reused across steps", "dpsgd", _noise_reused, descent(), runs=150),
    Broken(
        "mean over the drawn batch",
        "dpsgd",
        _mean_over_the_drawn_batch,
        descent(rate=0.5, company=1),
        runs=200,
    ),
    Broken("everybody in every batch, priced at 1/4", "dpsgd", _full_batches, descent(), runs=150),
    Broken(
        "sampling rate twice the priced one",
        "dpsgd",
        _twice_the_rate,
        descent(1.0, epochs=8.0),
        runs=2_000,
        slow=True,
    ),
    Broken(
        "batches in order, priced as Poisson",
        "dpsgd",
        _batches_in_order,
        descent(1.0, 1 / 16),
        runs=250,
    ),
    Broken(
        "ε of one epoch claimed for 8", "dpsgd", _one_epoch, descent(epochs=8.0), 250, slow=True
    ),
    Broken("ε of one epoch claimed for 8", "dp-ftrl", _took_part_once, ordered(), runs=60),
    Broken(
        "a band of 16 steps over epochs of 2",
        "dp-ftrl",
        _band_beyond_the_epoch,
        ordered(batches=2),
        runs=200,
    ),
    Broken(
        "noise whitened by another matrix than the priced one",
        "dp-ftrl",
        _whitened_by_another_matrix,
        ordered(batches=16, epochs=1.0),
        runs=1_000,
        slow=True,
    ),
    Broken("white noise reused across steps", "dp-ftrl", _white_noise_reused, ordered(), runs=60),
    Broken(
        "a cohort drawn 3 times as often, priced as all others",
        "edpsgd-oversampled",
        _priced_as_all_others,
        oversampled(),
        runs=100,
    ),
    Broken("private gradients not clipped", "adamix", _not_clipped, beside_public(), runs=60),
    Broken(
        "threshold from private gradients",
        "adamix",
        _threshold_of_the_members,
        beside_public(),
        runs=60,
    ),
    Broken("the same shard to all teachers", "pate-gnmax", _same_shard, votes("gaussian"), runs=80),
    Broken(
        "the same shard to all teachers", "pate-lnmax", _same_shard, votes("laplace", 1.0), runs=200
    ),
    Broken("a moved vote counted once", "pate-gnmax", _votes_once, votes("gaussian"), runs=800),
    Broken(
        "a moved vote counted once",
        "pate-lnmax",
        _votes_once,
        votes("laplace", 1.0),
        800,
        slow=True,
    ),
)
