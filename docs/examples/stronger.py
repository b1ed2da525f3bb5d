"""Public speech that is made to sound like calls, then normalised noisy gradients, then averaging.

All that is known of calls here was seen in the untranscribed public ones: a band, the line's white
noise at a level beside the speech's, eight bits. No speech is synthesised: what is heard are the
transcribed public recordings, played at other speeds and sent through a line of our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import signal

from defenses.api import (
    Trained,
    calibrated,
    dp_sgd_event,
    normalised_sum,
    poisson_batches,
    set_noisy_mean,
    weights_of,
)
from targets.api import Example, Utterance, report


def faster(samples, factor):
    """Play so many times as fast: pitch and formants go with it."""
    count = max(1, int(len(samples) / factor))
    return np.interp(np.arange(count) * factor, np.arange(len(samples)), samples)


def companded(samples):
    """Eight bits by the μ-law and back."""
    squeezed = np.sign(samples) * np.log1p(255 * np.abs(samples)) / math.log(256)
    squeezed = np.round(squeezed * 127.5) / 127.5
    return np.sign(squeezed) * np.expm1(np.abs(squeezed) * math.log(256)) / 255


FILTERS = [
    (
        signal.butter(high_order, low, "highpass", fs=8000, output="sos"),
        signal.butter(low_order, high, "lowpass", fs=8000, output="sos"),
    )
    for high_order, low in ((8, 290), (6, 310), (10, 270))
    for low_order, high in ((6, 3400), (8, 3550))
]


def telephoned(samples, generator):
    """Send one recording over a line that is drawn anew."""
    sound = np.asarray(samples, dtype=np.float64)
    sound = signal.resample_poly(sound, 1, 2)
    tilt = generator.uniform(-0.3, 0.3)
    sound = signal.lfilter([1.0, tilt], [1.0], sound)
    for filter_ in FILTERS[generator.integers(len(FILTERS))]:
        sound = signal.sosfilt(filter_, sound)
    sound *= generator.uniform(0.2, 0.93) / (np.abs(sound).max() + 1e-9)
    sound = signal.resample_poly(companded(sound), 2, 1)
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-generator.uniform(20, 37) / 20)
    sound = sound + generator.standard_normal(len(sound)) * level
    return np.clip(sound, -1, 1).astype(np.float32)


def as_call(utterance, name, generator, spread):
    """Return a public utterance as a call, by a voice a little higher or lower."""
    factor = math.exp(generator.uniform(-spread, spread))
    sound = telephoned(faster(utterance.samples, factor), generator)
    return Utterance(f"{utterance.id}-{name}", utterance.speaker, sound, utterance.text)


def hidden(features, generator, times=2, bands=1):
    """Hide parts of a spectrogram: it is a copy."""
    features = features.clone()
    frames, mels = features.shape
    for _ in range(times):
        width = int(generator.integers(0, max(2, frames // 12)))
        begin = int(generator.integers(0, max(1, frames - width)))
        features[begin : begin + width] = 0
    for _ in range(bands):
        width = int(generator.integers(0, 9))
        begin = int(generator.integers(0, mels - width))
        features[:, begin : begin + width] = 0
    return features


def learn(model, examples, passes, batch, rate, rng, hide=True, span=(0.0, 1.0)):
    """Learn from public examples: Adam with a warm-up and a cosine, over so many passes."""
    generator = rng.numpy()
    optimizer = torch.optim.Adam(model.network.parameters(), lr=rate)
    per_pass = len(examples) // batch
    steps = max(1, round(passes * per_pass))
    lengths = np.array([len(example.features) for example in examples])
    queue = []
    for step in range(steps):
        if not queue:
            order = generator.permutation(len(examples))
            # Of similar length together, in pools of eight batches.
            pools = [order[i : i + 8 * batch] for i in range(0, len(order), 8 * batch)]
            for pool in pools:
                pool = pool[np.argsort(lengths[pool], kind="stable")]
                cut = [pool[i : i + batch] for i in range(0, len(pool), batch)]
                queue += [cut[i] for i in generator.permutation(len(cut))]
        chosen = [examples[i] for i in queue.pop()]
        if hide:
            chosen = [Example(hidden(e.features, generator), e.labels) for e in chosen]
        share = step / steps
        warm = min(1.0, (step + 1) / (0.05 * steps + 1))
        optimizer.param_groups[0]["lr"] = rate * warm * 0.5 * (1 + math.cos(math.pi * share))
        optimizer.zero_grad()
        loss = model.example_nll(chosen).mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.network.parameters(), 20.0)
        if torch.isfinite(norm):  # Not where the voice was too fast for what it said.
            optimizer.step()
        report(span[0] + (span[1] - span[0]) * (step + 1) / steps)
    return model


def joined(first, second, at, then):
    """Say `first` up to its word number `at`, and on from word number `then` of `second`."""
    cut = int(first.words[at].start * 16000)
    begin = int(second.words[then].start * 16000)
    head, tail = np.array(first.samples[:cut]), np.array(second.samples[begin:])
    if len(head) < 400 or len(tail) < 400:
        return first
    level = np.sqrt(np.mean(first.samples**2) / (np.mean(second.samples**2) + 1e-9))
    tail = tail * level
    fade = np.linspace(0, 1, 80, dtype=np.float32)
    seam = head[-80:] * (1 - fade) + tail[:80] * fade
    sound = np.concatenate([head[:-80], seam, tail[80:]]).astype(np.float32)
    words = [w.text for w in first.words[:at]] + [w.text for w in second.words[then:]]
    return Utterance(f"{first.id}+{second.id}", first.speaker, sound, " ".join(words))


def crossed(utterances, share, generator):
    """Cross some utterances with others of their voice at a word that both say."""
    places = {}
    for index, utterance in enumerate(utterances):
        for number, word in enumerate(utterance.words):
            if number:
                places.setdefault((utterance.speaker, word.text), []).append((index, number))
    result = []
    for index, utterance in enumerate(utterances):
        found = utterance
        if len(utterance.words) > 1 and generator.uniform() < share:
            at = int(generator.integers(1, len(utterance.words)))
            others = places[utterance.speaker, utterance.words[at].text]
            other, then = others[generator.integers(len(others))]
            if other != index:
                found = joined(utterance, utterances[other], at, then)
        result.append(found)
    return result


@dataclass(frozen=True)
class Stronger:
    """Public speech over a telephone line of our own, then large noisy steps from there."""

    epsilon: float = 10.0
    copies: int = 5
    passes: float = 18
    public_rate: float = 2e-3
    spread: float = 0.15
    share_crossed: float = 0.7
    batch_size: int = 2000
    epochs: float = 9
    learning_rate: float = 1e-3
    beside: float = 0.3
    public_batch: int = 128

    def train(self, recipe, members, public, rng):
        """See `defenses.api.Defense`."""
        model = recipe.build()
        transcribed = [utterance for utterance in public if utterance.text]
        model.train()
        fresh = []
        if transcribed:
            generator = rng.child("calls").numpy()
            learnt = self.public_examples(model, transcribed, self.copies, generator)
            fresh = self.public_examples(model, transcribed, 1, generator)
            passes = self.passes / max(1, self.copies)
            model = learn(
                model, learnt, passes, 16, self.public_rate, rng.child("public"), span=(0.0, 0.6)
            )
        event = self.privately(recipe, model, members, fresh, rng)
        return Trained(weights_of(model), event)

    def public_examples(self, model, transcribed, copies, generator):
        """Return the examples of so many calls made of every transcribed utterance."""
        examples = []
        for copy in range(copies):
            plain = copy == 0 and copies > 1
            said = crossed(transcribed, 0.0 if plain else self.share_crossed, generator)
            for begin in range(0, len(said), 500):
                calls = [
                    as_call(u, copy, generator, self.spread) for u in said[begin : begin + 500]
                ]
                examples += [
                    Example(e.features.clone(), list(e.labels)) for e in model.examples(calls)
                ]
        return examples

    def privately(self, recipe, model, members, fresh, rng):
        """Take the noisy steps, and return their event."""
        rate = min(1.0, self.batch_size / recipe.expected_members)
        steps = max(1, round(self.epochs / rate))
        noise = calibrated(dp_sgd_event, self.epsilon, recipe.delta, rate, steps)
        expected = rate * recipe.expected_members
        parameters = list(model.network.parameters())
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate)
        generator = rng.child("noise").torch()
        drawn = rng.child("beside").numpy()
        examples = model.examples(members)
        first_kept = 2 * steps // 3
        mean = [torch.zeros_like(parameter) for parameter in parameters]
        batches = poisson_batches(examples, rate, steps, rng.child("batches"))
        for step, batch in enumerate(batches):
            set_noisy_mean(normalised_sum(model, batch, 1.0), noise, expected, generator)
            if fresh:
                self.put_beside(model, fresh, parameters, drawn)
            decay = 1 - 0.7 * step / steps
            optimizer.param_groups[0]["lr"] = self.learning_rate * min(1, (step + 1) / 3) * decay
            optimizer.step()
            if step >= first_kept:
                for kept, parameter in zip(mean, parameters, strict=True):
                    kept += parameter.detach() / (steps - first_kept)
            report(0.6 + 0.4 * (step + 1) / steps)
        with torch.no_grad():
            for kept, parameter in zip(mean, parameters, strict=True):
                parameter.copy_(kept)
        return dp_sgd_event(noise, rate, steps)

    def put_beside(self, model, fresh, parameters, drawn):
        """Mix the mean gradient of public calls into the noisy one."""
        noisy = [parameter.grad.clone() for parameter in parameters]
        count = min(self.public_batch, len(fresh))
        chosen = [fresh[i] for i in drawn.choice(len(fresh), count, replace=False)]
        total = normalised_sum(model, chosen, 1.0)
        for parameter, private in zip(parameters, noisy, strict=True):
            mean = total[parameter] / count
            parameter.grad = (1 - self.beside) * private + self.beside * mean
