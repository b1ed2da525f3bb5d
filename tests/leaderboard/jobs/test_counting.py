"""Counting is shown on a terminal and says nothing elsewhere."""

from __future__ import annotations

from leaderboard.jobs.counting import counting


def count():
    with counting("answers of {what}") as tell:
        for done in range(1, 4):
            tell("the base", done, 3)


def test_it_is_quiet_without_a_terminal(capfd):
    count()
    assert capfd.readouterr() == ("", "")


def test_it_names_what_is_counted_on_a_terminal(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    count()
    found = capfd.readouterr()
    assert found.out == ""
    assert "answers of the base" in found.err
    assert "3/3" in found.err
