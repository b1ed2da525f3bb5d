"""The pages: everything shown, nothing dropped, nothing from outside, the same bytes each time."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard import cli
from leaderboard.figures.headline import HEADLINE
from leaderboard.records.attack_result import write_result
from leaderboard.records.mechanism_audit import MechanismAudit, write_audit
from leaderboard.records.model_audit import runs_and_audits
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import read_records, write_record
from leaderboard.records.store import RecordError
from leaderboard.site.board import COLUMNS, cells
from leaderboard.site.build import SiteError, published_runs, write_site
from leaderboard.site.entries import read_entries, sound_label
from leaderboard.site.entry import verdict
from leaderboard.spec.load import parse_suite
from leaderboard.views import glossary
from leaderboard.views.export import export
from leaderboard.views.table import Format
from targets.core.estimate import Estimate
from tests.leaderboard.records.test_attack_result import attack_result
from tests.leaderboard.records.test_model_audit import look, report
from tests.leaderboard.spec.test_suite import SMALL
from tests.leaderboard.views.test_repetition_table import with_secrets
from tests.leaderboard.views.test_table import CELLS, measured, promise, record

HOSTILE = "<script>alert(1)</script> & more"


def fill(run: Path) -> Path:
    """Write a run in which everything occurs that an entry can come to."""
    coins = {f"c{i}": i % 2 == 0 for i in range(20)}
    scores = {
        "membership": {f"c{i}": float(i % 7 + i % 2) for i in range(20)},
        "canary": {f"c{i}": float(i % 3) for i in range(8)},
    }
    whole = {"coins": coins, "scores": scores, "event": HOSTILE, "notes": {"sigma": 1.5}}
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1, **whole), run)
    proof = Estimate(2.5, 2.5, math.inf, 0.95, "one-run", ceiling=4.9)
    false = {"status": "falsified", "audited_epsilon": proof, "audited_p": 1e-6}
    write_record(record("rnnt-dpsgd-eps1-seed0", 1.0, 0.7, 0.5, **whole, **false), run)
    write_record(failed_record(CELLS["rnnt-dpsgd-eps10-seed0"], "no memory"), run)
    write_record(record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4, **whole), run)
    out = failed_record(CELLS["rnnt-pate-gnmax-eps1-seed0"], HOSTILE, "disqualified")
    write_record(out, run)
    write_record(failed_record(CELLS["rnnt-pate-gnmax-eps10-seed0"], "stopped"), run)
    (run / "spectrograms.png").write_bytes(b"a picture")
    (run / "sounds").mkdir()
    for name in ("update-eps1", "eps1", "twin", "update-none", "none", "original", "eps10"):
        (run / "sounds" / f"{name}.wav").write_bytes(name.encode())
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def site(run, tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("pages") / "site", [run]).parent


class Links(HTMLParser):
    """Collects what a page refers to, its ids, and its scripts' text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)


