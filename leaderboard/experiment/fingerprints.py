"""Which code stands behind a scheme or an attack: a digest, found without importing any of it.

It covers the entry in the table of names, the module that the entry comes from, and what that
imports from its own room, at any depth. Of a submission it is the file as it stands, and what it
imports from `defenses` or `attacks`. Comments, docstrings and layout of ours do not count. Not
covered are `targets`, the statistics of `attacks`, the accounting's packages: a change there
concerns every cell, and calls for a new folder.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("defenses", "attacks")


def scheme_code(name: str) -> str:
    """Return the digest of a scheme's code.

    Raises:
        LookupError: there is no such scheme.
    """
    return _fingerprint(ROOT / "defenses", "registry", name)


def submission_code(source: str) -> str:
    """Return the digest of a submitted file and of the code of ours that it is built on."""
    parts = [source]
    for room in ROOMS:
        modules = [module for module, _ in _imports(ast.parse(source), room)]
        parts += _dumped(_closure(ROOT / room, modules))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def attack_code(name: str) -> str:
    """Return the digest of an attack's code.

    Raises:
        LookupError: there is no such attack.
    """
    return _fingerprint(ROOT / "attacks", "registry", name)


@cache
def module_code(room: str, module: str) -> str:
    """Return the digest of a module and of what it imports from its own room."""
    return hashlib.sha256("\n".join(_dumped(_closure(ROOT / room, [module]))).encode()).hexdigest()


@cache
def _fingerprint(room: Path, table: str, name: str) -> str:
    tree = _code(room / f"{table}.py")
    entry = _entry(tree, name)
    used = {node.id for node in ast.walk(entry) if isinstance(node, ast.Name)}
    modules = [module for module, names in _imports(tree, room.name) if used & names]
    parts = [ast.dump(entry), *_dumped(_closure(room, modules))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _closure(room: Path, modules: Iterable[str]) -> dict[str, ast.Module]:
    """Return modules of a room and what they import from it, at any depth, by name."""
    pending, found = list(modules), dict[str, ast.Module]()
    while pending:
        module = pending.pop()
        path = room / f"{module.replace('.', '/')}.py"
        if module not in found and path.exists():
            found[module] = _code(path)
            pending += [other for other, _ in _imports(found[module], room.name)]
    return found


def _dumped(modules: Mapping[str, ast.Module]) -> list[str]:
    return [f"{name} {_plain(modules[name])}" for name in sorted(modules)]


def _entry(tree: ast.Module, name: str) -> ast.expr:
    """Return what a table of names, a dict written out in its module, says of one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name:
                    return value
    raise LookupError(name)


def _imports(tree: ast.Module, room: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the modules of a room that are imported, and the names by which each is known."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{room}."):
            module = node.module.removeprefix(f"{room}.")
            yield module, {a.asname or a.name for a in node.names}
            yield from ((f"{module}.{a.name}", {a.asname or a.name}) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == room:
            yield from ((a.name, {a.asname or a.name}) for a in node.names)
        elif isinstance(node, ast.Import):
            for a in node.names:
                if a.name.startswith(f"{room}."):
                    yield a.name.removeprefix(f"{room}."), {a.asname or room}


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


def _plain(node: object) -> str:
    """Return a syntax tree as text, the same on every Python: that of `ast.dump` differs.

    What is empty is left out, as are the type parameters that 3.12 brought, where there are none.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(_plain, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({', '.join(f'{n}={_plain(value)}' for n, value in fields)})"
