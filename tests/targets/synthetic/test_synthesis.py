"""The speaking process: reproducible to the sample, aligned word by word, and failing in words."""

import dataclasses
import fcntl
import itertools
import json
import os
import signal
import struct
import termios
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from targets.synthetic.acoustics import Acoustics, draw_acoustics, record
from targets.synthetic.phrases import CANARIES, COMMANDS, PERSONAL
from targets.synthetic.synthesis import FASTEST, SLOWEST, Saying, Speaker, SynthesisError, align
from targets.synthetic.voices import voice, voice_count

TEXTS = (
    "play some jazz in the bedroom",
    "my pin code is four two seven one",
    "call mister o'neill",
)


@pytest.fixture(scope="module")
def speaker():
    with Speaker() as one:
        yield one


def test_same_samples_in_another_process_in_another_order(speaker):
    jobs = [
        (text, index, round(voice(index).rate * factor))
        for text in TEXTS
        for index in range(0, voice_count(), 7)
        for factor in (0.85, 1.0, 2.0, 4.0)
    ]
    forward = [speaker.say(t, voice(i), rate=r, seed=5)[0] for t, i, r in jobs]
    shuffled = np.random.default_rng(0).permutation(len(jobs))
    with Speaker() as other:
        again = {}
        for j in shuffled:
            text, index, rate = jobs[j]
            again[j] = other.say(text, voice(index), rate=rate, seed=5)[0]
    for j, samples in enumerate(forward):
        np.testing.assert_array_equal(samples, again[j], err_msg=str(jobs[j]))


def test_an_answer_is_whole_though_the_process_is_stopped_in_the_middle_of_it(monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    long = " ".join(TEXTS)
    with Speaker() as one:
        process = one._process
        asked = {"language": "gmw/en-US", "variant": voice(0).variant, "rate": 100, "seed": 1}
        process.stdin.write(json.dumps({**asked, "text": long}).encode() + b"\n")
        process.stdin.close()  # so that it ends after its answer, and nothing waits for more
        room = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)
        while waiting(process.stdout) < room:
            time.sleep(0.01)
        for sent, state in ((signal.SIGSTOP, os.WUNTRACED), (signal.SIGCONT, os.WCONTINUED)):
            process.send_signal(sent)
            os.waitpid(process.pid, state)
        answer = json.loads(process.stdout.readline())
        assert len(process.stdout.read()) == 2 * answer["samples"] > room


