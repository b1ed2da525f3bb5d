"""The pages in a real browser: the system's chromium, driven by Playwright, from file://."""

from __future__ import annotations

import math
import shutil
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.records.run_folder import write_record
from leaderboard.site.build import published_runs, write_site
from leaderboard.site.entries import read_entries
from tests.leaderboard.site.test_build import fill
from tests.leaderboard.views.test_table import CELLS, record

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

PHONE = {"width": 390, "height": 844}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff"
    "3f0005fe02fe0def46b80000000049454e44ae426082"
)


def beep(path: Path) -> None:
    """Write a quarter of a second of sound."""
    samples = [round(6000 * math.sin(i / 5)) for i in range(4000)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    run = fill(tmp_path_factory.mktemp("run"))
    las = CELLS["rnnt-none-seed0"].model_copy(update={"target": "las"})
    write_record(record("rnnt-none-seed0", math.inf, 0.9, 0.2, cell=las), run)
    (run / "spectrograms.png").write_bytes(PNG)
    for sound in (run / "sounds").iterdir():
        beep(sound)
    return write_site(tmp_path_factory.mktemp("pages") / "site", [run, *published_runs()]).parent


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        # Root may not use chromium's sandbox; all that is opened are our own files.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request) -> Iterator[playwright.Page]:
    """Open a page of which nothing may leave the machine and nothing may complain."""
    context = browser.new_context(**getattr(request, "param", {}))
    context.set_default_timeout(120_000)  # milliseconds: a busy machine is no fault of the page
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda asked: troubles.append(f"failed: {asked.url}"))
    local = ("file:", "data:", "blob:")
    page.on(
        "request",
        lambda asked: None if asked.url.startswith(local) else troubles.append(asked.url),
    )
    yield page
    assert troubles == []
    context.close()


def visible(page, column: str) -> list[str]:
    """Return the texts of a column in the rows that are shown, without the lines below."""
    return page.eval_on_selector_all(
        "#board tbody tr:not([hidden])",
        f"""(rows) => {{
            const at = document.querySelector("#board thead .{column}").cellIndex;
            return rows.map((row) => row.cells[at].innerText.split("\\n")[0]);
        }}""",
    )


def drawn(page, chart: str) -> int:
    return page.locator(f"#{chart} .scatterlayer .point").count()


