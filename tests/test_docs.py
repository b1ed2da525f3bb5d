"""The documentation says what is so: links, names, the table of what to touch, and short lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from runpy import run_path
from statistics import fmean

import pytest
import typer

from attacks.registry import ATTACKS
from defenses.checks import check_defense
from defenses.registry import SCHEMES
from leaderboard.cli import app
from leaderboard.spec.load import built_in_suites
from targets.corpora.registry import CORPORA
from targets.models.registry import TARGETS
from tests.fakes import recipe_for, speech
from tests.test_imports import MAY_IMPORT, ROOMS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(ROOT / f"{n}.md" for n in ("README", "CONTRIBUTING", "CHANGELOG"))]
)
LINE = 140
TWO = "ctc", "conformer"
REGISTRIES = {
    "a target": TARGETS,
    "a scheme": SCHEMES,
    "an attack": ATTACKS,
    "a corpus reader": CORPORA,
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def without_code(text: str) -> str:
    """Return a page without its blocks of code, which hold neither links nor headings."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub and the pages give them."""
    headings = re.findall(
        r"^#+ +(.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    """Return the links of a page, within the repository, that lead nowhere."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


def long_lines(text: str) -> list[int]:
    """Return the numbers of lines that are too long and in no table."""
    lines = enumerate(text.splitlines(), 1)
    return [n for n, line in lines if len(line) > LINE and not line.lstrip().startswith("|")]


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of a page."""
    below = (DOCS / page).read_text(encoding="utf-8").split(f"{heading}\n", 1)[1]
    table = re.search(r"^\|.*(?:\n\|.*)*", below, re.MULTILINE)
    assert table, heading
    body = table[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in body]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A *heading*, here\n[a](#a-heading-here) [b](page.md#no) [c](none.md)")
    assert dead_links(page) == ["page.md#no", "none.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_line_is_long(page):
    assert long_lines(page.read_text(encoding="utf-8")) == []


def test_a_long_line_is_seen():
    assert long_lines(f"{'ä' * LINE}\n{'a' * (LINE + 1)}\n| {'a' * LINE} |") == [2]


def test_every_page_is_in_the_menu():
    menus = [DOCS / "index.md", DOCS / "reference" / "index.md"]
    listed = {
        (menu.parent / entry).resolve()
        for menu in menus
        for block in re.findall(r"```\{toctree\}\n(.*?)```", menu.read_text("utf-8"), re.DOTALL)
        for entry in block.split("\n")
        if entry and not entry.startswith(":")
    }
    pages = {page.with_suffix("") for page in DOCS.rglob("*.md")} - {menus[0].with_suffix("")}
    assert pages == listed


@pytest.mark.parametrize(
    "page", ["score-your-own.md", "what-the-numbers-mean.md", "architecture.md", "extending.md"]
)
def test_every_reader_finds_their_page_on_the_first_screen(page):
    readme, _, _ = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- table")
    assert len(readme.splitlines()) < 25
    assert f"(docs/{page})" in readme
    assert f"({page})" in (DOCS / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "page"),
    [
        *((name, "score-your-own.md") for name in built_in_suites()),
        *((name, "schemes.md") for name in SCHEMES.names()),
        *((name, "what-the-numbers-mean.md") for name in TARGETS.names()),
        *((name, "install.md") for name in CORPORA.names()),
    ],
)
def test_a_name_is_explained(name, page):
    assert f"`{name}`" in (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ATTACKS.names())
def test_an_attack_is_explained_on_the_page_of_its_family(name):
    pages = ("membership.md", "canaries.md", "inversion.md", "gradients.md")
    text = "".join((DOCS / page).read_text(encoding="utf-8") for page in pages)
    assert f"`{name}`" in text


def test_every_command_is_on_its_page():
    commands = set(typer.main.get_command(app).commands)
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert {c for c in commands if not re.search(rf"`overheard {c}(?![\w-])", page)} == set()


MAP = {
    row[0].strip("`").replace("/", "."): row[2]
    for room in ROOMS
    for row in rows("architecture.md", f"### `{room}/`")
}


def test_every_sub_package_is_on_the_map():
    found = {f"{r}.{init.parent.name}" for r in ROOMS for init in (ROOT / r).glob("*/__init__.py")}
    assert set(MAP) == found


@pytest.mark.parametrize("package", MAP)
def test_the_map_says_of_a_sub_package_what_it_may_import(package):
    room = package.partition(".")[0]
    allowed = MAY_IMPORT[package].split()
    if MAP[package] == "everything":
        assert room in allowed
    else:
        named = {f"{room}.{name}" for name in code_in(MAP[package])}
        assert named == {name for name in allowed if name.partition(".")[0] == room}


def paths_in(text: str) -> list[str]:
    """Return the files and folders of the repository that a text names in code."""
    folders = "|".join((*ROOMS, "tests", "docs"))
    return re.findall(rf"`((?:{folders})/[\w./-]*[\w/])(?:::\w+)?`", text)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of
)
def test_files_that_are_named_are_there(page):
    named = paths_in(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_file_that_is_named_is_seen():
    assert paths_in("`docs/no.md`, `tests/a.py::test_b`, `runs/x`, targets/y") == [
        "docs/no.md",
        "tests/a.py",
    ]


TOUCH = rows("extending.md", "# To add X, touch Y")


@pytest.mark.parametrize("row", TOUCH, ids=lambda row: row[0])
def test_what_is_to_be_touched_is_there(row):
    paths = [path for cell in (row[1], row[2], row[4]) for path in code_in(cell)]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("what", "registry"), REGISTRIES.items())
def test_all_of_a_kind_lie_where_a_new_one_goes(what, registry):
    (row,) = [row for row in TOUCH if row[0] == what]
    folders, lists, points = code_in(row[1]), code_in(row[2]), code_in(row[3])
    assert points == [registry.group]
    line = (ROOT / lists[0]).read_text(encoding="utf-8")
    for entry in registry:
        home = f"{entry.module.replace('.', '/')}.py"
        assert (ROOT / home).is_file(), home
        assert str(Path(home).parent) + "/" in folders, home
        assert f'"{entry.name}"' in line


def test_a_command_has_a_file_where_a_new_one_goes():
    (row,) = [row for row in TOUCH if row[0] == "a command"]
    files = {path.stem for path in (ROOT / code_in(row[1])[0]).rglob("*.py")}
    handed_on = re.findall(
        r'_hand_on\(context, "(\w+)"(?:, "([\w.]+)")?\)',
        (ROOT / "leaderboard/cli.py").read_text("utf-8"),
    )
    assert handed_on
    assert [
        name for name, home in handed_on if (home or name).rpartition(".")[2] not in files
    ] == []


def rounded(estimate: str, *, percent: bool = False) -> str:
    """Return a study's figure with its interval, to two digits, as pages show it."""
    if estimate == "-":
        return estimate
    value, low, high = map(float, re.findall(r"-?[\d.]+", estimate))
    if percent:
        return f"{value:.0%} [{100 * low:.0f}, {100 * high:.0f}]".replace("%", " %")
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def test_the_tables_of_two_talkers_are_those_of_the_study():
    path = ROOT / "tests/studies/multitalker/figures.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    heard = [
        [f"`{r['target']}`", r["speech"], rounded(r["turn counting"], percent=True)]
        + [rounded(r[kind]) for kind in ("WER", "WER, talkers joined")]
        for r in figures["recognition"]
    ]
    assert rows("multitalker.md", "### Who is heard") == heard
    *turns, strangers = figures["membership"]
    kinds = "AUC, fall of the loss", "AUC, loss", "AUC, loss at the start"
    leaks = [
        [r["turn"], f"{r['members']} / {r['others']}", *(rounded(r[kind]) for kind in kinds)]
        for r in turns
    ]
    assert rows("multitalker.md", "### Who leaks") == leaks
    assert strangers["mean"] == "-0.060 [-0.260, 0.139]"  # nats, said below that table


