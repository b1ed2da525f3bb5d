"""What a text becomes, what is refused, and that neither takes long."""

import time
from contextlib import suppress

import pytest

from targets.speech.transcript import TranscriptError, changes, normalise

TAGS = [
    *("[laughter] yes", "yes [UNK]", "(mumbles)", "{cough}", "*inaudible*", "<unk> yes", "<noise>"),
    *("yes [door slams] no", "**laughs**", "_noise_ yes", "/noise/ yes", "++um++ yes", "[] yes"),
    *("yes (he said", "no]", "【noise】 yes", "（laughs） yes", "yes } no", "f*ck", "yes *"),
]


@pytest.mark.parametrize("text", TAGS)
def test_tags_and_brackets_are_refused(text):
    with pytest.raises(TranscriptError, match=r"the tag|the bracket|the symbol"):
        normalise(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("wait,what", "wait what"),
        ("wait…what?no!", "wait what no"),
        ("one.two;three:four", "one two three four"),
        ("U.S.A.", "u s a"),
        ("and/or well-known — so", "and or well known so"),
        ("„Guten“ «bon» “good” 'day' ‘sir’", "guten bon good day sir"),
        ("don´t don`t don‘t don’t donʼt don′t don＇t", " ".join(["don't"] * 7)),
        ("the dogs' 'tis rockin'", "the dogs tis rockin"),
        ("rock 'n' roll", "rock n roll"),
        ("''", None),
        ("a''b", "a b"),
        ("o'clock y'all'd've", "o'clock y'all'd've"),
        ("café naïve Ångström", "cafe naive angstrom"),
        ("cafe\u0301", "cafe"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zero width"),
        ("tab\tand\nline\x00end", "tab and line end"),
        ("\ufeffyes", "yes"),
        ("¿Qué?", "que"),
        ("it's IT'S", "it's it's"),
    ],
)
def test_what_a_text_becomes(text, normal):
    if normal is None:
        with pytest.raises(TranscriptError, match="empty"):
            normalise(text)
    else:
        assert normalise(text) == normal
        assert normalise(normal) == normal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("yes please", ()),
        ("YES", ("capitals",)),
        ("yes, please", ("punctuation",)),
        ("yes please.", ("punctuation",)),
        ("yes  please", ()),
        ("well-known and/or", ("dashes and slashes",)),
        ("it’s", ("quotes and apostrophes",)),
        ("'yes'", ("quotes and apostrophes",)),
        ("“yes”", ("quotes and apostrophes",)),
        ("café", ("accents",)),
        ("Café, “it's” well-known", (
            "capitals", "punctuation", "dashes and slashes", "quotes and apostrophes", "accents",
        )),
    ],
)  # fmt: skip
def test_how_a_text_was_changed(text, found):
    assert changes(text, normalise(text)) == found


@pytest.mark.parametrize("unit", ["*", "_", "/", "+", "[", "(", "<", "'", "a'", "_a", "*a ", "[a"])
def test_no_text_takes_long(unit):
    text = unit * 50_000
    begin = time.process_time()
    with suppress(TranscriptError):
        changes(text, normalise(text))
    assert time.process_time() - begin < 5
