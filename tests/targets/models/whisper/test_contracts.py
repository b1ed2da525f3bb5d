"""Schemes and attacks keep their contracts on a pretrained target as on any other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from attacks.base import References, view_of
from attacks.checks import check_attack
from attacks.registry import ATTACKS
from defenses.checks import check_defense
from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum
from defenses.registry import SCHEMES
from targets.core.randomness import Randomness
from targets.training.ensemble import fit_ensemble
from targets.training.fit import fit, public_start
from targets.training.recipe import Schedule
from tests.fakes import canary, speech, without_text
from tests.tiny_whisper import make_whisper, recipe_of

PUBLIC = [*speech(4, "public"), *without_text(speech(3, "audio"))]
MEMBERS = speech(5, "private")
CANDIDATES = [*MEMBERS, canary(0, 123), canary(1, 7, repetitions=4)]
SCHEMES_TRIED = {
    "none": {},
    "start": {},
    "public": {"student_epochs": 1},
    "dpsgd": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "edpsgd": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "dp-ftrl": {"epsilon": 4, "epochs": 1, "batch_size": 4},
    "adamix": {"epsilon": 4, "epochs": 1, "batch_size": 4, "components": 2},
    "fedavg": {"clients": 2, "per_round": 2, "rounds": 2},
    "dp-fedavg": {"epsilon": 4, "clients": 4, "per_round": 2, "rounds": 2},
    "adept": {"epsilon": 4, "hidden": 8, "text_epochs": 1},
    "voice-shifted": {},
    "pate-gnmax": {
        "epsilon": 4, "teachers": 2, "teacher_epochs": 1, "student_epochs": 1, "queries": 2,
        "verbalised": True, "choice": "cover", "rounds": 1,
    },
}  # fmt: skip
ATTACKS_TRIED = (
    "membership", "membership-calibrated", "membership-gradient", "membership-noisy",
    "membership-edit-distance", "membership-lira", "canary", "canary-dictation",
    "canary-language-model",
)  # fmt: skip
REASONS = {
    "inversion": "the target hears states of a frozen encoder, and no spectrogram",
    "gradient-leakage": "the target has no convolution",
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OVERHEARD_CACHE", str(tmp_path_factory.mktemp("cache")))
        recipe = recipe_of(make_whisper(tmp_path_factory.mktemp("whisper")))
        schedule = Schedule(2, batch_size=4, learning_rate=1e-2)
        start = public_start(recipe, PUBLIC[:4], schedule, Randomness(1), augment=True)
        weights = {n: w.detach().clone() for n, w in start.state_dict().items()}
        yield replace(recipe, start=weights, expected_members=8, schedule=schedule)


@pytest.mark.parametrize("name", SCHEMES_TRIED)
def test_schemes_keep_their_contract(recipe, name):
    made = partial(SCHEMES.load(name), **SCHEMES_TRIED[name])
    trained = check_defense(made, recipe, MEMBERS, PUBLIC)
    assert set(trained.weights) == set(recipe.start)
    moved = [n for n, w in trained.weights.items() if not torch.equal(w, recipe.start[n])]
    assert len(moved) == (0 if name == "start" else len(recipe.start))


@pytest.mark.parametrize("clip", [0.01, 30.0])
def test_clipped_sums_are_their_definition(recipe, clip):
    recognizer = recipe.build()
    batch = recognizer.examples(speech(7, "members", words=3))
    parameters = list(recognizer.network.parameters())
    rows = [
        torch.cat(
            [
                g.flatten()
                for g in torch.autograd.grad(recognizer.example_nll([e]).sum(), parameters)
            ]
        )
        for e in batch
    ]

    def flat(gradients):
        return torch.cat([g.flatten() for g in gradients.values()])

    cut = sum(g * min(1.0, clip / g.norm().item()) for g in rows)
    scaled = sum(g * clip / (g.norm() + 0.01) for g in rows)
    found = flat(clipped_sum_one_by_one(recognizer, batch, clip))
    assert (found - cut).norm() <= 1e-4 * cut.norm()
    found = flat(normalised_sum(recognizer, batch, clip))
    assert (found - scaled).norm() <= 1e-4 * scaled.norm()


def test_an_ensemble_is_its_models_one_by_one(recipe):
    heard = speech(9, "shard", words=3)
    shards = [heard[:4], [], heard[4:5], heard[5:]]
    rng, schedule = Randomness(5), Schedule(2, batch_size=4, learning_rate=3e-3)
    together = fit_ensemble(recipe, shards, schedule, rng)
    losses, transcripts = together.nll(heard), together.transcribe(heard)
    for k in range(len(shards)):
        mine = together.recognizer(k)
        torch.testing.assert_close(losses[k], mine.nll(heard), atol=1e-3, rtol=1e-4)
        assert transcripts[k] == mine.transcribe(heard)
    unmoved = together.recognizer(1).state_dict()
    assert all(torch.equal(w, recipe.start[n]) for n, w in unmoved.items())


@pytest.fixture(scope="module")
def target(recipe):
    trained = recipe.build()
    fit(trained, CANDIDATES[:3], recipe.schedule, Randomness(0))
    return trained.requires_grad_(False), recipe.build().requires_grad_(False)


def view_for(attack, target):
    halves = [frozenset(c.id for c in CANDIDATES[k::2]) for k in (0, 1)]
    references = References(
        [view_of("weights", t, target[1], PUBLIC[:4]) for t in target], halves, Randomness(0)
    )
    return view_of(attack.access, *target, PUBLIC[:4], references)


@pytest.mark.parametrize("name", ATTACKS_TRIED)
def test_attacks_keep_their_contract(target, name):
    attack = ATTACKS[name](**({"references": 2} if name == "membership-lira" else {}))
    found = check_attack(attack, view_for(attack, target), CANDIDATES)
    assert len(found.candidates) == (2 if name.startswith("canary") else len(CANDIDATES))


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_attacked_so_says_why(target, name):
    attack = ATTACKS[name]()
    found = attack.score(view_for(attack, target), CANDIDATES, Randomness(0))
    assert found.candidates == ()
    assert REASONS[name] in found.reason
