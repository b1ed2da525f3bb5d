"""The multitalker transducer: two plain ones that share their weights, and turns that are right."""

from __future__ import annotations

import pytest
import torch

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.base import WritesTurns
from targets.models.multitalker.transducer import MultitalkerTransducer
from targets.models.recognizer import Example
from targets.models.rnnt import Transducer
from targets.speech.tokens import Characters
from targets.synthetic.overlapped import overlapped
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule
from tests.fakes import recipe_for, utterance
from tests.targets.one_at_a_time import assert_gradients_are_exact

TEXTS = ("<on>|<ten milk>", "on", "", "|<off>", "<on><two>|<off>")
FRAMES = (90, 41, 25, 60, 33)


@pytest.fixture(scope="module")
def recognizer():
    made = Recipe("multitalker", Characters(), 16, 8, Schedule(1), 1e-2, 8).untrained(Randomness(5))
    with torch.no_grad():  # opinions strong enough that texts differ
        made.network.output.weight.mul_(4)
        made.network.embedding.weight.mul_(2)
        made.network.output.bias[0] += 2
    return made


@pytest.fixture(scope="module")
def batch(recognizer):
    torch.manual_seed(1)
    examples = [
        Example(torch.randn(n, 64), recognizer.tokens.encode(text))
        for n, text in zip(FRAMES, TEXTS, strict=True)
    ]
    features = torch.nn.utils.rnn.pad_sequence([e.features for e in examples], batch_first=True)
    return examples, features, torch.tensor(FRAMES)


class OfTalker(torch.nn.Module):
    """The encoder of one talker."""

    def __init__(self, separator, talker):
        super().__init__()
        self.separator, self.talker, self.width = separator, talker, separator.width

    def forward(self, features, counts):
        states, counts = self.separator(features, counts)
        return states.unflatten(2, (2, -1))[:, :, self.talker], counts


def plain(network, talker):
    """Return an ordinary transducer with the weights of one channel."""
    made = Transducer(Characters().size + 2, 16, 8)
    made.encoder = OfTalker(network.encoder, talker)
    for part in ("embedding", "prediction", "from_encoder", "from_prediction", "output"):
        setattr(made, part, getattr(network, part))
    return made


def test_gradients_are_those_of_one_example_at_a_time(recognizer, batch):
    assert_gradients_are_exact(recognizer, batch[0], list(recognizer.network.parameters()))


def test_losses_are_those_of_two_plain_transducers(recognizer, batch):
    examples, features, counts = batch
    network = recognizer.network
    assert isinstance(network, WritesTurns)
    labels = [e.labels for e in examples]
    said = [network._talkers(row) for row in labels]
    expected = torch.stack(
        [plain(network, k).nll(features, counts, [row[k] for row in said]) for k in (0, 1)], 1
    )
    torch.testing.assert_close(network.talkers_nll(features, counts, labels), expected)
    torch.testing.assert_close(network.nll(features, counts, labels), expected.sum(1))
    with torch.no_grad():
        torch.testing.assert_close(network.talkers_nll(features, counts, labels), expected)
    one, count = features[:1], counts[:1]
    each = network.nll_of_each(one, count, labels)
    torch.testing.assert_close(each.float(), network.nll(one, count, labels), rtol=1e-4, atol=1e-4)


@pytest.mark.one_version
def test_what_is_written_is_what_two_plain_transducers_write(recognizer, batch):
    _, features, counts = batch
    network = recognizer.network
    channels = [plain(network, k) for k in (0, 1)]
    written = [channel.greedy(features, counts) for channel in channels]
    assert any(map(any, written))
    found = network.greedy(features, counts)
    assert [network._talkers(row) for row in found] == [
        list(pair) for pair in zip(*written, strict=True)
    ]
    beams = [channel.beam(features, counts, 3) for channel in channels]
    for row, hypotheses in enumerate(network.beam(features, counts, 3)):
        sums = {
            tuple(network._together([a, b])): p + q
            for a, p in beams[0][row]
            for b, q in beams[1][row]
        }
        assert [p for _, p in hypotheses] == pytest.approx(sorted(sums.values())[::-1][:3])
        assert all(sums[text] == pytest.approx(p) for text, p in hypotheses)


def test_a_third_talker_is_refused(recognizer, batch):
    _, features, counts = batch
    with pytest.raises(OverheardError, match="3 talkers"):
        recognizer.nll_of(features[:1], counts[:1], ["<on>|<off>|<two>"])


def test_it_is_built_of_the_size_of_words():
    assert MultitalkerTransducer(29, 8, 8).output.out_features == 31


@pytest.mark.slow
def test_two_at_once_are_learnt_with_their_turns():
    words = zip(("on", "dog", "fan", "off"), "abba", strict=True)
    turns = [utterance(word, word, speaker) for word, speaker in words]
    shown = [overlapped(*turns[:2], 0.3), overlapped(*turns[2:], 0.3), turns[0]]
    recognizer = recipe_for("multitalker", turns, size=32).build()
    fit(recognizer, shown, Schedule(120, 4, 1e-2), Randomness(0))
    for beam in (1, 3):
        assert recognizer.transcribe(shown, beam) == ["<on>|<dog>", "<fan>|<off>", "on"]
