"""report.html: self-contained, escaped, whole, the same every time, and shown by a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from benchmarks import _charts as charts
from benchmarks.frontier import standings
from benchmarks.report import command, headline, html, write_report
from sentinel.errors import DataError

VOID = {"meta", "br"}
DRAWN = {"line", "circle", "polyline"}
POLICIES = ("none", "always_on", "rules")
Figure = tuple[float | None, float | None, float | None]
FIGURES: dict[tuple[str, str], list[Figure]] = {
    ("benign", "recall_ratio@5"): [(1.0, 1.0, 1.0), (0.4857, 0.41, 0.56), (0.9767, 0.95, 1.0)],
    ("benign", "overhead_ms_p50"): [(0.003, 0.0029, 0.0031), (14.7194, 7.37, 16.25), (1.0549, 1.0, 1.1)],
    ("mba", "auc"): [(0.9, 0.85, 0.95), (0.97, 0.92, 1.0), (0.5333, 0.5, 0.667)],
    ("mba", "advantage"): [(1.0, 1.0, 1.0), (0.667, 0.41, 0.91), (None, None, None)],
    ("poisonedrag", "exposure_rate"): [(1.0, 0.886, 1.0), (0.7, 0.52, 0.83), (0.0, 0.0, 0.114)],
}


def made_summary(name: str = "corpus", limit: int | None = 30) -> dict[str, Any]:
    cells = [
        {
            "dataset": name, "group": group, "policy": policy, "attack": attack, "metric": metric, "stage": "context",
            "value": value, "n": 29, "ci_low": low, "ci_high": high, "errors": number, "not_retrieved": 2 * number,
        }
        for (attack, metric), figures in FIGURES.items()
        for number, (policy, (value, low, high)) in enumerate(zip(POLICIES, figures, strict=True))
        for group in (None, "nq")
    ]  # fmt: skip
    run = {
        "schema": 1, "version": "0.1.0", "code": "c0de", "data": {"name": name, "hash": "abcd"}, "seed": 7,
        "policies": {policy: {} for policy in POLICIES}, "attacks": ["benign", "mba", "poisonedrag"], "metrics": None,
        "embeddings": "sha256:1", "generator": "none", "calibration": "auto", "limit": limit, "k": 5,
    }  # fmt: skip
    return {"schema": 1, "run": run, "cells": cells}


class Page(HTMLParser):
    """Checks that what is opened is closed, in order, and gathers tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute of {tag} stands twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in DRAWN
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def test_the_page_is_well_formed_and_accessible() -> None:
    page = Page(html(made_summary()))
    assert page.open == []
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes.get("aria-label") or attributes.get("aria-labelledby")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        assert set((attributes.get("aria-labelledby") or "").split()) <= set(ids)
    assert ("html", {"lang": "en"}) in page.tags


def test_the_page_is_self_contained() -> None:
    text = html(made_summary())
    page = Page(text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\bsrcset\b", text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not [a for _, a in page.tags if {"src", "href", "xlink:href", "data"} & a.keys()]
    assert not [key for _, a in page.tags for key in a if key.startswith("on")]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "{{ 7*7 }}&amp;"])
def test_names_are_escaped(evil: str) -> None:
    summary = made_summary(evil)
    for cell in summary["cells"]:
        cell["group"] = cell["group"] and evil
    summary["run"]["policies"] = {evil: {}}
    summary["run"]["embeddings"] = evil
    text = html(summary)
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert not [key for _, a in page.tags for key in a if key.startswith("on")]
    assert evil in "".join(page.text)
    assert "<script" not in text
    assert "49&" not in text


def test_policy_names_are_escaped_where_they_stand_in_charts_and_titles() -> None:
    evil = '"><script>x</script>'
    summary = made_summary()
    for cell in summary["cells"]:
        cell["policy"] = evil if cell["policy"] == "rules" else cell["policy"]
    page = Page(html(summary))
    assert "script" not in {tag for tag, _ in page.tags}
    assert any(evil in (attributes.get("title") or "") for _, attributes in page.tags)


