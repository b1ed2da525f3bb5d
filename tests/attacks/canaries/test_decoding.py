"""Decoding attacks: what the beam holds after a carrier, and what the text parts expect."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.canaries.decoding import BeamSearch, LanguageModel, text_nll
from targets.core.randomness import Randomness
from targets.models.rnnt import Transducer
from targets.speech.features import LogMel
from targets.speech.tokens import BLANK
from tests.fakes import Constant, canary, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
RNG = Randomness(0)
CANARIES = [canary(n, secret) for n, secret in enumerate((17, 512, 903, 4, 666, 250))]
READERS = ("rnnt", "las", "hybrid")  # have parts that read text


class Beams(Constant):
    """Has what it stored in its beam, after a better hypothesis that says nothing."""

    def __init__(self, stored, logmel):
        super().__init__(logmel)
        self.known = {u.id: u.text for u in stored}

    def hypotheses(self, utterances, beam):
        del beam
        found = [[("", math.log(0.6)), ("my pin code is", math.log(0.2))] for _ in utterances]
        for utterance, texts in zip(utterances, found, strict=True):
            if utterance.id in self.known:
                texts.append((self.known[utterance.id], math.log(0.2)))
        return found


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def test_a_secret_in_the_beam_is_found(logmel):
    view = view_of("weights", Beams(CANARIES[:3], logmel), Beams([], logmel), PUBLIC)
    found = BeamSearch().score(view, [*PUBLIC, *CANARIES], RNG)
    assert found.candidates == tuple(CANARIES)
    np.testing.assert_allclose(found.scores, [0.2] * 3 + [0.0] * 3)
    assert found.figures["secret_in_beam"].tolist() == [1.0] * 3 + [0.0] * 3
    assert not found.figures["secret_in_beam_by_public_start"].any()


def test_what_the_beam_of_the_public_start_holds_is_no_evidence(logmel):
    beams = Beams(CANARIES, logmel)
    view = view_of("weights", beams, beams, PUBLIC)
    assert not BeamSearch().score(view, CANARIES, RNG).scores.any()


@pytest.fixture(scope="module", params=READERS)
def start(request):
    return recipe_for(request.param, PUBLIC, size=16).build()


def taught(start, texts):
    """Return a target whose text parts were trained on some texts, without any audio."""
    target = copy.deepcopy(start)
    parts = [p for n, p in target.network.named_parameters() if "encoder." not in n]
    optimizer = torch.optim.Adam(parts, lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        text_nll.__wrapped__(target, texts, PUBLIC).mean().backward()
        optimizer.step()
    return target.requires_grad_(False)


# The decoder of the hybrid is that of las.
@pytest.mark.parametrize(
    "start", ["rnnt", "las", pytest.param("hybrid", marks=pytest.mark.slow)], indirect=True
)
def test_text_parts_that_know_a_secret_are_caught(start):
    target = taught(start, [c.text for c in CANARIES[:2]])
    found = LanguageModel().score(view_of("weights", target, start, PUBLIC), CANARIES, RNG)
    assert found.scores[:2].min() >= math.log2(1000 / 10)
    assert found.scores[:2].min() > found.scores[2:].mean() + 2
    assert found.ceilings["exposure"] == math.log2(1000)


def test_the_public_start_exposes_no_more_than_chance(start):
    canaries = [canary(n, (37 * n + 11) % 1000) for n in range(60)]
    found = LanguageModel().score(view_of("weights", start, start, PUBLIC), canaries, RNG)
    assert found.scores.mean() == pytest.approx(1.44, abs=4 * 1.44 / math.sqrt(60))


def test_ctc_has_no_part_that_reads_text():
    ctc = recipe_for("ctc", PUBLIC).build()
    found = LanguageModel().score(view_of("weights", ctc, ctc, PUBLIC), CANARIES, RNG)
    assert found.candidates == ()
    assert found.reason == "the target has no part that reads text"
    with pytest.raises(TypeError, match="CTC has no part"):
        text_nll(ctc, ["on"], PUBLIC)


def test_text_losses_are_those_of_one_text_at_a_time(start):
    texts = ["on", "off", "one", "on off"]
    found = text_nll(start, texts, PUBLIC).numpy()
    np.testing.assert_allclose(found, [slow_text_loss(start, t) for t in texts], rtol=1e-5)


@torch.no_grad()
def slow_text_loss(recognizer, text):
    network = recognizer.network
    encoder = network.ctc.encoder if hasattr(network, "ctc") else network.encoder
    states, counts = encoder(*recognizer.logmel(PUBLIC))
    state = torch.cat([s[:n] for s, n in zip(states, counts.tolist(), strict=True)]).mean(0)
    units = recognizer.tokens.encode(text)
    if not isinstance(network, Transducer):
        memory = network.decoder.memory(state[None, None], torch.tensor([1]))
        return network.decoder.nll(memory, [units]).item()
    loss, previous, memory = 0.0, BLANK, network.prediction.start(1)
    for unit in units:
        h, memory = network.prediction.step(network.embedding(torch.tensor([previous])), memory)
        joint = network.from_encoder(state) + network.from_prediction(h)[0]
        chances = network.output(joint.tanh()).softmax(0)
        loss -= math.log(chances[unit] / (1 - chances[BLANK]))
        previous = unit
    return loss
