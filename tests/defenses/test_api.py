"""The door of the package: every name is there, promises something, and may be listed."""

from __future__ import annotations

from defenses import api


def test_every_name_is_there_once_and_says_what_it_is():
    assert len(set(api.__all__)) == len(api.__all__)
    for name in api.__all__:
        exported = getattr(api, name)
        assert exported.__doc__, name


def test_nothing_public_is_left_out():
    """What is imported is what is listed, so that neither is forgotten."""
    imported = {name for name in vars(api) if not name.startswith("_")}
    assert imported - {"annotations"} == set(api.__all__)


def test_all_of_it_can_be_imported_by_a_star():
    starred: dict[str, object] = {}
    exec("from defenses.api import *", starred)
    assert set(api.__all__) <= set(starred)