def test_every_figure_is_there() -> None:
    summary = made_summary()
    rows = {tuple(row) for row in Page(html(summary)).rows}
    for cell in summary["cells"]:
        digits = "{:.4g}" if "_ms_" in cell["metric"] else "{:.3f}"
        numbers = ["–" if cell[k] is None else digits.format(cell[k]) for k in ("value", "ci_low", "ci_high")]
        names = (cell["policy"], cell["attack"], cell["group"] or "all", cell["metric"], cell["stage"])
        assert (*names, *numbers, str(cell["n"]), str(cell["errors"]), str(cell["not_retrieved"])) in rows


def test_the_main_table_says_in_words_what_its_marks_say() -> None:
    titles = [a["title"] for tag, a in Page(html(made_summary())).tags if tag == "td" and a.get("title")]
    assert len(titles) == 9
    assert (
        "always_on, mba: auc 0.970, 95 % interval 0.92 to 1.00, n = 29, errors 1, not retrieved 2, "
        "worse than no defense" in titles
    )
    text = html(made_summary())
    assert text.count('aria-label="worse than no defense"') == 2


def test_many_attacks_stand_in_a_table_for_each_family(monkeypatch: pytest.MonkeyPatch) -> None:
    assert html(made_summary()).count('<tr class="families">') == 1
    monkeypatch.setattr("benchmarks.report.WIDEST", 2)
    text = html(made_summary())
    assert text.count('<tr class="families">') == 3
    assert text.count("added ms p50</th>") == 1
    assert Page(text).open == []


def test_the_same_summary_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(made_summary()))
    path = write_report(tmp_path)
    first = path.read_bytes()
    assert path == tmp_path / "report.html"
    assert write_report(tmp_path).read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "summary.json"]


def test_no_summary_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"summary\.json"):
        write_report(tmp_path)


def test_runs_that_hold_little() -> None:
    summary = made_summary(limit=None)
    assert "trial:" not in html(summary)
    summary["cells"] = [cell for cell in summary["cells"] if cell["attack"] == "mba"]
    text = html(summary)
    assert Page(text).open == []
    assert "The trade" not in text  # nothing is known of users
    summary["cells"] = []
    assert Page(html(summary)).open == []
    for cell in (summary := made_summary())["cells"]:
        cell.update(value=None, ci_low=None, ci_high=None)
    assert Page(html(summary)).open == []


def test_targets_that_were_made_are_told() -> None:
    summary = made_summary()
    assert "Made of its text by rule" not in html(summary)
    summary["run"]["data"]["made"] = {"poison": 40}
    assert "The data set brings no poison.jsonl. Made of its text by rule: false claims on 40 questions" in html(
        summary
    )


def test_the_headline() -> None:
    points = [charts.Point("none", 1.0, 1.0), charts.Point("bad", 0.5, 0.9), charts.Point("good", 0.98, 0.1)]
    assert headline("x", points) == (
        "On x, good keeps 98% of benign recall and leaves attackers 0.10 of full success, "
        "against 1.00 with no defense. "
        "At the other end, bad keeps 50% of benign recall and leaves attackers 0.90 of full success."
    )
    assert "At the other end" not in headline("x", points[::2])
    assert headline("x", points[:1]).startswith("No defense can be placed")


