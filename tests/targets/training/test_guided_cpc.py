"""Guided CPC: it hears the future in the past, repeats itself, and refuses what it cannot train."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters
from targets.training.contrast import info_nce
from targets.training.fit import public_start
from targets.training.guided_cpc import REACH, GuidedCPC, encoder_of, guided_start
from targets.training.recipe import Schedule
from tests.fakes import EACH_TARGET, WORDS, recipe_for, utterance, without_text

pytestmark = pytest.mark.one_version

ONCE = Schedule(1, 4, 1e-2)


def sentences(count, group):
    """Return utterances of about 1.5 s: none is too short to be cut."""
    drawn = [Randomness(4).child(group, n).numpy().choice(WORDS, 5) for n in range(count)]
    return [utterance(f"{group}-{n}", " ".join(text)) for n, text in enumerate(drawn)]


PUBLIC = [*sentences(4, "public"), *without_text(sentences(8, "audio"))]


def task_for(target, size=8):
    recipe = recipe_for(target, PUBLIC, size=size)
    prior, learner = recipe.build(), recipe.untrained(Randomness(5))
    learner.logmel.load_state_dict(prior.logmel.state_dict())
    return GuidedCPC(learner, prior, Randomness(6))


def features(task, utterances):
    return [e.features for e in task.recognizer.examples(utterances)]


def share_of_a_guess(task, heard):
    """Return the mean loss over that of a guess: 1 is chance."""
    with torch.no_grad():
        found = task.losses(heard, heard).values()
    return sum(float(x.sum()) for x in found) / sum(len(x) * math.log(len(x)) for x in found)


def test_the_loss_is_that_of_each_state_encoded_alone():
    """Slowly: a piece at a time, a state at a time, every offset; and what pieces hear is cut."""
    task = task_for("ctc")
    heard = features(task, PUBLIC[:3])
    with torch.no_grad():
        found = task.losses(heard, heard)
        cuts = Randomness(6).child("cuts").numpy()
        counts = [-(-len(f) // task.slowing) for f in heard]
        prior = [task.prior(f[None], torch.tensor([len(f)]))[0][0] for f in heard]
        guesses = {offset: [] for offset in task.offsets}
        states = {offset: [] for offset in task.offsets}
        for row, (own, count) in enumerate(zip(heard, counts, strict=True)):
            begin = 0
            while begin < count:
                end = begin + int(cuts.integers(10, 31))
                end = count if count - end < 10 else end
                piece = own[begin * 4 : end * 4]
                known = task.encoder(piece[None], torch.tensor([len(piece)]))[0][0]
                for offset, of_offset in zip(task.offsets, task.maps, strict=True):
                    for place in range(begin, end):
                        there = place + offset
                        if 0 <= there < count and not begin <= there < end:
                            guesses[offset].append(of_offset(known[place - begin]))
                            states[offset].append(prior[row][there])
                begin = end
    assert set(found) == {o for o in task.offsets if guesses[o]}
    assert max(found) == REACH // 4
    for offset, losses in found.items():
        wanted = info_nce(torch.stack(guesses[offset]), torch.stack(states[offset]))
        torch.testing.assert_close(losses, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_what_it_learnt_tells_what_comes_better_than_chance_on_speech_it_never_heard():
    task = task_for("ctc", size=16)
    heard = features(task, sentences(8, "new"))
    before = share_of_a_guess(task, heard)
    encoder = [w.clone() for w in task.encoder.parameters()]
    task.fit(PUBLIC, Schedule(20, 4, 1e-2))
    after = share_of_a_guess(task, heard)
    assert before > 0.98
    assert after < 0.92
    assert all(
        not torch.equal(a, b) for a, b in zip(encoder, task.encoder.parameters(), strict=True)
    )


@pytest.mark.parametrize("target", EACH_TARGET)
def test_the_same_seed_gives_the_same_encoder_and_only_that_begins_elsewhere(target):
    recipe, none = recipe_for(target, PUBLIC), replace(ONCE, epochs=0)

    def begun(seed):
        torch.manual_seed(seed * 100)
        return guided_start(recipe, PUBLIC, none, ONCE, Randomness(seed), augment=True)

    one, again, other = begun(1), begun(1).state_dict(), begun(2).state_dict()
    assert all(torch.equal(w, again[name]) for name, w in one.state_dict().items())
    assert any(not torch.equal(w, other[name]) for name, w in one.state_dict().items())
    plain = public_start(recipe, PUBLIC[:4], none, Randomness(1)).state_dict()
    moved = {name for name, w in one.state_dict().items() if not torch.equal(w, plain[name])}
    encoder = {f"{name}.{key}" for name, part in one.named_modules()
               if part is encoder_of(one) for key in part.state_dict()}  # fmt: skip
    assert moved
    assert moved <= encoder
    if isinstance(one.network, HasAdapters):
        own = {id(w) for w in one.network.adapter_weights()}
        assert not moved & {name for name, w in one.named_parameters() if id(w) in own}


def test_transcripts_then_train_the_whole():
    recipe, schedule = recipe_for("ctc", PUBLIC), Schedule(2, 4, 1e-2)
    one, again = (
        guided_start(recipe, PUBLIC, schedule, ONCE, Randomness(1)).state_dict() for _ in range(2)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    untaught = guided_start(recipe, PUBLIC, replace(schedule, epochs=0), ONCE, Randomness(1))
    before = untaught.state_dict()
    assert not torch.equal(one["network.output.weight"], before["network.output.weight"])
    assert torch.equal(one["logmel.mean"], before["logmel.mean"])


def test_what_it_cannot_train_it_says():
    recipe = recipe_for("ctc", PUBLIC)
    with pytest.raises(OverheardError, match="no transcribed public speech"):
        guided_start(recipe, PUBLIC[4:], ONCE, ONCE, Randomness(0))
    brief = [replace(u, samples=u.samples[:4000]) for u in PUBLIC]
    task = task_for("ctc")
    with pytest.raises(OverheardError, match=r"long enough to be cut in two, 0\.8 s"):
        task.fit(brief, ONCE)
    # Beside longer ones it is heard, and says nothing.
    (short,) = features(task, brief[:1])
    loss = task.loss([short], [short])
    loss.backward()
    assert float(loss.detach()) == 0
    odd = recipe.build()
    odd.network = nn.Linear(2, 2)
    with pytest.raises(OverheardError, match=r"Linear has none: leave training\.pretraining out"):
        encoder_of(odd)


def test_an_encoder_that_is_called_in_another_way_is_refused_before_anything_is_trained(
    monkeypatch,
):
    recipe = recipe_for("ctc", PUBLIC)
    odd = recipe.build()
    odd.network.encoder = nn.Linear(64, 8)
    monkeypatch.setattr(type(recipe), "untrained", lambda *_: odd)
    monkeypatch.setattr("targets.training.guided_cpc.public_start", None)
    with pytest.raises(OverheardError, match="guided CPC: Linear does not encode as Acoustic"):
        guided_start(recipe, PUBLIC, ONCE, ONCE, Randomness(0))
