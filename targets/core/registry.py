"""Tables of names: what there is of one kind, by name, and where it is found when it is used.

A table is read without importing what it names, so that a suite can be checked and a table of
results drawn where nothing is trained. Installed packages add entries of their own: an entry point
in the table's group, whose object is an entry.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import metadata
from typing import Any, Generic, TypeVar

from targets.core.errors import OverheardError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a table.

    `path` is `module:name` of what is meant, imported when it is used; `options` are arguments it
    is always given; `summary` says in one line what it is.
    """

    name: str
    path: str
    summary: str
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module that holds it."""
        return self.path.partition(":")[0]

    def __call__(self, **options: Any) -> Any:
        """Make what the entry names, with its options and these."""
        return self.load()(**options)

    def load(self) -> Callable[..., Any]:
        """Import what the entry names and return it, with the entry's options filled in.

        Raises:
            OverheardError: it cannot be imported.
        """
        found = self.imported(self.path)
        return partial(found, **self.options) if self.options else found

    def imported(self, path: str) -> Any:
        """Return what a path, `module:name`, stands for.

        Raises:
            OverheardError: it cannot be imported.
        """
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise OverheardError(f"{self.name}: cannot import {path}: {error}") from None


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """The entries of one kind: those that come with overheard, then those of installed packages."""

    def __init__(self, kind: str, group: str, entries: Sequence[E]) -> None:
        self.kind, self.group = kind, group
        self._own = tuple(entries)

    @cached_property
    def _entries(self) -> dict[str, E]:
        entries = {entry.name: entry for entry in self._own}
        if len(entries) < len(self._own):
            raise ValueError(f"two entries of the {self.kind} registry have one name")
        for point in metadata.entry_points(group=self.group):
            entry = self._added(point)
            if entry.name in entries:
                raise OverheardError(
                    f"{self.kind} {entry.name!r}: of the entry point {point.value}, but there is "
                    f"one of that name; give it another"
                )
            entries[entry.name] = entry
        return entries

    def _added(self, point: metadata.EntryPoint) -> E:
        try:
            entry = point.load()
        except Exception as error:  # of a package that nobody here wrote
            raise OverheardError(
                f"entry point {point.name!r} of {self.group}: cannot be loaded: "
                f"{type(error).__name__}: {error}; mend or uninstall its package"
            ) from None
        kind = type(self._own[0])
        if not isinstance(entry, kind):
            raise OverheardError(
                f"entry point {point.name!r} of {self.group}: is {type(entry).__name__}, "
                f"and should be {kind.__name__}"
            )
        return entry

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> E:
        """Return the entry of a name.

        Raises:
            OverheardError: there is none; names those that there are.
        """
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self.names())
            raise OverheardError(f"no such {self.kind}: {name!r} (known: {known})") from None

    def is_own(self, name: str) -> bool:
        """Return whether a name is of an entry that comes with overheard."""
        return any(entry.name == name for entry in self._own)

    def names(self) -> tuple[str, ...]:
        """Return all names, in the order of the table."""
        return tuple(self._entries)

    def load(self, name: str) -> Callable[..., Any]:
        """Return what a name stands for.

        Raises:
            OverheardError: there is no such name, or it cannot be imported.
        """
        return self[name].load()
