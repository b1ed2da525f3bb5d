"""Attribute inference on linear toys, where the truth is known; chance on shuffled labels."""

from __future__ import annotations

import numpy as np

from attacks.updates.attributes import Classes, Enrolled

WIDE = 30
VOICES = {"low": 1.0, "middle": 0.0, "high": -1.0}  # where speakers of a class lie, along one axis


def sent(rng, speakers=10, devices=3, apart=3.0):
    """Return updates, labels and speakers: words are loud, in one direction of their own."""
    updates, labels, names = [], [], []
    for label, place in VOICES.items():
        for speaker in range(speakers):
            own = 0.5 * rng.standard_normal(WIDE)
            own[0] += apart * place
            for _ in range(devices):
                words = 0.3 * rng.standard_normal(WIDE)
                words[1] += 20 * rng.standard_normal()
                updates.append(5.0 + own + words)
                labels.append(label)
                names.append(f"{label}{speaker}")
    return np.stack(updates), labels, names


def accuracy(classes, updates, labels):
    guesses = np.array(classes.names)[classes.scores(updates).argmax(1)]
    return float((guesses == np.array(labels)).mean())


def test_the_class_of_unknown_speakers_is_found():
    rng = np.random.default_rng(0)
    classes = Classes.learn(*sent(rng), share=0.1)
    assert accuracy(classes, *sent(rng)[:2]) > 0.95


def test_shuffled_labels_teach_nothing():
    rng = np.random.default_rng(1)
    updates, labels, names = sent(rng, speakers=40, devices=1)
    shuffled = list(rng.permutation(labels))
    assert 0.2 < accuracy(Classes.learn(updates, shuffled, names, 1.0), *sent(rng, 100)[:2]) < 0.5


def test_a_speaker_counts_once_however_many_updates_they_sent():
    updates, labels, names = sent(np.random.default_rng(2))
    first = [n == names[0] for n in names]
    more = np.concatenate([updates, *[updates[first]] * 5])
    again = Classes.learn(more, labels + [labels[0]] * 15, names + [names[0]] * 15, 0.1)
    np.testing.assert_allclose(again.usual, Classes.learn(updates, labels, names, 0.1).usual)


def test_a_class_is_found_in_a_sum():
    rng = np.random.default_rng(3)
    classes = Classes.learn(*sent(rng), share=0.1)
    updates, labels, _ = sent(rng, speakers=40, devices=1, apart=3.0)
    low, rest = updates[:40], updates[40:80]
    assert set(labels[40:80]) == {"middle"}
    column = classes.names.index("low")
    with_it = classes.scores(rest[:-1] + low[:-1], clients=2)[:, column]
    without = classes.scores(rest[:-1] + rest[1:], clients=2)[:, column]
    assert (with_it[:, None] > without).mean() > 0.9


def test_heavy_noise_makes_all_classes_alike():
    rng = np.random.default_rng(4)
    classes = Classes.learn(*sent(rng), share=0.1)
    updates, labels, _ = sent(rng, speakers=100)
    updates += 100 * rng.standard_normal(updates.shape)
    scores = classes.scores(updates, sigma=100.0)
    assert np.ptp(scores, axis=1).max() < 1
    guesses = np.array(classes.names)[scores.argmax(1)]
    assert 0.2 < (guesses == np.array(labels)).mean() < 0.45


def test_speakers_are_found_by_other_words_and_not_by_their_loudest_part():
    rng = np.random.default_rng(5)
    updates, _, names = sent(rng)
    enrolled, seen, who = sent(rng, speakers=8, devices=1, apart=0.0), [], []
    for place, update in enumerate(enrolled[0]):
        words = 0.2 * rng.standard_normal(WIDE)
        words[1] = 20 * rng.standard_normal()
        seen.append(update + words)
        who.append(place)
    known = Enrolled.learn(enrolled[0], updates, names, 0.1)
    likeness = known.likeness(np.stack(seen))
    assert (likeness.argmax(1) == who).mean() > 0.8
    offsets = enrolled[0] - known.usual
    plain = (np.stack(seen) - known.usual) @ offsets.T
    assert (plain.argmax(1) == who).mean() < 0.5
    others = np.stack(seen) + np.roll(seen, 1, axis=0)
    two = known.likeness(others, clients=2)
    own = two[np.arange(len(who)), who]
    assert (own[:, None] >= two).mean() > 0.8
