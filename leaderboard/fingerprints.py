"""Which code stands behind a scheme or an attack: a digest, found without importing any of it.

It covers the entry in the table of names, the module that the entry comes from, and what that
imports from its own room, at any depth. Comments, docstrings and layout do not count. Not covered
are `targets`, the statistics of `attacks`, the accounting's packages: a change there concerns
every cell, and calls for a new folder.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def scheme_code(name: str) -> str:
    """Return the digest of a scheme's code.

    Raises:
        LookupError: there is no such scheme.
    """
    return _fingerprint(ROOT / "defenses", "schemes", name)


def attack_code(name: str) -> str:
    """Return the digest of an attack's code.

    Raises:
        LookupError: there is no such attack.
    """
    return _fingerprint(ROOT / "attacks", "battery", name)


@cache
def _fingerprint(room: Path, table: str, name: str) -> str:
    tree = _code(room / f"{table}.py")
    entry = _entry(tree, name)
    used = {node.id for node in ast.walk(entry) if isinstance(node, ast.Name)}
    pending = [module for module, names in _imports(tree, room.name) if used & names]
    modules: dict[str, ast.Module] = {}
    while pending:
        module = pending.pop()
        if module not in modules:
            modules[module] = _code(room / f"{module}.py")
            pending += [other for other, _ in _imports(modules[module], room.name)]
    parts = [ast.dump(entry), *(f"{m} {ast.dump(modules[m])}" for m in sorted(modules))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _entry(tree: ast.Module, name: str) -> ast.expr:
    """Return what a table of names, a dict written out in its module, says of one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name:
                    return value
    raise LookupError(name)


def _imports(tree: ast.Module, room: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the modules of a room that are imported from, and the names taken from each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{room}."):
            yield node.module.removeprefix(f"{room}."), {a.asname or a.name for a in node.names}


@cache
def _code(path: Path) -> ast.Module:
    """Return a module without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return tree
