"""Likelihoods against slow and obvious ones, and what each model cannot hear."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soxr
import torch

from leaderboard.recognisers.base import Opening, UnheardError
from leaderboard.recognisers.open import open_recogniser
from tests.leaderboard.recognisers.making.tiny import KINDS, audio, folder_of, make_wav2vec2

RATE = 16_000


@pytest.fixture
def opened(tmp_path_factory):
    return lambda kind: open_recogniser(f"hf:{folder_of(kind, tmp_path_factory)}")


def library_loss(model, labels, samples):
    """Return the model's own loss on one utterance, as a sum of nats."""
    inputs = model.loaded.processor(samples, sampling_rate=RATE, return_tensors="pt")
    network = model.loaded.model
    given = torch.tensor([labels])
    match model.kind:
        case "ctc":
            network.config.ctc_loss_reduction = "sum"
            loss = network(**inputs, labels=given).loss
        case "seq2seq":  # of the labels and the end, averaged
            loss = network(**inputs, labels=given).loss * len(labels)
        case _:
            blank = torch.tensor([[network.config.blank_token_id, *labels]])
            heard = {**inputs, "decoder_input_ids": blank, "labels": given}
            loss = network(**heard, output_attention_mask=True, reduction="sum").loss
    return float(loss.detach())


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("whisper", "canary")])
def test_as_the_library_has_it(kind, opened):
    model = opened(kind)
    samples = audio(1.3, seed=3)
    end = [2] if kind == "moonshine" else []
    labels = model.loaded.tokenizer("a bee", add_special_tokens=False).input_ids + end
    wanted = -library_loss(model, labels, samples)
    assert model.log_likelihood(samples, RATE, "a bee") == pytest.approx(wanted, rel=1e-4)


def one_by_one(model, prompt, labels, samples):
    """Return the log-probability of labels and the end after a prompt, a pass for each."""
    network = model.loaded.model
    inputs = model.loaded.processor(samples, sampling_rate=RATE, return_tensors="pt")
    found, given = 0.0, list(prompt)
    for label in [*labels, network.config.eos_token_id]:
        with torch.no_grad():
            logits = network(**inputs, decoder_input_ids=torch.tensor([given])).logits[0, -1]
        found += float(logits.double().log_softmax(0)[label])
        given.append(label)
    return found


def both_spellings(model, prompt, text, samples):
    """Return the log-probability that a text is written with a space before it, or without."""
    tokenizer = model.loaded.tokenizer
    spaced, bare = (tokenizer(t, add_special_tokens=False).input_ids for t in (f" {text}", text))
    assert tokenizer.convert_ids_to_tokens(spaced[:1]) != tokenizer.convert_ids_to_tokens(bare[:1])
    return np.logaddexp(*(one_by_one(model, prompt, x, samples) for x in (spaced, bare)))


def test_whisper_label_by_label(opened):
    model = opened("whisper")
    samples = audio(2.0, seed=4)
    # English, so that the prompt names no language.
    prompt = model.loaded.tokenizer.convert_tokens_to_ids(
        ["<|startoftranscript|>", "<|notimestamps|>"]
    )
    wanted = both_spellings(model, prompt, "on two", samples)
    assert model.log_likelihood(samples, RATE, "on two") == pytest.approx(wanted, rel=1e-5)
    nothing = one_by_one(model, prompt, [], samples)  # has one spelling
    assert model.log_likelihood(samples, RATE, "") == pytest.approx(nothing, rel=1e-5)


def test_canary_label_by_label(opened):
    model = opened("canary")
    samples, tokenizer = audio(2.0, seed=4), model.loaded.tokenizer
    prompt = tokenizer.convert_tokens_to_ids(["<|startofcontext|>", "<|en|>", "<|pnc|>"])
    labels = tokenizer("on two", add_special_tokens=False).input_ids
    wanted = one_by_one(model, prompt, labels, samples)
    assert model.log_likelihood(samples, RATE, "on two") == pytest.approx(wanted, rel=1e-5)


