"""Debian's Chromium, headless, for the tests of pages; and how they read and move what is there."""

import re
import shutil
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import sync_playwright

# No network is asked for anything, not even for the browser's own updates.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WATCH_POLICY = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(event.violatedDirective);
});
"""


@contextmanager
def chromium():
    """A browser, ended with the block. `make test` installs the program where it is missing."""
    program = shutil.which("chromium")
    assert program, "there is no program named chromium; run the tests with: make test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser, path, width=1280, **how):
    """A page from disk, in a window of that width, that must end without any complaint."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **how)
    context.add_init_script(WATCH_POLICY)
    page = context.new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: requests.append(request.url))
    address = path.resolve().as_uri()
    page.goto(address)
    try:
        page.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
    except Exception as error:
        raise AssertionError(f"the page is not ready: {complaints}") from error
    try:
        yield page
        assert complaints == []
        assert requests == [address]
        assert page.evaluate("refused") == []
    finally:
        context.close()


def text(page, path):
    """What the page shows of a signal, as text."""
    found = page.locator(f'[data-shows="{path}"]').all_inner_texts()
    assert found, path
    assert len(set(found)) == 1, found
    return found[0]


def number(page, path):
    return as_number(text(page, path))


def as_number(shown):
    """Number from text, whose minus sign may stand apart, and a plus sign before it."""
    return float(shown.replace("−", "-").replace(" ", "").replace(",", ""))


def typed(page, signal, value):
    """Write a number into the field beside a slider, as a user does."""
    field = page.locator(f'input[type="number"][data-signal="{signal}"]')
    field.fill(value if isinstance(value, str) else repr(float(value)))


def drag(page, signal, share):
    """Drag the thumb of a slider with the mouse to a share of its way; its value is returned."""
    slider = page.locator(f"#{signal}")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    low, high, now = (float(slider.evaluate(f"x => x.{key}")) for key in ("min", "max", "value"))
    # The thumb is about 16 pixels wide, and stays inside of the box.
    left, width, middle = box["x"] + 8, box["width"] - 16, box["y"] + box["height"] / 2
    page.mouse.move(left + width * (now - low) / (high - low), middle)
    page.mouse.down()
    page.mouse.move(left + width * 0.9, middle, steps=3)
    page.mouse.move(left + width * share, middle, steps=3)
    page.mouse.up()
    return float(slider.evaluate("x => x.value"))


def until(page, condition):
    """Wait for something that takes a moment. (Playwright's own waiting is eval, and forbidden.)"""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not happen within ten seconds")


def axis(page, chart, orient):
    """Slope and start of the line from pixels to the units of an axis, by its ticks."""
    ticks = page.locator(f"#chart-{chart} svg .role-axis").evaluate_all(
        """(axes) => axes.map((axis) => {
          const places = [...axis.querySelectorAll(".role-axis-tick line")].map((line) => {
            const [x, y] = line.getAttribute("transform").match(/-?[0-9.]+/g).map(Number);
            return [x, y];
          });
          const labels = [...axis.querySelectorAll(".role-axis-label text")];
          return {places, labels: labels.map((label) => label.textContent)};
        })"""
    )
    drawn = [found for found in ticks if found["labels"]]
    which = 0 if orient == "x" else 1
    found = next(t for t in drawn if len({place[which] for place in t["places"]}) > 1)
    pixels = [place[which] for place in found["places"]]
    slope, start = np.polyfit(pixels, [as_number(label) for label in found["labels"]], 1)
    return lambda pixel: start + slope * pixel


def place(page, chart, mark):
    """Where a chart has drawn its only symbol of a mark, in the units of its axes."""
    [symbol] = page.locator(f"#chart-{chart} svg .{mark} path").all()
    x, y = numbers(symbol.get_attribute("transform"))[:2]
    return axis(page, chart, "x")(x), axis(page, chart, "y")(y)


def numbers(attribute):
    return [float(found) for found in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", attribute)]


def corners(page, chart, mark):
    """Corners of a line of straight parts, in the units of its axes."""
    [line] = page.locator(f"#chart-{chart} svg .{mark} path").all()
    x, y = axis(page, chart, "x"), axis(page, chart, "y")
    at, found = [0.0, 0.0], []
    for letter, rest in re.findall(r"([MLHV])([^MLHV]*)", line.get_attribute("d")):
        values = numbers(rest)
        if letter == "H":
            at[0] = values[0]
        elif letter == "V":
            at[1] = values[0]
        else:
            at = values[:2]
        found.append((x(at[0]), y(at[1])))
    return np.array(found)