def test_the_tables_of_conformer_and_lstm_are_those_of_the_study():
    path = ROOT / "tests/studies/architecture/figures.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    found = figures["encoders"]
    tried, words = [], []
    for row in found["tried"]:
        name, speed = f"`{row['target']}`", f"{row['learning rate']:g}"
        tried.append([name, str(row["epochs"]), speed, f"{100 * row['WER']:.1f}"])
        if row["taken"]:
            heard = [found["test"][row["target"] + seed] for seed in ("", ", seed 0", ", seed 1")]
            further = found["further"][row["target"]]
            words.append([name, f"{found['weights'][row['target']]:,}", *heard, further])
    assert rows("architectures.md", "### Schedules that were tried") == tried
    differ = "conformer less ctc"
    less = ["`conformer` less `ctc`", "", found["test"][differ], "", "", found["further"][differ]]
    assert rows("architectures.md", "### Word errors") == [*words, less]
    equal = [
        [f"{100 * row['WER']:.0f}", *(f"{fmean(row[t]):.2f}" for t in TWO), rounded(row["mean"])]
        for row in found["at equal WER"]
    ]
    assert rows("architectures.md", "### Members at equal word errors") == equal


def test_the_tables_of_contact_lists_are_those_of_the_study():
    path = ROOT / "tests/studies/private_lists/figures.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    gains = [
        [r["biasing"], *(rounded(r[kind]) for kind in ("F1", "gain", "WER"))]
        for r in figures["recognition"]
    ]
    assert rows("contact-lists.md", "### Who gains") == gains
    tuned = {r["biasing"]: r for r in figures["tuning"]}
    said = " ".join((DOCS / "contact-lists.md").read_text(encoding="utf-8").split())
    for way, kind in (("adapter", "gain"), ("none", "WER"), ("class", "WER")):
        assert rounded(tuned[way][kind]) in said
    nats = [[r["list"], rounded(r["nats"])] for r in figures["losses"]]
    assert rows("contact-lists.md", "### Why the adapter does not") == nats
    kinds = "AUC, transcripts", "AUC, scores", "list read", "of it right"
    for heading, whose in (("### Who leaks", ""), ("### Another's list", ", another's")):
        leaks = [
            [r["biasing"], r["probe"], str(r["listed"])]
            + [rounded(r[kind + whose]) for kind in kinds]
            for r in figures["leakage"]
        ]
        assert rows("contact-lists.md", heading) == leaks


