"""What a header promises is there, or a clear line; what is odd about the sound is noticed."""

import io
import struct

import numpy as np
import pytest
import soundfile

from targets.speech.audio import AudioError, read_audio, read_bytes, to_mono
from targets.speech.containers import CHECKED

RATE = 16_000


def tone(seconds=1.0, pitch=440.0, loud=0.3):
    return (loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype("f4")


def noise(seconds=1.0):
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * RATE)).astype("f4")


def encoded(waves, container, subtype=None):
    file = io.BytesIO()
    soundfile.write(file, waves, RATE, format=container, subtype=subtype)
    return file.getvalue()


KINDS = [
    *((c, None) for c in sorted(CHECKED - {"OGG"})),
    *(("WAV", s) for s in ("PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "GSM610")),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("FLAC", None),
    ("AIFF", "FLOAT"),
    ("AU", "PCM_24"),
]


@pytest.mark.parametrize(("container", "subtype"), KINDS)
def test_a_cut_file_is_refused_and_a_whole_one_read(container, subtype, tmp_path):
    if container == "WAV" and subtype in ("GSM610", "IMA_ADPCM"):
        data = encoded(tone(), container, subtype)
    else:
        data = encoded(noise(), container, subtype)
    assert len(read_bytes(data, name="x").samples) >= RATE
    path = tmp_path / "x.bin"
    path.write_bytes(data)
    assert len(read_audio(path).samples) >= RATE
    for part in (0.3, 0.5, 0.9, 0.97):
        with pytest.raises(AudioError, match=r"truncated|cannot be decoded"):
            read_bytes(data[: int(part * len(data))], name="x")
    path.write_bytes(data[: len(data) // 2])
    # A part before the cut is no better: the file is not what it was. Of FLAC only the decoder
    # knows, and it knows of what it has decoded.
    if container != "FLAC":
        with pytest.raises(AudioError, match=r"truncated|cannot be decoded|ends at"):
            read_audio(path, duration=0.1)


@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
@pytest.mark.parametrize("container", ["WAV", "AU", "AIFF"])
def test_both_orders_of_bytes(container, order):
    file = io.BytesIO()
    try:
        soundfile.write(file, noise(), RATE, format=container, endian=order)
    except soundfile.LibsndfileError:
        pytest.skip("libsndfile does not write it")
    data = file.getvalue()
    assert len(read_bytes(data, name="x").samples) == RATE
    with pytest.raises(AudioError, match="truncated"):
        read_bytes(data[: len(data) // 2], name="x")


@pytest.mark.parametrize("container", ["MAT4", "PVF", "VOC", "IRCAM"])
def test_containers_that_cannot_be_checked_are_refused(container):
    with pytest.raises(AudioError, match=f"x is a {container} file") as raised:
        read_bytes(encoded(tone(), container), name="x")
    assert raised.value.remedy == "convert it to FLAC or WAV"


def word(number):
    return struct.pack("<I", number)


@pytest.mark.parametrize("riff", [0, 0xFFFFFFFF, 0x80000023, 0x7FFFFFFF, 32036])
@pytest.mark.parametrize("data", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB])
def test_streams_of_unknown_length_are_read_to_the_end(riff, data):
    if (riff, data) == (32036, 0):
        pytest.skip("an empty file with something behind it")
    whole = encoded(tone(), "WAV")
    stream = b"".join((whole[:4], word(riff), whole[8:40], word(data), whole[44:]))
    np.testing.assert_array_equal(
        read_bytes(stream, name="x").samples, read_bytes(whole, name="x").samples
    )
    with pytest.raises(AudioError, match=r"ends at 1.00 s"):
        read_bytes(stream, name="x", offset=0.5, duration=1)


def test_an_au_stream():
    whole = encoded(tone(), "AU")
    stream = whole[:8] + struct.pack(">I", 0xFFFFFFFF) + whole[12:]
    assert len(read_bytes(stream, name="x").samples) == RATE


def test_a_flac_stream_of_unknown_length():
    data = bytearray(encoded(noise(), "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    whole = read_bytes(bytes(data), name="x").samples
    assert len(whole) == RATE
    part = read_bytes(bytes(data), name="x", offset=0.25, duration=0.5).samples
    np.testing.assert_array_equal(part, whole[4000:12000])
    with pytest.raises(AudioError, match=r"ends at 1.00 s, before 2.00 s"):
        read_bytes(bytes(data), name="x", offset=1, duration=1)


def test_a_header_that_promises_more_than_memory_holds():
    data = bytearray(encoded(noise(), "FLAC"))
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    with pytest.raises(AudioError, match=r"truncated|cannot be decoded"):
        read_bytes(bytes(data), name="x")


@pytest.mark.parametrize("name", ["x.raw", "x.wav", "x"])
def test_no_audio_is_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"hello, this is no audio" * 100)
    with pytest.raises(AudioError, match="cannot be decoded"):
        read_audio(path)


def test_an_absurd_rate_is_refused():
    data = bytearray(encoded(tone(), "WAV"))
    data[24:28] = struct.pack("<I", 1)
    with pytest.raises(AudioError, match="has 1 samples a second"):
        read_bytes(bytes(data), name="x")


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_channel_is_honoured(container):
    two = np.stack([tone(pitch=300), tone(pitch=500)], 1)
    data = encoded(two, container)
    for channel in range(2):
        found = read_bytes(data, name="x", channel=channel)
        np.testing.assert_allclose(found.samples, two[:, channel], atol=1e-4)
        assert (found.channels, found.channel) == (2, channel)
    mixed = read_bytes(data, name="x")
    np.testing.assert_allclose(mixed.samples, two.mean(1), atol=1e-4)
    assert mixed.channel is None
    with pytest.raises(AudioError, match="x has 2 channels, none of number 2"):
        read_bytes(data, name="x", channel=2)


@pytest.mark.parametrize(
    ("waves", "remarks"),
    [
        (tone(), ()),
        (noise(), ()),
        (tone(pitch=50, loud=1.0), ()),  # full scale, but not flat
        (np.zeros(RATE, "f4"), ("silent",)),
        (tone(61), ("long",)),
        (tone(loud=5e-4), ("silent",)),
        (tone(loud=12_000), ("integer scale",)),
        (np.clip(tone(loud=1.5), -1, 1), ("clipped",)),
        (np.clip(tone(loud=1.5), -1, 1) * 0.9, ()),
        (np.stack([tone(), -tone()], 1), ("antiphase",)),
        (np.stack([tone(), -0.9 * tone()], 1), ("antiphase",)),
        (np.stack([tone(), tone(pitch=300)], 1), ()),
        (np.stack([tone(), 0 * tone()], 1), ()),
    ],
)
def test_what_is_odd_is_noticed(waves, remarks):
    frames = waves[:, None] if waves.ndim == 1 else waves
    assert to_mono(frames, RATE, name="x").remarks == remarks


def test_channels_that_cancel_do_not_when_one_is_chosen():
    two = np.stack([tone(), -tone()], 1)
    assert to_mono(two, RATE, name="x", channel=1).remarks == ()


def test_a_clipped_file_is_noticed_in_whole_numbers_too():
    assert read_bytes(encoded(np.clip(tone(loud=2), -1, 1), "FLAC"), name="x").remarks == (
        "clipped",
    )
