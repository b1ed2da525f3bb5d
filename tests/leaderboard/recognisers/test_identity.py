"""What makes a recogniser another one, and what does not."""

from __future__ import annotations

import hashlib

from leaderboard.recognisers.base import Opening
from leaderboard.recognisers.identity import digest_as_opened, digest_of_files


def test_names_and_contents_of_files(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    wanted = hashlib.sha256(b"a\x003\noneb\x003\ntwo").hexdigest()
    assert digest_of_files([a, b]) == wanted
    assert digest_of_files([b, a]) != wanted
    assert digest_of_files([a, b.rename(tmp_path / "c")]) != wanted
    a.write_bytes(b"One")
    assert digest_of_files([a]) != hashlib.sha256(b"a\x003\none").hexdigest()


def test_device_and_language():
    openings = [
        Opening(),
        Opening(device="cuda"),
        Opening(language="cs"),
        Opening(language="en"),
        Opening(device="cs"),
        Opening(device="cuda", language="cs"),
    ]
    found = [digest_as_opened("abc", opening, language=True) for opening in openings]
    assert found[0] == "abc"
    assert len(set(found)) == len(found)
    assert digest_as_opened("abc", Opening(language="cs")) == "abc"  # it is not told
    assert digest_as_opened("abd", openings[1]) != found[1]
