"""The documentation as pages: `make docs`, then open build/docs/index.html.

The pages need no network: fonts are the reader's own, and the search runs in the browser.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from sphinx.ext.napoleon import GoogleDocstring

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the reference is of this checkout

project = "overheard"
author = "The overheard authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]

myst_heading_anchors = 4  # links to headings, by the names that GitHub gives them
default_role = "literal"  # `name` in a docstring is code, as in Markdown

autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
add_module_names = False

html_theme = "furo"
html_title = f"overheard {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_copy_source = False


def of_another_room(app: Any, what: str, _name: str, found: Any, skip: bool, _opts: Any) -> bool:
    """Return whether a member is left out: what a room takes from elsewhere is described there."""
    home = getattr(found, "__module__", None) if what == "module" else None
    room = app.env.docname.removeprefix("reference/")
    return skip or (isinstance(home, str) and home.partition(".")[0] != room)


def from_markdown(
    _app: Any, _what: str, _name: str, _obj: Any, _opts: Any, lines: list[str]
) -> None:
    """Write a docstring, Google's sections and Markdown, as the markup that Sphinx reads."""
    written: list[str] = []
    for line in lines:
        begins = line.startswith("    ") and written and not written[-1]
        before = next((one for one in reversed(written) if one), "    ")
        if begins and not before.startswith(" "):
            written += ["::", ""]  # an indented block is code
        parts = re.split(r"(`[^`]*`)", line)
        parts[::2] = [re.sub(r"([*|])", r"\\\1", part) for part in parts[::2]]
        written.append("".join(parts))
    # Nothing is said of what it documents: of an attribute all before a colon would be its type.
    lines[:] = GoogleDocstring(written).lines()


def short(
    _app: Any, what: str, _name: str, found: Any, _opts: Any, arguments: str | None, returns: str
) -> tuple[str, str] | None:
    """Return a signature without module names, and of a Pydantic model none: its fields follow."""
    if what == "class" and hasattr(found, "model_fields"):
        return "", returns
    return (re.sub(r"~(?:\w+\.)*", "", arguments), returns) if arguments else None


def setup(app: Any) -> None:
    """Let pages of the reference hold what is their own, read as it is written."""
    app.connect("autodoc-skip-member", of_another_room)
    app.connect("autodoc-process-docstring", from_markdown)
    app.connect("autodoc-process-signature", short)
