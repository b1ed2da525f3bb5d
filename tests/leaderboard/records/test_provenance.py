"""Where a figure comes from is told of a checkout that was never installed, too."""

from __future__ import annotations

from importlib import metadata

from leaderboard.records import provenance


def test_a_checkout_that_is_not_installed_has_the_same_packages(monkeypatch):
    installed = provenance.packages()
    assert {"python", "torch", "numpy"} <= set(installed)

    def nowhere(name: str):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", nowhere)
    assert provenance.packages() == installed