def test_success_is_the_mean_over_attacks_that_the_terminal_prints() -> None:
    # none: mba (0.9 - 0.5) * 2 = 0.8, poisonedrag 1.0; always_on: 0.94, 0.7; rules: 0.0666, 0.
    text = html(made_summary())
    assert "none: benign recall kept 1.00, mean attack success 0.90, on the frontier." in text
    assert "rules: benign recall kept 0.98, mean attack success 0.03, on the frontier." in text
    assert "always_on: benign recall kept 0.49, mean attack success 0.82. " in text
    # A second attack of one family counts as much as the only one of the other: (0.8 + 0.8 + 1) / 3.
    summary = made_summary()
    summary["cells"] += [{**cell, "attack": "s2mia"} for cell in summary["cells"] if cell["attack"] == "mba"]
    text = html(summary)
    assert "none: benign recall kept 1.00, mean attack success 0.87, on the frontier." in text
    for row in standings(summary):
        assert f"{row.policy}: benign recall kept {row.recall:.2f}, mean attack success {row.success:.2f}" in text


def test_the_frontier() -> None:
    a, b, c, d = (charts.Point(n, k, g) for n, k, g in (("a", 1, 1), ("b", 0.9, 0.2), ("c", 0.9, 0.3), ("d", 0.5, 0.1)))
    assert [p.name for p in charts.frontier([a, b, c, d])] == ["d", "b", "a"]
    assert charts.frontier([b, charts.Point("twin", 0.9, 0.2)])[1].name == "twin"
    assert charts.scatter([a, b, c, d]).frontier.count(" ") == 4  # three points, two corners


def test_labels_keep_clear_of_each_other_and_inside() -> None:
    points = [charts.Point(f"policy-{n}", 0.97 + n / 500, 0.02 + n / 300) for n in range(9)]
    boxes = []
    for mark in charts.scatter(points).marks:
        length = len(mark.point.name) * charts.LETTER
        left = mark.label_x - (length if mark.anchor == "end" else 0)
        assert charts.LEFT < left < left + length < charts.WIDTH
        boxes.append((left, mark.label_y, left + length))
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert abs(one[1] - other[1]) >= 13 or one[2] <= other[0] or other[2] <= one[0]


def test_the_command_repeats_the_run_and_is_quoted() -> None:
    run = made_summary("my corpus; rm -rf x")["run"]
    assert command(run) == (
        "sentinel-bench run --data 'PATH/TO/my corpus; rm -rf x' --policies none,always_on,rules "
        "--attacks benign,mba,poisonedrag --generator none --calibration auto --limit 30 --k 5 --seed 7"
    )
    assert "--data bundled " in command(run | {"data": {"name": "bundled", "hash": ""}})


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=2000 --dump-dom "
    "--proxy-server=127.0.0.1:9"  # nobody listens there: the network is off
).split()
# Put in by the test, never by the report: measures what the page shows and writes it into the DOM.
PROBE = """<script>
const seen = (s) => [...document.querySelectorAll(s)].map((e) => e.getBoundingClientRect());
const shown = (s) => { const r = seen(s); return r.length > 0 && r.every((b) => b.width > 50 && b.height > 20); };
document.body.setAttribute("data-probe", JSON.stringify({
  table: shown("main > .wide table"), svg: shown("svg"), dots: seen("svg circle").length,
  wide: document.documentElement.scrollWidth - innerWidth,
  outside: performance.getEntriesByType("resource").length,
}));
</script></body>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 500])
def test_a_real_browser_shows_it(tmp_path: Path, width: int) -> None:
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine, and CI must have one: apt-get install chromium")
        pytest.skip("NOT TESTED in a browser: no Chromium on this machine (apt-get install chromium)")
    text = html(made_summary())
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert policy in text
    page = tmp_path / "report.html"
    page.write_text(
        text.replace(policy, f"{policy}; script-src 'unsafe-inline'").replace("</body>", PROBE), encoding="utf-8"
    )
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--window-size={width},1000", f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'data-probe="([^"]*)"', done.stdout)
    assert found, done.stderr
    seen = json.loads(found[1].replace("&quot;", '"'))
    assert seen["table"]
    assert seen["svg"]
    assert seen["dots"] == 12  # three policies in the scatter and in each of three charts
    assert seen["wide"] <= 0  # what is too wide scrolls by itself, never the page
    assert seen["outside"] == 0
    assert "CONSOLE" not in done.stderr
