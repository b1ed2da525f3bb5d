"""Which code stands behind a scheme or an attack: a digest, found without importing any of it.

It covers what the registry says of an entry, the module that the entry comes from, and what that
imports from its own room, at any depth. Of a submission it is the file as it stands, and what it
imports from `defenses` or `attacks`. Comments, docstrings and layout of ours do not count. Not
covered are `targets`, the statistics of `attacks`, the accounting's packages: a change there
concerns every cell, and calls for a new folder.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from targets.core.moved import home_now, path_now
from targets.core.registry import Entry

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("defenses", "attacks")
API = "api"  # the module of a room that only lists what others may import
TABLES: Mapping[str, Iterable[Entry]] = {"defenses.registry": SCHEMES, "attacks.registry": ATTACKS}


def scheme_code(name: str) -> str:
    """Return the digest of a scheme's code.

    Raises:
        OverheardError: there is no such scheme.
    """
    return entry_code(SCHEMES[name])


def attack_code(name: str) -> str:
    """Return the digest of an attack's code.

    Raises:
        OverheardError: there is no such attack.
    """
    return entry_code(ATTACKS[name])


def entry_code(entry: Entry) -> str:
    """Return the digest of what an entry names, and of the options it gives."""
    return _fingerprint(entry.path, json.dumps(dict(entry.options), sort_keys=True))


def submission_code(source: str) -> str:
    """Return the digest of a submitted file and of the code of ours that it is built on."""
    modules = [m for m in _modules_of(ast.parse(source)) if _within(m, ROOMS)]
    return _digest([source, *_dumped(_closure(modules, ROOMS))])


@cache
def module_code(module: str) -> str:
    """Return the digest of a module and of what it imports from its own room."""
    return _digest(_dumped(_closure([module], (module.partition(".")[0],))))


@cache
def _fingerprint(path: str, options: str) -> str:
    module = path.partition(":")[0]
    room = module.partition(".")[0]
    # A package that adds an entry is built on the rooms, too.
    rooms = (room,) if room in ROOMS else (room, *ROOMS)
    return _digest([path, options, *_dumped(_closure([module], rooms))])


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _closure(modules: Iterable[str], rooms: tuple[str, ...]) -> dict[str, ast.Module]:
    """Return modules and what they import from some rooms, at any depth, by name."""
    pending, found = list(modules), dict[str, ast.Module]()
    while pending:
        module = pending.pop()
        path = _file_of(module)
        if module not in found and path is not None:
            found[module] = _code(path)
            name = f"{module}.__init__" if path.name == "__init__.py" else module
            pending += _imports(found[module], rooms, name)
            # Who asks a registry may get anything that is in it.
            pending += [entry.module for entry in TABLES.get(module, ())]
    return found


def _modules_of(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of ours, and others, behind a submission's imports.

    Old paths lead where their content is today, a name from `api` to the module that defines it: a
    submission is not built on everything that `api` lists.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _behind(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield from _behind(node.module, alias.name)
                yield from _behind(f"{node.module}.{alias.name}")  # where that is a module


def _behind(module: str, name: str = "*") -> Iterator[str]:
    room, _, rest = module.partition(".")
    if room not in ROOMS or rest != API:
        yield path_now(module) if name == "*" else home_now(module, name)
        return
    for node in ast.walk(_code(ROOT / room / f"{API}.py")):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if name in ("*", alias.asname or alias.name):
                    yield from _behind(node.module, alias.name)


def _file_of(module: str) -> Path | None:
    """Return the file of a module or package; None where there is none of that name."""
    top, *below = module.split(".")
    if top in ROOMS:
        home = ROOT / top
    else:
        spec = importlib.util.find_spec(top)  # of a top package, which is not imported for it
        if spec is None or spec.origin is None:
            return None
        home = Path(spec.origin).with_name("__init__.py").parent if below else Path(spec.origin)
        if not below:
            return home
    files = home.joinpath(*below).with_suffix(".py"), home.joinpath(*below, "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _dumped(modules: Mapping[str, ast.Module]) -> list[str]:
    return [f"{name} {_plain(modules[name])}" for name in sorted(modules)]


def _imports(tree: ast.Module, rooms: tuple[str, ...], module: str = "") -> Iterator[str]:
    """Yield what may be modules of some rooms: of `from a import b`, `a` and `a.b`.

    `module` is the name of the tree's own, from which relative imports lead.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            if _within(source, rooms):
                yield source
                yield from (f"{source}.{a.name}" for a in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if _within(a.name, rooms))


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return module.partition(".")[0] in rooms


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
