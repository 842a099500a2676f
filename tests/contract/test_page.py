"""The page at /, driven in real Chromium: it fits, it predicts, its figures move, it breaks no policy."""

import pytest
import requests
from playwright.sync_api import expect, sync_playwright


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


@pytest.fixture
def open_page(browser, server):
    """Opens the page; at the end nothing may have been logged, failed or asked of anybody else."""
    pages = []
    faults = []
    # A refused prediction is a status that Chromium logs, too.
    meant = ["the server responded with a status of 400"]

    def check_request(request):
        if not request.url.startswith((server.url, "data:")):
            faults.append(f"asks {request.url}")

    def check_message(message):
        if not any(text in message.text for text in meant):
            faults.append(message.text)

    def open_one(width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        pages.append(page)
        page.on("console", check_message)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", check_request)
        page.goto(f"{server.url}/")
        return page

    open_one.meant = meant
    yield open_one
    for page in pages:
        page.close()
    assert not faults


def test_it_predicts_what_is_filled_in(open_page):
    page = open_page()
    expect(page.locator("#name")).to_have_text("model")
    expect(page.locator("#label")).to_have_text("setosa")  # of the example that is there at first
    for name, value in [("sepal_length", 6.3), ("sepal_width", 3.3), ("petal_length", 6.0),
                        ("petal_width", 2.5)]:
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#label")).to_have_text("virginica")
    expect(page.locator(".bar")).to_have_count(3)
    expect(page.locator(".bar.best")).to_contain_text("virginica")
    expect(page.locator("#predict-command")).to_contain_text("[[6.3,3.3,6,2.5]]")
    page.get_by_role("button", name="versicolor").click()
    expect(page.locator("#label")).to_have_text("versicolor")


def test_it_shows_why_a_prediction_is_refused(open_page):
    page = open_page()
    page.get_by_label("sepal_width").fill("abc")
    page.get_by_label("sepal_width").press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        'instances[0][1]: expected a number, got string "abc"')
    page.get_by_label("sepal_width").fill("3.5")
    page.get_by_label("sepal_width").press("Enter")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_live_figures_move(open_page, server):
    page = open_page()
    expect(page.get_by_role("status")).to_have_text("serving")
    expect(page.locator("#rate")).to_have_text("0")
    with requests.Session() as session:
        for _ in range(100):
            session.post(f"{server.url}/predict", json={"instances": [[1, 2, 3, 4]]}, timeout=10)
    expect(page.locator("#rate")).not_to_have_text("0")
    for figure in ("#p50", "#p99"):
        expect(page.locator(figure)).to_contain_text("≤")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits(open_page, width, scheme):
    page = open_page(width, scheme)
    expect(page.locator("#label")).to_have_text("setosa")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # Nothing within reaches beyond what holds it.
    assert page.evaluate("""() => [...document.querySelectorAll('.card *, .figures strong')]
        .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
        .map((e) => e.outerHTML.slice(0, 80))""") == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 21, 28)"
    assert dark == (scheme == "dark")


def test_nothing_but_its_own_parts_runs(open_page, server):
    policy = requests.get(f"{server.url}/", timeout=10).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    open_page.meant.append("Content Security Policy")
    page = open_page()
    assert page.evaluate("""() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      return new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve('violation'));
        document.body.append(script);
        setTimeout(() => resolve(String(window.injected)), 1000);
      });
    }""") == "violation"
