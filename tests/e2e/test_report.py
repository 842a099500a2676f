"""iris report's page in a real browser: it opens offline, draws everything, and fits the window.

The browser is the system's Chromium; the fixtures are those of tests/golden/report.
"""

import subprocess

import pytest
from playwright.sync_api import sync_playwright

FIXTURES = ["good", "lost", "interrupted", "cut_off", "no_limits", "hostile"]
SCENARIOS = {"good": 4, "lost": 1, "interrupted": 2, "cut_off": 3, "no_limits": 2, "hostile": 1}
CHARTS_PER_SCENARIO = 6
WIDTHS = [1280, 400]


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update",
                  "--disable-sync"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(iris, repo, tmp_path_factory):
    """The path of each fixture's page, made once."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name in FIXTURES:
        made[name] = folder / f"{name}.html"
        subprocess.run(
            [str(iris), "report", f"tests/golden/report/{name}.jsonl", "--html", str(made[name])],
            cwd=repo, check=True, capture_output=True, timeout=60)
    return made


class Visit:
    """A page opened in a browser without a network, and what went wrong while it was."""

    def __init__(self, browser, path, width, **options):
        self.problems = []
        self.requests = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, **options)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.problems.append(message.text)
                     if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def close(self):
        self.context.close()


@pytest.fixture
def visit(browser, pages):
    visits = []

    def open_page(name, width, **options):
        visits.append(Visit(browser, pages[name], width, **options))
        return visits[-1]

    yield open_page
    for each in visits:
        each.close()


# How many charts have something drawn on them: dygraphs' first canvas of each holds the lines.
DRAWN = """() => [...document.querySelectorAll('.plot:not(.empty)')].filter((plot) => {
  const canvas = plot.querySelector('canvas');
  if (!canvas || !canvas.width || !canvas.height) return false;
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let i = 3; i < pixels.length; i += 4) inked += pixels[i] > 0;
  return inked > canvas.width;
}).length"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FIXTURES)
def test_the_page_draws_every_chart_and_fits(visit, name, width):
    page = visit(name, width)
    assert page.problems == []
    assert len(page.requests) == 1, "the page fetched something"
    scenarios = SCENARIOS[name]
    charts = scenarios * CHARTS_PER_SCENARIO + (scenarios > 1)
    unmeasured = scenarios if name == "no_limits" else 0  # throttling, without limits
    assert page.page.locator(".chart").count() == charts
    assert page.page.locator(".plot.empty").count() == unmeasured
    assert page.page.evaluate(DRAWN) == charts - unmeasured
    overflow = page.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"the page is {overflow} pixels too wide"


def test_every_chart_is_as_wide_as_its_place(visit):
    page = visit("good", 1280).page
    misfits = page.evaluate("""() => [...document.querySelectorAll('.plot')].filter((plot) =>
        Math.abs(plot.querySelector('canvas').getBoundingClientRect().width - plot.clientWidth) > 1
    ).length""")
    assert misfits == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_opened_decisions_stay_inside_the_page(visit, width):
    page = visit("good", width).page
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("details[open] table tbody tr").count() > 4 * 13
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_records_cannot_run_scripts(visit):
    page = visit("hostile", 1280)
    assert page.page.evaluate("window.broken") is None
    assert page.page.locator("main img, main svg, main script, main b b").count() == 0
    # The policy of the page would hold even if the escaping did not.
    page.page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.broken = 9';
        document.body.append(script);
    }""")
    assert page.page.evaluate("window.broken") is None


def test_the_cursor_is_shared_by_the_charts_of_a_scenario(visit):
    page = visit("good", 1280).page
    first = page.locator("#s0 .plot").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    page.wait_for_selector("#s0 .tooltip")
    assert page.locator("#s0 .tooltip").count() == CHARTS_PER_SCENARIO
    assert page.locator("#s1 .tooltip").count() == 0
    times = page.locator("#s0 .tooltip b").all_inner_texts()
    assert len(set(times)) == 1
    # The page's figures, read back from what the cursor says.
    text = page.locator("#s0 .tooltip").nth(2).inner_text()
    assert "all 6" in text and "iris-api-3" in text
    page.mouse.move(2, 2)
    page.wait_for_selector("#s0 .tooltip", state="detached")


def test_zooming_into_one_chart_zooms_into_all_of_its_scenario(visit):
    page = visit("good", 1280).page
    first = page.locator("#s0 .plot").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    middle = box["y"] + box["height"] / 2
    before = page.locator("#s0 .dygraph-axis-label-x").all_inner_texts()
    untouched = page.locator("#s1 .dygraph-axis-label-x").all_inner_texts()
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    page.mouse.up()
    after = page.locator("#s0 .dygraph-axis-label-x").all_inner_texts()
    assert after != before
    assert len(after) % CHARTS_PER_SCENARIO == 0
    labels = after[: len(after) // CHARTS_PER_SCENARIO]
    assert after == labels * CHARTS_PER_SCENARIO
    assert page.locator("#s1 .dygraph-axis-label-x").all_inner_texts() == untouched


def test_figures_that_were_not_measured_are_dashes_with_a_reason(visit):
    page = visit("interrupted", 1280).page
    row = page.locator(".results tbody").nth(1).locator("tr").first
    errors = row.locator("td[data-label=Errors]")
    assert errors.inner_text() == "–"
    assert "not measured" in errors.get_attribute("title")
    assert row.locator("td[data-label='Probe p99']").inner_text() == "–"


def test_both_colour_schemes(visit):
    def background(scheme):
        page = visit("good", 1280, color_scheme=scheme).page
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = background("light"), background("dark")
    brightness = [sum(int(part) for part in color[4:-1].split(",")) for color in (light, dark)]
    assert brightness[0] > 600 and brightness[1] < 150


def test_the_printed_page_has_its_decisions_opened(visit):
    page = visit("good", 1280).page
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