def test_whisper_of_a_training_without_the_space(tmp_path_factory):
    """The labels of most trainings begin without a space: what they taught has to show."""
    model = open_recogniser(f"hf:{folder_of('whisper', tmp_path_factory)}")
    network, samples = model.loaded.model, audio(1.0, seed=6)
    names = ["<|startoftranscript|>", "<|notimestamps|>"]
    prompt = model.loaded.tokenizer.convert_tokens_to_ids(names)
    end = network.config.eos_token_id
    labels = [*model.loaded.tokenizer("two", add_special_tokens=False).input_ids, end]
    inputs = model.loaded.processor(samples, sampling_rate=RATE, return_tensors="pt")
    given = torch.tensor([prompt + labels[:-1]])
    optimiser = torch.optim.Adam(network.model.decoder.parameters(), lr=1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        logits = network(**inputs, decoder_input_ids=given).logits[0, 1:]
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
        optimiser.step()
    assert -1 < model.log_likelihood(samples, RATE, "two") < 0


@pytest.fixture
def multilingual(tmp_path_factory, tmp_path):
    """Return a function that opens a Whisper which knows English alone, of several languages."""
    folder = shutil.copytree(folder_of("whisper", tmp_path_factory), tmp_path / "model")
    ids = open_recogniser(f"hf:{folder}").loaded.tokenizer.get_vocab()
    settings = folder / "generation_config.json"
    told = {
        **json.loads(settings.read_text()),
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": ids["<|en|>"]},
        "task_to_id": {"transcribe": ids["<|transcribe|>"]},
        "no_timestamps_token_id": ids["<|notimestamps|>"],
    }

    def made(language="", settled="en"):
        settings.write_text(json.dumps({**told, "language": settled}))
        return open_recogniser(f"hf:{folder}", Opening(language=language))

    return made


def test_whisper_of_several_languages(multilingual, opened):
    english, model = opened("whisper"), multilingual("en")
    samples = audio(1, seed=5)
    names = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    prompt = model.loaded.tokenizer.convert_tokens_to_ids(names)
    wanted = both_spellings(model, prompt, "one", samples)
    assert model.log_likelihood(samples, RATE, "one") == pytest.approx(wanted, rel=1e-5)
    assert model.log_likelihood(samples, RATE, "one") != english.log_likelihood(
        samples, RATE, "one"
    )
    assert isinstance(model.transcribe(samples, RATE), str)

    czech = multilingual("cs")
    with pytest.raises(UnheardError, match=r"has no <\|cs\|>: name another language"):
        czech.log_likelihood(samples, RATE, "one")
    with pytest.raises(UnheardError, match="cannot take an utterance"):
        czech.transcribe(samples, RATE)


@pytest.mark.parametrize("written", ["english", "<|en|>", "English"])
def test_a_language_by_name(written, multilingual):
    samples = audio(1, seed=5)
    wanted = multilingual("en").log_likelihood(samples, RATE, "one")
    for model in (multilingual(written), multilingual(settled=written)):
        assert model.log_likelihood(samples, RATE, "one") == wanted
        assert isinstance(model.transcribe(samples, RATE), str)


def test_ctc_one_alignment_at_a_time(opened):
    model = opened("wav2vec2")
    samples = audio(0.055)  # few frames
    inputs = model.loaded.processor(samples, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        log_probs = model.loaded.model(**inputs).logits[0].double().log_softmax(-1)
    T = len(log_probs)
    assert T == 2
    a, b = model.loaded.tokenizer("ab").input_ids
    both = log_probs[0, a] + log_probs[1, b]
    assert model.log_likelihood(samples, RATE, "ab") == pytest.approx(float(both))
    one = torch.stack([log_probs[0, a] + log_probs[1, x] for x in (0, a)])
    one = torch.cat([one, (log_probs[0, 0] + log_probs[1, a])[None]]).logsumexp(0)
    assert model.log_likelihood(samples, RATE, "a") == pytest.approx(float(one))
    none = log_probs[:, 0].sum()
    assert model.log_likelihood(samples, RATE, "") == pytest.approx(float(none))
    assert model.log_likelihood(samples, RATE, "aa") == -math.inf  # it needs a blank between
    with pytest.raises(UnheardError, match="so has no gradient"):
        model.gradient_norm(samples, RATE, "aa")


@pytest.mark.parametrize("kind", ["moonshine", "parakeet-ctc", "parakeet-tdt"])
def test_the_norm_is_that_of_small_steps(kind, opened):
    model = opened(kind)
    samples, text = audio(0.4), "ab"
    norm = model.gradient_norm(samples, RATE, text)
    weights = [w for w in model.loaded.model.parameters() if w.requires_grad]
    likelihood = model._log_likelihood(samples, RATE, text)
    slopes = torch.autograd.grad(likelihood, weights, allow_unused=True)
    kept = [w.detach().clone() for w in weights]

    def moved(by):
        with torch.no_grad():
            for w, slope, old in zip(weights, slopes, kept, strict=True):
                w.copy_(old if slope is None else old + by * slope / norm)
        # Afresh, since what it last heard was heard with other weights.
        return replace(model, _last={}).log_likelihood(samples, RATE, text)

    step = 2e-3 / norm
    rise = moved(step) - moved(-step)
    moved(0)
    assert rise / (2 * step) == pytest.approx(norm, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_other_rates(kind, opened):
    model = opened(kind)
    assert isinstance(model.transcribe(np.zeros(8_000, np.float32), RATE), str)
    assert model.log_likelihood(np.zeros(8_000, np.float32), RATE, "a") <= 0
    slow = audio(1.0, rate=8_000)
    wanted = model.log_likelihood(soxr.resample(slow, 8_000, RATE), RATE, "a")
    assert model.log_likelihood(slow, 8_000, "a") == wanted


def test_what_cannot_be_heard(opened):
    whisper = opened("whisper")
    with pytest.raises(UnheardError, match=r"lasts 6\.5 s, and the recogniser hears 6 s: cut it"):
        whisper.transcribe(audio(6.5), RATE)
    with pytest.raises(UnheardError, match="decoder holds 64 with its prompt: cut"):
        whisper.log_likelihood(audio(1), RATE, "a b c d " * 20)
    with pytest.raises(UnheardError, match=r"cannot take an utterance of 0\.00 s"):
        opened("wav2vec2").transcribe(audio(0.001), RATE)


def test_labels_of_capitals_and_of_nothing(opened, tmp_path):
    small, large = (
        opened("wav2vec2"),
        open_recogniser(f"hf:{make_wav2vec2(tmp_path, capitals=True)}"),
    )
    samples = audio(1)
    assert large.log_likelihood(samples, RATE, "it's over") == pytest.approx(
        small.log_likelihood(samples, RATE, "it's over")
    )
    for model in (small, large):
        with pytest.raises(UnheardError, match="cannot write '7', which the transcript has"):
            model.log_likelihood(samples, RATE, "Gate 7!")


def test_punctuation_that_has_no_labels(opened):
    model = opened("wav2vec2")
    wanted = model.log_likelihood(audio(1), RATE, "well it's over")
    assert model.log_likelihood(audio(1), RATE, "Well, it’s “over”.") == wanted
    assert model.log_likelihood(audio(1), RATE, "well-it's over") == wanted
    with pytest.raises(UnheardError, match="cannot write '%'"):  # it is spoken
        model.log_likelihood(audio(1), RATE, "all %")
    with pytest.raises(UnheardError, match=r"cannot write '\.\.\.'"):
        model.log_likelihood(audio(1), RATE, "...")


def test_two_equal_letters_are_two(opened):
    """A transducer needs no blank between equal labels, and its text keeps both."""
    text = opened("parakeet-rnnt").transcribe(audio(), RATE)
    assert any(a == b for a, b in pairwise(text))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_is_heard_once_for_many_questions(kind, opened, monkeypatch):
    model = opened(kind)
    sounds = [audio(0.9, seed=1), audio(0.7, seed=2)]
    texts = ["a", "bee", "a bee"]
    alone = {}
    for n, samples in enumerate(sounds):
        for text in texts:
            alone[n, text] = replace(model, _last={}).log_likelihood(samples, RATE, text)
    calls = []
    hear = type(model.head).hear
    monkeypatch.setattr(
        type(model.head), "hear", lambda head, inputs: calls.append(1) or hear(head, inputs)
    )
    for n, samples in enumerate(sounds):
        wrote = model.transcribe(samples, RATE)
        found = {text: model.log_likelihood(samples, RATE, text) for text in texts}
        assert found == {text: alone[n, text] for text in texts}
        assert model.transcribe(samples.copy(), RATE) == wrote
    assert len(calls) == len(sounds)


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_the_library_where_something_is_heard(kind, opened):
    model = opened(kind)
    samples = audio(1.5, seed=3)
    network = model.loaded.model
    inputs = model.loaded.processor(samples, sampling_rate=RATE, return_tensors="pt")
    inside = dict.fromkeys(("whisper", "moonshine", "canary"), "model.encoder")
    encoder = (inside | {"wav2vec2": "wav2vec2"}).get(kind, "encoder")
    with torch.no_grad():
        states = network.get_submodule(encoder)(**inputs)[0][0]
    if kind == "whisper":  # which hears six seconds, silence included
        states = states[: math.ceil(len(states) * 1.5 / 6)]
    found = model.embedding(samples, RATE)
    assert found.shape == (states.shape[1],)
    assert found == pytest.approx(states.mean(0).numpy(), rel=1e-4, abs=1e-5)
    model.transcribe(samples, RATE)
    model.log_likelihood(samples, RATE, "a bee")
    assert np.array_equal(model.embedding(samples, RATE), found)
    assert not np.allclose(model.embedding(audio(1.5, seed=4), RATE), found)