def wait_until(page, condition):
    """Ask until a condition holds; the page's content policy forbids Playwright's own wait."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def test_it_loads_and_draws_every_chart(page, site):
    page.goto((site / "index.html").as_uri())
    assert page.locator("#board tbody tr:visible").count() == 7
    assert page.locator("#count").inner_text() == "7 entries"
    # Of seven records one is superseded, one failed and one is disqualified.
    assert drawn(page, "wer-epsilon") == 4
    assert page.locator("#legend span").all_inner_texts() == ["none", "dpsgd", "pate-gnmax"]
    assert page.locator("#pareto").get_by_text("las", exact=True).count() == 1
    # What promises 0, because it touches nothing private, has its place too.
    page.get_by_role("radio", name="quick").check()
    entries = [one for one in read_entries(published_runs()) if one.suite == "quick"]
    quick = [one for one in entries if not one.superseded_by]
    assert any(one.record.guarantee.epsilon == 0 for one in quick)
    wait_until(page, f"document.querySelectorAll('#wer-epsilon .point').length === {len(quick)}")
    region = page.locator("#audit .js-fill").first.get_attribute("d")
    assert region
    assert "NaN" not in region
    page.get_by_role("radio", name="small").check()
    page.select_option("#leak", "canary")
    page.get_by_text("exposure bits").nth(1).wait_for(state="attached")


def test_it_sorts_with_mouse_and_keyboard(page, site):
    page.goto((site / "index.html").as_uri())
    page.locator("#board thead .wer button").click()
    assert page.locator("#board thead .wer").get_attribute("aria-sort") == "ascending"
    rising = visible(page, "wer")
    assert rising == ["10.0", "20.0", "40.0", "50.0", "-", "-", "-"]
    page.locator("#board thead .wer button").press("Enter")
    assert page.locator("#board thead .wer").get_attribute("aria-sort") == "descending"
    assert visible(page, "wer") == ["50.0", "40.0", "20.0", "10.0", "-", "-", "-"]
    assert "sort=wer" in page.url
    page.reload()
    assert visible(page, "wer")[0] == "50.0"
    page.locator("#board thead .epsilon button").click()
    assert visible(page, "epsilon")[-2:] == ["-", "-"]
    assert page.locator("#board thead .wer").get_attribute("aria-sort") == "none"


def test_many_rows_are_shown_a_page_at_a_time(page, site):
    page.goto((site / "index.html").as_uri())
    assert page.locator("#more").is_hidden()
    page.evaluate("() => { most = 3; paginate(); }")
    assert page.locator("#count").inner_text() == "7 entries, the first 3 shown"
    page.locator("#board thead .wer button").click()
    assert visible(page, "wer") == ["10.0", "20.0", "40.0"]  # of all, not of those that were shown
    page.get_by_role("button", name="Show more").click()
    assert page.locator("#count").inner_text() == "7 entries"
    assert len(visible(page, "wer")) == 7
    page.evaluate("() => { most = 3; paginate(); }")
    page.get_by_role("button", name="Show all rows").click()
    assert len(visible(page, "wer")) == 7
    assert page.locator("#more").is_hidden()


def test_it_filters_table_and_charts(page, site):
    page.goto((site / "index.html").as_uri())
    page.select_option("[name=status]", "falsified")
    assert visible(page, "scheme") == ["dpsgd"]
    assert drawn(page, "wer-epsilon") == 1
    page.get_by_role("button", name="Show all").click()
    wait_until(page, "document.getElementById('count').textContent === '7 entries'")
    page.fill("[name=search]", "las none")
    assert visible(page, "target") == ["las"]
    page.fill("[name=search]", "nobody has this")
    assert page.locator("#nothing").is_visible()
    page.fill("[name=search]", "")
    page.get_by_role("radio", name="quick").check()
    published = [one for one in read_entries(published_runs()) if one.suite == "quick"]
    assert page.locator("#board tbody tr:visible").count() == len(published)
    assert not page.locator("#board thead .suite").is_visible()
    page.locator("[name=suite][value='']").check()
    assert page.locator("#board thead .suite").is_visible()
    assert page.locator("#mixed").is_visible()
    assert not page.locator("#charts").is_visible()


def test_it_opens_an_entry_and_plays(page, site):
    page.goto((site / "index.html").as_uri())
    page.locator("#small-rnnt-none-seed0 th a").click()
    assert "rnnt · none" in page.locator("h1").inner_text()
    page.locator("#roc .scatterlayer .trace").nth(2).wait_for(state="attached")
    made = len(list((site / "runs" / "run1" / "sounds").iterdir()))
    assert page.locator("audio").count() == made > 4
    played = page.evaluate(
        """async () => {
            const sound = document.querySelector("audio");
            sound.muted = true;
            const ended = new Promise((resolve) => sound.addEventListener("ended", resolve));
            await sound.play();
            await ended;
            return sound.currentTime;
        }"""
    )
    assert played == pytest.approx(0.25, abs=0.02)
    assert page.evaluate("document.querySelector('.panel img').naturalWidth") == 1
    page.get_by_text("Packages").click()
    assert page.get_by_text("pydantic", exact=True).is_visible()


def test_a_point_of_a_chart_opens_its_entry(page, site):
    page.goto((site / "index.html").as_uri())
    page.locator("#wer-epsilon").scroll_into_view_if_needed()
    point = page.locator("#wer-epsilon .scatterlayer .point").first.bounding_box()
    middle = point["x"] + point["width"] / 2, point["y"] + point["height"] / 2
    page.mouse.move(*middle)
    page.wait_for_selector("#wer-epsilon .hoverlayer .hovertext")
    assert "WER %" in page.locator("#wer-epsilon .hovertext").text_content()
    page.mouse.click(*middle)
    page.wait_for_url("**/entries/*.html")


def test_it_compares_two(page, site):
    page.goto((site / "index.html").as_uri())
    page.locator("#small-rnnt-none-seed0 input").check()
    assert "choose one more" in page.locator("#tray-text").inner_text()
    page.locator("#small-rnnt-dpsgd-eps1-seed0 input").check()
    page.locator("#tray-link").click()
    page.wait_for_selector("#comparison:not([hidden])")
    row = page.locator("#figures tbody tr", has_text="wer").first.locator("td")
    figures = [text.split("\n")[0] for text in row.all_inner_texts()]
    assert figures[:3] == ["0.1", "0.5", "+0.4"]
    page.locator("#roc .scatterlayer .trace").nth(2).wait_for(state="attached")
    page.select_option("#attack", "canary")
    page.get_by_role("button", name="Swap").click()
    page.get_by_text("-0.4", exact=True).wait_for()
    assert page.locator("#attack").input_value() == "canary"
    page.select_option("[name=b]", "quick-ctc-none-seed0")
    page.locator("#unlike").wait_for()
    page.select_option("[name=b]", "")
    assert page.locator("#waiting").is_visible()


def test_a_third_choice_takes_the_place_of_the_first(page, site):
    page.goto((site / "index.html").as_uri())
    boxes = page.locator("#board tbody tr:not([hidden]) input")
    for number in range(3):
        boxes.nth(number).check()
    assert [boxes.nth(number).is_checked() for number in range(3)] == [False, True, True]


@pytest.mark.parametrize(
    "page", [{"viewport": PHONE, "color_scheme": "dark", "has_touch": True}], indirect=True
)
def test_it_fits_a_phone_in_the_dark(page, site):
    for file in ("index.html", "compare.html", "entries/small-rnnt-none-seed0.html"):
        page.goto((site / file).as_uri())
        page.wait_for_timeout(300)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], file
        assert page.locator(".modebar-btn:visible").count() == 0, file
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert max(int(part) for part in ground[4:-1].split(",")) < 64


def test_on_paper_all_rows_and_charts_stand_and_nothing_else(page, site):
    page.goto((site / "index.html").as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    wait_until(page, "document.querySelector('#audit .main-svg').clientWidth === 660")
    assert not page.locator("#filters").is_visible()
    table = page.locator(".scroll.tall")
    assert table.evaluate("(e) => getComputedStyle(e).maxHeight") == "none"
    assert page.locator("#board").evaluate("(e) => getComputedStyle(e).color") == "rgb(0, 0, 0)"


def test_everything_can_be_reached_with_the_keyboard(page, site):
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    unnamed = page.eval_on_selector_all(
        "button, a[href], input, select, [tabindex='0']",
        """(all) => all.filter((e) => !(e.innerText || e.ariaLabel || e.labels?.length
            || e.getAttribute("aria-labelledby"))).map((e) => e.outerHTML)""",
    )
    assert unnamed == []
    outline = page.eval_on_selector(
        "#board thead .wer button", "(e) => { e.focus(); return e.matches(':focus-visible'); }"
    )
    assert outline