def test_the_tables_of_half_a_recording_are_those_of_the_study():
    path = ROOT / "tests/studies/architecture/figures.json"
    context = json.loads(path.read_text(encoding="utf-8"))["context"]
    heard = [[r["target"], f"{r['weights']:,}", r["WER"]] for r in context["heard"]]
    assert rows("architectures.md", "### What they hear") == heard
    told = [[r["target"], r["given"], rounded(r["AUC"])] for r in context["told"]]
    assert rows("architectures.md", "### The rest of a transcript") == told
    compared = [[*r["one"], *r["other"], rounded(r["difference"])] for r in context["compared"]]
    assert rows("architectures.md", "### Differences") == compared


def test_the_tables_of_transducers_that_stream_are_those_of_the_study():
    path = ROOT / "tests/studies/architecture/figures.json"
    streaming = json.loads(path.read_text(encoding="utf-8"))["streaming"]
    heard = [
        [f"`{r['transducer']}`", f"{r['weights']:,}"]
        + [f"{100 * wer:.1f}" for wer in r["choosing"].values()]
        + [r["WER"]]
        for r in streaming["heard"]
    ]
    assert rows("architectures.md", "### Transducers that stream") == heard
    compared = [
        [f"`{r['transducer']}` less `{r['less']}`", r["difference"]] for r in streaming["compared"]
    ]
    assert rows("architectures.md", "### How much better") == compared


@pytest.mark.slow
@pytest.mark.parametrize("place", ["stronger.py:Stronger", "weaker.py:Weaker"])
def test_an_example_of_a_defense_meets_the_contract(place):
    file, name = place.split(":")
    made = run_path(str(Path("docs/examples") / file))[name]
    public = speech(4, "public")
    check_defense(made, recipe_for("ctc", public), speech(6, "members"), public)
