"""The report's page with hostile words, and for those who do not see or do not use a mouse."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from axe import faults
from browser import chromium, opened
from hostile_words import HALVES, WORDS
from report_pages import MADE, fitted, page_file, spread_of

from oddsmith import LogisticRegression
from oddsmith.cli import main
from oddsmith.core.labels import printable
from oddsmith.data.tables import read_table
from oddsmith.decisions.comparison import Comparison, Difference, Score
from oddsmith.estimators.description import describe
from oddsmith.views.pages.report.document import Examples, Judged, Report, Spread

N = 400


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def hostile_report(labels):
    """A report all of whose words are hostile: names, levels, labels, target, title, messages."""
    rng = np.random.default_rng(3)
    numbers, levels = WORDS[: len(WORDS) // 2], WORDS[len(WORDS) // 2 :]
    columns = {name: rng.normal(size=N) for name in numbers}
    columns["<i>levels"] = np.array(levels * N, dtype=object)[:N]
    frame = pd.DataFrame(columns)
    y = rng.integers(0, len(labels), N)
    model = LogisticRegression(C=1.0).fit(frame, np.array(labels, dtype=object)[y])
    warnings = (*WORDS, *HALVES)
    described = describe(model, MADE)
    training = dataclasses.replace(described.training, warnings=tuple(WORDS), solver=WORDS[0])
    certificate = dataclasses.replace(described.certificate, aliased=tuple(WORDS), converged=False)
    described = dataclasses.replace(
        described, training=training, certificate=certificate, target=f"{WORDS[4]}!"
    )
    truth = np.searchsorted(model.classes_.astype(str), np.array(labels)[y])
    table = read_table(frame)
    encoded = described.encoding.rows(table)
    rows = np.asarray(encoded.todense()) if hasattr(encoded, "todense") else encoded
    judged = Judged(f"{HALVES[1]}{WORDS[1]}", None, truth, described.predict_proba(encoded))
    return Report(
        f"{WORDS[0]}{HALVES[0]}",
        WORDS[3],
        described,
        tuple((word, word) for word in warnings),
        judged,
        _spread(table, rows),
        Examples(np.arange(20), WORDS[5], tuple(read_table(frame[:20])), truth[:20], N),
        model.history_,
        _comparison(),
        (1.0, 2.0),
        warnings,
    )


def _spread(table, rows):
    low, high, typical = [], [], []
    for column in table:
        numbers = column.kind == "number"
        low.append(column.values.min() if numbers else np.nan)
        high.append(column.values.max() if numbers else np.nan)
        typical.append(float(np.median(column.values)) if numbers else column.levels[0])
    plain = spread_of(rows)
    return Spread(np.array(low), np.array(high), tuple(typical), plain.mean, plain.deviation)


def _comparison():
    scores = tuple(Score(word, 0.1, 0.9, 0.2) for word in (*WORDS, *HALVES))
    first = WORDS[0]
    differences = tuple(
        Difference(first, word, measure, 0.1, 0.1, -0.1, 0.3, 0.5)
        for word in (*WORDS[1:], *HALVES)
        for measure in ("log_loss", "auc", "cost")
    )
    return Comparison(scores, differences, 0.95, N, tuple(WORDS))


@pytest.fixture(scope="module", params=[2, 3, len(WORDS)], ids=lambda k: f"{k} classes")
def hostile(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    labels = {2: WORDS[-2:], 3: WORDS[:3]}.get(request.param, WORDS)
    return page_file(folder, hostile_report(sorted(labels)))


def embedded(path):
    """What the page's scripts read."""
    page = path.read_text(encoding="utf-8")
    [text] = re.findall(r'id="page">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def attributes_and_text(page):
    return page.evaluate(
        """() => {
          const found = [document.title];
          for (const element of document.querySelectorAll("body *")) {
            if (element.localName === "script") continue;
            for (const attribute of element.attributes) found.push(attribute.value);
            const texts = [...element.childNodes].filter((child) => child.nodeType === 3);
            found.push(...texts.map((child) => child.data));
          }
          return found;
        }"""
    )


def check_harmless(page):
    assert page.evaluate("'hacked' in window") is False
    assert page.evaluate("({}).hacked") is None
    strange = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) =>
          ["iframe", "img", "image", "object", "embed", "base", "link"].includes(element.localName)
          || (element.localName === "form" && element.className !== "vega-bindings")
          || [...element.attributes].some((a) => a.name.startsWith("on") || a.name === "src"
            || (a.name.endsWith("href") && !a.value.startsWith("#")))
        ).map((element) => element.outerHTML)"""
    )
    assert strange == []
    shown = "".join(attributes_and_text(page))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029\0\x1b\ud800-\udfff]", shown)


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_words_are_shown_and_never_run(browser, hostile, width):
    with opened(browser, hostile, width) as page:
        check_harmless(page)
        every = "\n".join(attributes_and_text(page))
        for word in (*WORDS, *HALVES):
            assert printable(word).strip() in every, word
        assert page.title() == f"{printable(WORDS[0])}{printable(HALVES[0])}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_words_stay_harmless_when_the_page_is_used(browser, hostile):
    with opened(browser, hostile) as page:
        for select in page.locator("select:visible").all():
            count = min(select.locator("option").count(), 6)
            for k in range(count):
                select.select_option(index=k)
        for head in page.locator("#coefficients-table thead button").all():
            head.click()
        page.get_by_label("per unit").check()
        for word in ("__proto__", "constructor", "<script>", "${", "\\", "\0"):
            page.fill("#coefficients-search", word)
            page.wait_for_timeout(20)
        page.fill("#coefficients-search", "__proto__")
        assert page.locator("#coefficients-table tbody tr").count() >= 1
        for button in page.locator("main button:visible").all()[:60]:
            if button.is_enabled():
                button.click()
        check_harmless(page)
        page.fill("#coefficients-search", "")
        shown = page.locator("#coefficients-table tbody th").evaluate_all(
            "(heads) => heads.map((head) => (head.querySelector('[title]') ?? head))"
            ".map((place) => place.title || place.textContent)"
        )
        names = embedded(hostile)["data"]["coefficients"]["names"]
        assert sorted(shown) == sorted(names)
        inside = page.locator("#coefficients-table tbody th *")
        assert {part.evaluate("(one) => one.localName") for part in inside.all()} == {"span"}
        assert not page.locator("#coefficients-table tbody th span *").count()


def test_hostile_words_are_values_only(hostile):
    """No expression, name of a field or of a data set depends on what strangers wrote."""
    charts = embedded(hostile)["charts"]
    for chart in charts.values():
        for signal in chart["signals"]:
            signal.pop("value", None)
        for data in chart["data"]:
            data.pop("values", None)
    words = json.dumps(charts)
    assert not any(word in words for word in ("hacked", "</", "onmouseover", "7*7", "HYPERLINK"))


def test_a_policy_stands_before_everything_else(hostile):
    page = hostile.read_text(encoding="utf-8")
    head = page[: page.index("<style>")]
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', head)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    assert all(source.startswith("'sha256-") for source in rules["script-src"].split())
    assert head.index("Content-Security-Policy") < head.index("<title>")


# ---- for everybody ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    lesson = folder / "lesson.html"
    assert main(["lesson", "clusters", "--out", str(lesson)]) == 0
    wide = fitted(coef=(tuple(np.linspace(-1, 1, 13)),), infer=False, C=1.0)
    full = dataclasses.replace(fitted(), comparison=_comparison(), notes=("A note.",))
    return {
        "lesson": lesson,
        "report": page_file(folder, full, "report"),
        "classes": page_file(folder, fitted(coef=np.eye(4), C=1.0, infer=False), "classes"),
        "wide": page_file(folder, wide, "wide"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["lesson", "report", "classes", "wide"])
def test_axe_finds_no_serious_fault(browser, pages, name, width, scheme):
    assert faults(browser, pages[name], width=width, color_scheme=scheme) == []


def test_axe_finds_faults_where_there_are_some(browser, pages, tmp_path):
    text = pages["report"].read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace('<label for="', '<label data-was="').replace('lang="en"', ""))
    found = " ".join(faults(browser, broken))
    assert "html-has-lang" in found
