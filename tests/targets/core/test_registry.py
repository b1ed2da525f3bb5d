"""Tables of names: read without imports, honest about what is missing, open to packages."""

from __future__ import annotations

from importlib import metadata

import pytest

from targets.core import registry
from targets.core.errors import OverheardError
from targets.core.registry import Entry, Registry

HERE = Entry(name="here", path="json:dumps", summary="a function", options={"indent": 1})


def with_points(monkeypatch, *objects):
    class Point(metadata.EntryPoint):
        def load(self):
            found = objects[int(self.name)]
            if isinstance(found, Exception):
                raise found
            return found

    points = [Point(str(n), "plugin:entry", "overheard.tests") for n in range(len(objects))]
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points)  # noqa: ARG005
    return Registry("thing", "overheard.tests", (HERE,))


def test_an_entry_is_imported_when_it_is_loaded_with_its_options():
    assert Registry("thing", "overheard.none", (HERE,)).load("here")([1]) == "[\n 1\n]"


def test_a_name_that_is_missing_is_told_with_those_that_are_there():
    things = Registry("thing", "overheard.none", (HERE,))
    assert "here" in things
    assert "gone" not in things
    with pytest.raises(OverheardError, match=r"no such thing: 'gone' \(known: here\)"):
        things["gone"]


@pytest.mark.parametrize("path", ["json:nothing", "nowhere_at_all:thing"])
def test_what_cannot_be_imported_is_one_line(path):
    with pytest.raises(OverheardError, match=f"lost: cannot import {path}"):
        Entry(name="lost", path=path, summary="nothing").load()


def test_a_package_adds_an_entry(monkeypatch):
    added = Entry(name="added", path="json:loads", summary="another")
    things = with_points(monkeypatch, added)
    assert things.names() == ("here", "added")
    assert things.load("added")("1") == 1
    assert list(things) == [HERE, added]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (HERE, "there is one of that name"),
        ("here", "is str, and should be Entry"),
        (ImportError("no torch"), "cannot be loaded: ImportError: no torch"),
    ],
)
def test_a_package_with_a_bad_entry_is_named(monkeypatch, found, message):
    with pytest.raises(OverheardError, match=message):
        with_points(monkeypatch, found).names()