def pages(site: Path) -> dict[Path, Links]:
    return {p: Links(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html"))}


def files(site: Path) -> dict[str, bytes]:
    return {str(p.relative_to(site)): p.read_bytes() for p in sorted(site.rglob("*.*"))}


def test_an_attack_submitted_later_falsifies(tmp_path):
    run = fill(tmp_path / "run")
    write_result(attack_result(0.9, 9.99), run)
    site = write_site(tmp_path / "site", [run]).parent
    index = (site / "index.html").read_text(encoding="utf-8")
    name = "small-rnnt-dpsgd-eps10-seed0.2"
    assert re.search(rf'<tr id="{re.escape(name)}" .* data-status="falsified">', index)
    page = (site / "entries" / f"{name}.html").read_text(encoding="utf-8")
    assert "The attack mine, submitted later, proved at least ε = 9.99." in page
    # Both are shown: what the suite's attacks found, and the strongest known.
    (row,) = re.findall(rf'<tr id="{re.escape(name)}".*?</tr>', index, re.S)
    for sort, value, below in (
        ("0.9", "0.55", "[0.50, 0.60]</small><small>strongest 0.90"),
        ("9.99", "≥ 0.70", "ceiling 4.90</small><small>strongest ≥ 9.99"),
    ):
        assert f'data-sort="{sort}">{value}<small>{below}</small>' in row
    assert index.count(">strongest ") == 2
    assert f"{attack_result(0.9, 9.99).label}, submitted later from mine.py" in page
    figures = (site / "figures.csv").read_text(encoding="utf-8")
    assert re.search(r",falsified,mine \w{8},auc,0.9,", figures)
    assert figures == export([run], Format.CSV) + "\n"


def test_every_record_is_an_entry_with_its_status(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    rows = dict(re.findall(r'<tr id="(\S+)" .* data-status="([^"]+)">', index))
    assert rows == {
        "small-rnnt-none-seed0": "ok",
        "small-rnnt-dpsgd-eps1-seed0": "falsified",
        "small-rnnt-dpsgd-eps10-seed0": "superseded",
        "small-rnnt-dpsgd-eps10-seed0.2": "cannot tell: ceiling below the claim",
        "small-rnnt-pate-gnmax-eps1-seed0": "disqualified",
        "small-rnnt-pate-gnmax-eps10-seed0": "failed",
    }
    for name, status in rows.items():
        page = (site / "entries" / f"{name}.html").read_text(encoding="utf-8")
        drawn = status.split(":")[0].replace(" ", "-")
        assert f'<p class="verdict"><span class="status {drawn}">' in page
    old = (site / "entries/small-rnnt-dpsgd-eps10-seed0.html").read_text(encoding="utf-8")
    assert 'href="small-rnnt-dpsgd-eps10-seed0.2.html"' in old
    assert "Reason: no memory." in old
    new = (site / "entries/small-rnnt-dpsgd-eps10-seed0.2.html").read_text(encoding="utf-8")
    assert 'href="small-rnnt-dpsgd-eps10-seed0.html"' in new


def test_every_link_leads_somewhere_and_none_outside(site):
    for path, page in pages(site).items():
        assert len(page.ids) == len(set(page.ids)), path
        for link in page.links:
            if link.startswith("data:"):
                continue
            file, _, place = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path.name}: {link}"
            if place and "=" not in place:
                assert place in Links(target.read_text(encoding="utf-8")).ids, link
    ours = [p for p in site.rglob("*") if p.suffix in (".html", ".css", ".js")]
    for path in ours:
        if path.name != "plotly.min.js":
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?:|//\w+\.\w|fetch\(|XMLHttpRequest", text), path


def test_the_words_of_a_submission_stay_words(site):
    for path, page in pages(site).items():
        text = path.read_text(encoding="utf-8")
        assert "<script>" not in text, path
        assert page.tags.count("script") <= 5
    shown = (site / "entries/small-rnnt-pate-gnmax-eps1-seed0.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in shown


def test_the_same_records_give_the_same_bytes(site, run, tmp_path):
    again = write_site(tmp_path / "elsewhere", [run]).parent
    assert files(again) == files(site)


def test_a_page_is_replaced_whole_and_nothing_else_is(run, tmp_path):
    out = tmp_path / "site"
    write_site(out, [run])
    stale = out / "entries" / "gone.html"
    stale.write_text("of an earlier run")
    write_site(out, [run])
    assert not stale.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["site"]

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(SiteError, match="mine: holds other files"):
        write_site(mine, [run])
    assert (mine / "thesis.txt").read_text() == "years of work"
    with pytest.raises(SiteError, match="holds other files"):
        write_site(mine / "thesis.txt", [run])


def test_a_page_that_cannot_be_written_leaves_the_old_one(run, tmp_path):
    out = write_site(tmp_path / "site", [run]).parent
    before = files(out)
    broken = fill(tmp_path / "broken")
    path = broken / "records" / "rnnt-none-seed0.json"
    path.write_text(path.read_text().replace("0.95", "0.96"))
    with pytest.raises(RecordError, match="digest"):
        write_site(out, [broken])
    (run / "sounds").joinpath("folder.wav").mkdir()
    with pytest.raises(OSError, match=r"folder\.wav"):
        write_site(out, [run])
    (run / "sounds").joinpath("folder.wav").rmdir()
    assert files(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken", "site"]


def test_what_is_seen_and_heard_is_beside_the_page(site):
    entry = Links((site / "entries/small-rnnt-none-seed0.html").read_text(encoding="utf-8"))
    sounds = [link.rsplit("/", 1)[1] for link in entry.links if link.endswith(".wav")]
    of_models = ["original.wav", "none.wav", "eps10.wav", "eps1.wav"]
    assert sounds == [*of_models, "update-none.wav", "update-eps1.wav", "twin.wav"]
    assert (site / "runs/run1/sounds/eps10.wav").read_bytes() == b"eps10"
    assert (site / "runs/run1/spectrograms.png").read_bytes() == b"a picture"
    assert sound_label(Path("eps0.5.wav")) == "rebuilt from the model at ε = 0.5"
    assert sound_label(Path("mean-speaker.wav")) == "mean speaker"


def test_the_record_and_its_figures_can_be_taken_along(site, run):
    for entry in read_entries([run]):
        assert (site / "entries" / f"{entry.name}.json").read_bytes() == entry.path.read_bytes()
    for form in (Format.CSV, Format.JSON):
        taken = (site / f"figures.{form}").read_text(encoding="utf-8")
        assert taken == export([run], form) + "\n"


def test_a_row_says_what_the_record_says(run):
    entries = {entry.name: entry for entry in read_entries([run])}
    row = dict(zip(COLUMNS, cells(entries["small-rnnt-dpsgd-eps1-seed0"]), strict=True))
    assert (row["wer"].shown, row["wer"].below) == ("50.0", ("[45.0, 55.0]",))
    assert (row["epsilon"].shown, row["epsilon"].below) == ("1", ("δ = 0.0001",))
    assert row["audited_epsilon"].shown == "≥ 2.50"
    assert row["audited_epsilon"].below == ("ceiling 4.90",)
    assert row["inversion-restoration"].shown == "-"
    assert row["inversion-restoration"].sort == ""
    assert row["inversion-restoration"].why == "unscored: too slow"
    failed = dict(zip(COLUMNS, cells(entries["small-rnnt-pate-gnmax-eps10-seed0"]), strict=True))
    assert (failed["epsilon"].shown, failed["epsilon"].below) == ("10", ("asked for",))
    assert {failed[key].shown for key in ("wer", *HEADLINE, "audited_epsilon")} == {"-"}


def beside(tmp_path):
    """Return the entries of a run with controls, seeds and repeated secrets."""
    run = tmp_path / "run"
    for seed in (0, 1):
        for scheme, epsilon, rate in (("dpsgd", 1.0, 0.3), ("public", None, 0.4)):
            one = with_secrets(scheme, epsilon, seed, rate=rate, group_epsilon={"4": 4.8})
            more = {"auc_allowed": 0.5734, "leakages": one.leakages | MEMBERSHIP}
            write_record(one.model_copy(update=more), run)
    return run


MEMBERSHIP = {
    "membership": {"auc": measured(0.5)}, "membership-calibrated": {"auc": measured(0.6)},
}  # fmt: skip


def test_below_a_figure_stands_what_it_is_read_against(tmp_path):
    private, _, public, _ = read_entries([beside(tmp_path)])
    row = dict(zip(COLUMNS, cells(private), strict=True))
    _, less = row["wer"].below
    assert re.fullmatch(r"-\d+\.\d \[-\d+\.\d, -\d+\.\d\] less public", less)
    assert "by calibrated, of 2" in row["membership"].below
    assert "at most 0.573 allowed" in row["membership"].below
    control = dict(zip(COLUMNS, cells(public), strict=True))
    assert not any("less public" in line for line in control["wer"].below)


def test_cells_over_seeds_and_repeated_secrets_have_tables_of_their_own(tmp_path, site):
    pages = write_site(tmp_path / "site", [beside(tmp_path)]).parent
    index = (pages / "index.html").read_text(encoding="utf-8")
    over, repeated = re.findall(r'<section aria-labelledby="small-.*?</section>', index, re.S)
    assert ">Over seeds: small<" in over
    assert over.count("<tr>") == 1 + 2  # headings, and a row a cell
    assert '<th scope="col">WER less public</th>' in over
    assert ">Secrets by how often they are said: small<" in repeated
    assert "<td>4.8</td>" in repeated
    entry = next((pages / "entries").glob("small-rnnt-dpsgd*.html")).read_text(encoding="utf-8")
    assert "said 4 times, ε of 4 is 4.8" in entry
    assert "beside its controls" in entry
    # A run of one seed without repeated secrets has neither.
    assert "Over seeds" not in (site / "index.html").read_text(encoding="utf-8")


def test_the_first_chart_is_theory_practice_and_worst_case(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    first = re.search(r'<figure class="chart"><h3>(.*?)</h3><div id="(\S+)"', index)
    assert first.groups() == ("Theory, practice and worst case", "audit")


def test_what_is_proven_in_the_worst_case_and_of_the_mechanism_is_in_the_chart(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    bound = Estimate(0.85, 0.85, math.inf, 0.95, "canaries", ceiling=4.0)
    audit = MechanismAudit(
        kind="mechanism", scheme="dpsgd", event=HOSTILE, delta=1e-4, epsilon=1.0, audited=bound,
        assumes="nothing",
    )  # fmt: skip
    write_audit(audit, folder)
    site = write_site(tmp_path / "site", [folder]).parent
    script = (site / "assets/entries.js").read_text(encoding="utf-8")
    entries = json.loads(script.removeprefix("window.overheard = ").rstrip(";\n"))["entries"]
    proofs = {entry["name"]: entry["proofs"] for entry in entries}
    assert proofs["small-rnnt-dpsgd-eps1-seed0"]["audited_epsilon_mechanism"][0] == 0.85
    assert "audited_epsilon_mechanism" not in proofs["small-rnnt-none-seed0"]


def test_the_verdict_in_words():
    shown = verdict(record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4))
    assert shown.startswith("It promises ε = 9.98 at δ = 0.0001 per utterance.")
    assert "at least ε = 0.7, of at most 4.9" in shown
    assert verdict(record("rnnt-none-seed0", math.inf, 0.5, 0.4)).startswith("It promises nothing")
    silent = record("rnnt-none-seed0", 1.0, 0.5, 0.4, audited_epsilon=Estimate.unscored("no coins"))
    assert verdict(silent).endswith("Nothing was audited: no coins.")
    assert verdict(failed_record(CELLS["rnnt-none-seed0"], "x")) == "Nothing could be measured."


@pytest.mark.slow
def test_every_column_and_every_published_figure_is_explained():
    assert set(glossary.COLUMNS) == set(COLUMNS)
    assert set(glossary.CHANCE) == set(HEADLINE)
    for folder in published_runs():
        for one in read_records(folder):
            for figures in one.leakages.values():
                assert [name for name in figures if not glossary.explained(name)] == []


def test_figures_of_some_candidates_and_of_one_side_are_explained_by_their_parts():
    whole = glossary.explained("auc")
    assert glossary.explained("auc, gender female") == f"{whole} Among gender female alone."
    assert "not trained on" in glossary.explained("exposure_held_out")
    assert glossary.explained("nobody wrote this down") == ""


def test_a_promise_per_speaker_says_so(tmp_path):
    per_speaker = replace(promise(3.0), unit="speaker")
    coins, scores = {"a": True, "b": False}, {"membership": {"a": 1.0, "b": 0.0}}
    one = record(
        "rnnt-none-seed0", 3.0, 0.5, 0.4, guarantee=per_speaker, coins=coins, scores=scores
    )
    write_record(one, tmp_path / "run")
    (entry,) = read_entries([tmp_path / "run"])
    assert dict(zip(COLUMNS, cells(entry), strict=True))["epsilon"].below[-1] == "per speaker"
    site = write_site(tmp_path / "site", [tmp_path / "run"]).parent
    page = (site / "entries" / f"{entry.name}.html").read_text(encoding="utf-8")
    assert "rank whole speakers" in page
    assert "per speaker" in page


def test_runs_of_one_suite_are_joined_unless_their_conditions_differ(run, tmp_path):
    (cell,) = (
        c for c in parse_suite("s", SMALL.replace("\nepochs = 1", "\nepochs = 2")).cells()
        if c.id == "rnnt-none-seed0"
    )  # fmt: skip
    assert cell.conditions.digest != CELLS[cell.id].conditions.digest
    other = tmp_path / "other"
    write_record(record("rnnt-none-seed0", math.inf, 0.9, 0.1, cell=cell), other)
    entries = read_entries([run, other])
    assert len({entry.name for entry in entries}) == len(entries) == 7
    assert len({entry.suite for entry in entries}) == 2
    assert entries[-1].suite == f"small-{cell.conditions.digest[:6]}"

    twice = tmp_path / "twice"
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.2), twice)
    with pytest.raises(RecordError, match="of the same cell"):
        read_entries([run, twice])


@pytest.mark.slow
def test_on_the_command_line(run, tmp_path, monkeypatch, capsys):
    def overheard(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["overheard", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0

    monkeypatch.chdir(tmp_path)
    assert overheard("site", "new/site", str(run)) == 0
    assert capsys.readouterr().err == "page: new/site/index.html\n"
    assert (tmp_path / "new/site/index.html").is_file()
    assert overheard("site", "published") == 0
    index = (tmp_path / "published/index.html").read_text(encoding="utf-8")
    for folder in published_runs():
        assert f'data-suite="{folder.name}"' in index
    capsys.readouterr()
    assert overheard("site", str(run)) == 2
    assert capsys.readouterr().err.startswith(f"overheard: {run}: holds other files")
    assert overheard("site", "site", "nowhere") == 2
    assert capsys.readouterr().err == "overheard: nowhere: no such folder\n"
    assert overheard("export", str(run)) == 0
    assert capsys.readouterr().out == export([run], Format.CSV) + "\n"


def test_a_page_in_the_current_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_site(Path("."), [run]) == Path("index.html")
    assert (tmp_path / "index.html").is_file()


def test_an_empty_interval_is_not_drawn(tmp_path):
    point = Estimate(0.5, math.nan, math.nan, math.nan, "a point")
    bare = record("rnnt-none-seed0", math.inf, 0.5, 0.1, leakages={"membership": {"auc": point}})
    write_record(bare.model_copy(update={"wer": measured(0.1)}), tmp_path / "run")
    site = write_site(tmp_path / "site", [tmp_path / "run"]).parent
    script = (site / "assets/entries.js").read_text(encoding="utf-8")
    entry = json.loads(script.removeprefix("window.overheard = ").rstrip(";\n"))["entries"][0]
    assert entry["leak"]["membership"] == [0.5, None, None, None]
    assert entry["leak"]["canary"] == [None, None, None, None]


def test_models_that_others_trained_have_a_table_of_their_own(tmp_path):
    run = fill(tmp_path / "run")
    report(tmp_path / "mine", name=HOSTILE, looks=[look(asked=20), look()], look=2)
    _, models = runs_and_audits([tmp_path / "mine"])
    page = write_site(tmp_path / "page", [run], models).read_text()
    assert "Models trained elsewhere" in page
    assert "another game than any suite" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more</th>" in page
    assert HOSTILE not in page
    assert "1.50 [1.50, ∞)<small>one-run</small>" in page
    assert "by loss" in page
    assert "look 2 of 2" in page
    assert re.search(r'<td title="unscored: [^"]*">-</td>', page)
    # What is in the report is shown to nobody: it names private recordings.
    assert not [p for p in (tmp_path / "page").rglob("*") if p.name == "audit.json"]
    without = write_site(tmp_path / "page", [run]).read_text()
    assert "Models trained elsewhere" not in without
    assert "models-title" not in without


def test_a_report_stands_beside_the_published_suites(tmp_path, monkeypatch):
    quick = next(folder for folder in published_runs() if folder.name == "quick")
    monkeypatch.setattr("leaderboard.site.build.published_runs", lambda: [quick])
    report(tmp_path / "mine")
    words = ["site", str(tmp_path / "page"), str(tmp_path / "mine")]
    done = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert done.exit_code == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert "calls v2" in page
    assert 'value="quick"' in page
