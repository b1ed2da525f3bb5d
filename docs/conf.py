"""The documentation as pages: `make docs`, then open build/docs/index.html.

The pages need no network: fonts are the reader's own, and the search runs in the browser.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the reference is of this checkout

project = "overheard"
author = "The overheard authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4  # links to headings, by the names that GitHub gives them
default_role = "literal"  # `name` in a docstring is code, as in Markdown

autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__init__, __new__"}
add_module_names = False
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"overheard {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_copy_source = False


def of_its_room(app: Any, _what: str, _name: str, found: Any, skip: bool, _options: Any) -> bool:
    """Return whether a member is left out: what one room takes from another is described there."""
    page = app.env.docname
    home = getattr(found, "__module__", None)
    elsewhere = page.startswith("reference/") and isinstance(home, str)
    room = home.partition(".")[0] if elsewhere else ""
    return skip or (room in {"targets", "defenses", "attacks", "leaderboard"} - {page[10:]})


def setup(app: Any) -> None:
    """Let pages of the reference hold what is their own."""
    app.connect("autodoc-skip-member", of_its_room)