def waiting(pipe) -> int:
    """Return how many bytes of a pipe can be read."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def test_rate_shortens_and_stays_loud(speaker):
    who = voice(0)
    lengths = {}
    for factor in (1, 2, 4):
        dry, words = speaker.say(TEXTS[1], who, rate=who.rate * factor, seed=1)
        lengths[factor] = len(dry)
        assert np.isfinite(dry).all()
        assert np.abs(dry).max() > 0.02
        assert [w.text for w in words] == TEXTS[1].split()
    assert lengths[1] / lengths[2] == pytest.approx(2, rel=0.25)
    assert lengths[1] / lengths[4] == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize(
    "template", [*COMMANDS, *PERSONAL, *CANARIES.values()], ids=lambda t: t.name
)
def test_word_timings_follow_the_words(speaker, template):
    # Every text twice at least, in voices of different accents.
    for index in range(4):
        text = template.fill(template.draw(Randomness(index)))
        dry, words = speaker.say(text, voice(index), rate=voice(index).rate, seed=0)
        assert [w.text for w in words] == text.split()
        assert words[0].start >= 0
        assert words[-1].end <= len(dry) / SAMPLE_RATE + 0.01
        for word in words:
            assert word.end - word.start > 0.02, (text, word)
        for word, following in itertools.pairwise(words):
            assert word.end == following.start


def test_many_are_said_as_one_by_one_and_whoever_stops_early_hears_no_old_answer(speaker):
    wanted = [Saying(text, voice(0), 170, 5) for text in TEXTS]
    alone = [speaker.say(one.text, one.voice, rate=one.rate, seed=one.seed) for one in wanted]
    for (samples, words), (dry, known) in zip(speaker.say_all(wanted), alone, strict=True):
        assert np.array_equal(samples, dry)
        assert words == known
    stopped = speaker.say_all(wanted)
    next(stopped)
    stopped.close()
    assert np.array_equal(speaker.say(TEXTS[0], voice(0), rate=170, seed=5)[0], alone[0][0])
    # Nor who is refused in the middle.
    for bad, error in ((Saying("yes", voice(0), 0, 5), ValueError), (unknown(), SynthesisError)):
        with pytest.raises(error):
            list(speaker.say_all([wanted[1], bad, wanted[2]]))
        assert np.array_equal(speaker.say(TEXTS[0], voice(0), rate=170, seed=5)[0], alone[0][0])


def unknown() -> Saying:
    return Saying("yes", dataclasses.replace(voice(0), accent="tlh"), 170, 5)


def test_a_speaker_that_is_left_in_the_middle_of_an_answer_ends_at_once():
    began = time.monotonic()
    long = Saying("one two three four five six seven eight nine ten", voice(0), 100, 5)
    with Speaker() as speaker, closing(speaker.say_all([long] * 3)) as said:
        next(said)
    assert time.monotonic() - began < 4  # and is not killed after five seconds


def test_words_are_heard_where_the_timings_say(speaker):
    """The span of "seven" in a sentence sounds like "seven" alone, and not like its neighbour."""
    who = voice(1)
    dry, words = speaker.say("zero one seven three six", who, rate=170, seed=0)
    spans = {w.text: dry[int(w.start * SAMPLE_RATE) : int(w.end * SAMPLE_RATE)] for w in words}
    # Fricatives at 4 to 8 kHz: much in "six" and "seven"'s onset, hardly any in "one".
    high = {text: _share_above(span, 4000) for text, span in spans.items()}
    assert high["six"] > 5 * high["one"]
    assert high["seven"] > 5 * high["one"]


def _share_above(samples, frequency):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return power[np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE) > frequency].sum() / power.sum()


def test_joined_words_share_their_span_by_letters():
    # One event for "in the" (characters 0 to 5), one for "hall".
    words = align("in the hall", [(0, 0), (7, 500)], end=1000, rate=1000)
    assert [(w.text, w.start, w.end) for w in words] == [
        ("in", 0.0, 0.2),
        ("the", 0.2, 0.5),
        ("hall", 0.5, 1.0),
    ]


@given(
    words=st.lists(st.text("abc'", min_size=1, max_size=6), min_size=1, max_size=8),
    events=st.lists(st.tuples(st.integers(-2, 60), st.integers(0, 2000)), max_size=12),
    end=st.integers(1, 1500),
)
def test_alignment_survives_any_events(words, events, end):
    text = " ".join(words)
    aligned = align(text, events, end=end, rate=1000)
    assert [w.text for w in aligned] == text.split()
    times = [t for w in aligned for t in (w.start, w.end)]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] == pytest.approx(end / 1000)


def test_absurd_rate_and_unknown_accent_are_refused(speaker):
    for rate in (SLOWEST - 1, FASTEST + 1):
        with pytest.raises(ValueError, match="words a minute"):
            speaker.say("yes", voice(0), rate=rate, seed=0)
    with pytest.raises(SynthesisError, match="no such voice"):
        speaker.say("yes", dataclasses.replace(voice(0), accent="tlh"), rate=175, seed=0)
    # and the process goes on
    assert len(speaker.say("yes", voice(0), rate=175, seed=0)[0])


def test_a_dead_process_is_named():
    with Speaker() as doomed:
        doomed._process.kill()
        doomed._process.wait()
        with pytest.raises(SynthesisError, match="the speaking process ended"):
            doomed.say("yes", voice(0), rate=175, seed=0)


def test_voices_are_many_and_known():
    assert voice_count() >= 60
    voices = [voice(i) for i in range(voice_count())]
    assert len({v.name for v in voices}) == len({v.variant for v in voices}) == len(voices)
    for gender in ("female", "male"):
        assert sum(v.gender == gender for v in voices) >= 25
    assert len({v.accent for v in voices}) == 4
    # Any run of voices, such as a split takes, has both genders.
    for first in range(voice_count() - 4):
        assert len({v.gender for v in voices[first : first + 5]}) == 2
    for index in (-1, voice_count()):
        with pytest.raises(ValueError, match="no voice"):
            voice(index)


@pytest.mark.slow
def test_voices_are_distinct(speaker):
    """A voice in another order of words is closest to itself, by mean and spread of MFCCs."""
    import librosa

    def fingerprint(index, text):
        dry, _ = speaker.say(text, voice(index), rate=voice(index).rate, seed=0)
        cepstra = librosa.feature.mfcc(y=dry, sr=SAMPLE_RATE, n_mfcc=20)[1:]
        return np.concatenate([cepstra.mean(1), cepstra.std(1)])

    text = "wake me up at seven thirty and turn the kitchen lights on"
    other = "turn the kitchen lights on and wake me up at seven thirty"
    enrolled = np.stack([fingerprint(i, text) for i in range(voice_count())])
    probes = np.stack([fingerprint(i, other) for i in range(voice_count())])
    distances = np.linalg.norm(probes[:, None] - enrolled[None], axis=-1)
    nearest = distances.argmin(1)
    assert np.mean(nearest == np.arange(voice_count())) > 0.97
    off_diagonal = distances + np.diag(np.full(voice_count(), np.inf))
    # No two voices are as alike as one voice is to itself.
    assert off_diagonal.min() > np.median(np.diag(distances))


def test_genders_differ_in_pitch():
    for index in range(voice_count()):
        who = voice(index)
        base = float(who.variant.split("pitch ")[1].split()[0])
        assert (base >= 150) == (who.gender == "female")


QUIET_ROOM = Acoustics(
    lead=0.1, trail=0.1, reverberation=0.2, direct=10, snr=20, colour=1, level=-25
)


def test_acoustics_keep_their_promises():
    tone = np.sin(np.arange(16000) * 0.2).astype(np.float32)
    heard = record(tone, QUIET_ROOM, Randomness(1))
    assert heard.dtype == np.float32
    assert len(heard) == 16000 + 2 * 1600
    speech, silence = heard[1600:17600], heard[:1600]
    level = 20 * np.log10(np.sqrt(np.mean(speech**2)))
    assert level == pytest.approx(-25, abs=0.5)
    snr = 20 * np.log10(np.sqrt(np.mean(speech**2)) / np.sqrt(np.mean(silence**2)))
    assert snr == pytest.approx(20, abs=3)  # the lead is a short sample of a coloured noise
    steps = heard.astype(np.float64) * 32768
    np.testing.assert_array_equal(steps, np.round(steps))
    assert not np.signbit(heard[heard == 0]).any()  # -0.0 would change the digest


def test_acoustics_depend_on_their_stream_alone():
    tone = np.sin(np.arange(8000) * 0.2).astype(np.float32)
    one = record(tone, QUIET_ROOM, Randomness(1))
    np.testing.assert_array_equal(one, record(tone, QUIET_ROOM, Randomness(1)))
    assert not np.array_equal(one, record(tone, QUIET_ROOM, Randomness(2)))


@pytest.mark.parametrize("dry", [np.zeros(0), np.zeros(1000), np.full(1000, 1e6), np.eye(1000)[0]])
def test_acoustics_survive_extreme_speech(dry):
    for seed in range(3):
        acoustics = draw_acoustics(Randomness(seed))
        heard = record(dry.astype(np.float32), acoustics, Randomness(seed))
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() < 1
