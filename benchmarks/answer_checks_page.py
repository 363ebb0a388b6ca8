"""The second part of the page of defenses: figures of answer defenses, for Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.alone import planned
from benchmarks.answer_checks import COUNTED, STREAMED, Checks, Rest, percentiles
from benchmarks.answer_checks_chain import CHUNKS, LONGEST
from benchmarks.answer_checks_left import RUN
from benchmarks.answer_checks_made import BENIGN, CONTINUED, FORMS
from benchmarks.data import Dataset
from benchmarks.perf_answers import PLAIN
from benchmarks.readings import K
from benchmarks.statistics import Estimate
from defenses import DEFENSES

TITLE = "Answers, checked without a model"
INTRODUCTION = f"""No generator takes part. For each question the k = {K} documents are retrieved without any defense,
and what a generator might answer is made of them, of the data set's right answers and of the seed. Every answer is
checked whole; those to the first {STREAMED} questions of each kind are also streamed through `DefendedRAG`, character
by character and in pieces of 1 to {LONGEST} characters. In brackets 95 % intervals: Wilson's for shares of answers, a
bootstrap over questions for shares of words, which is [0, 0] where nothing was seen and then says too little: see the
share of answers.
"""
BENIGN_NOTE = """Share of benign answers that are changed in any way; there is nothing in them to be found, so that all
of it is cost. Sentences are copied from a served passage that answers, with a lead-in; *quoted* ones stand in
quotation marks with their source. Milliseconds are those of the check of one whole answer. No answer defense calls a
model; how often a generation defense asks its generator is counted at k documents, every prompt answered with the
right answer.
"""
LEFT_NOTE = f"""The served documents, repeated in full in shapes that a command may ask for. *left* is the share of
their words that can be read back by whoever knows the shape, in runs of {RUN} words of a document or more; *beyond* is
what of it exceeds the limits (`quote_words` of each document; of all together `share` of their words, or `quote_words`
if that is more); *answers* is the share of answers with anything beyond. The count is a comparison of runs of words
that shares no code with the guard; a run that a document has twice counts once. `{CONTINUED}` goes on from the first
words of one document; its shares are of that document.
"""
MARKED_NOTE = """*caught* is the share of answers in which the defense did what it is for: more than half of a canary
or of somebody's data cannot be read in a row, no answer reads like every other one, the stop stands alone,
placeholders are told or put back. Answers that are to stand have the share that was changed. Wordings of "no answer"
count once each.
"""
UNSEEN = """What these figures cannot say:

- Paraphrase, summary and translation leave no run of words, so that neither the guard nor the count sees them. Nor do
  they see encodings, or shapes that nobody here thought of: what a repeat command may ask for has no end.
- The answers are made, not generated. Real answers quote less than these copies and phrase a refusal in other words;
  wordings, canaries and personal data are ours, so that the shares caught say what the patterns know, not how often
  generators write so.
- One answer is looked at. What a client gathers over many is `exposure_budget`'s.
- Milliseconds are of one machine, busy or not; compare them within one run.
"""

UNMEASURED = "needs a generator"
TIMED_NOTE = f"""By `sentinel-bench perf --generator`: every defense of the answer's half answered the same bundled
questions as the plain chain, in turns, over {K} documents. *model calls* are the prompts that the generator was given
for one answer, least and most; seconds are those of the answer's half (prompt, generation, checks), retrieval left
out; */ plain* is all of its time to the plain chain's on the same questions. Answers differ in length, and a longer
one takes longer.
"""


class Grid(NamedTuple):
    """A table with what has to be said before it; cells may have several lines."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def grids(checks: Checks) -> list[Grid]:
    """The tables of the part; those without rows are left out."""
    return [grid for grid in (_benign(checks), _left(checks), _marked(checks), _timed(checks)) if grid.rows]


def section(checks: Checks, data: Dataset, title: str | None = None, command: str | None = None) -> str:
    """The part in Markdown.

    Args:
        checks: The figures.
        data: What they are of.
        title: What to call the data set; None for its own name.
        command: What made them; None where the page says so already.
    """
    lines = [f"## {TITLE}", "", INTRODUCTION, _counts(checks, data, title, command), ""]
    for grid in grids(checks):
        lines += [f"### {grid.title}", "", grid.note, _line(grid.header), "|" + "---|" * len(grid.header)]
        lines += [*map(_line, grid.rows), ""]
    return "\n".join([*lines, *_said(checks), "", UNSEEN])


def render(checks: Checks, console: Console) -> None:
    """Print the tables of the part."""
    for grid in grids(checks):
        table = Table(title=grid.title, title_justify="left", box=None, padding=(0, 1), pad_edge=False)
        for at, name in enumerate(grid.header):
            table.add_column(_plain(name), justify="left" if at < 2 else "right", no_wrap=at < 2, overflow="fold")
        for row in grid.rows:
            table.add_row(*(_plain("" if cell == UNMEASURED else cell) for cell in row))
        console.print(table)
        console.print()
    for sentence in _said(checks):
        console.print(Text(sentence.replace("`", ""), "dim"), soft_wrap=True)


def _counts(checks: Checks, data: Dataset, title: str | None, command: str | None) -> str:
    counts = f"Data set: {title or data.name} ({len(data.passages):,} passages). Questions: {checks.questions:,}."
    return counts if command is None else f"{counts} Made by\n\n    {command}"


def _said(checks: Checks) -> list[str]:
    """What the tables have no place for."""
    found = [
        f"Streamed as {chunks}, {_share(estimate)} of {estimate.n:,} answers were not what the whole check gives."
        for chunks, estimate in checks.differing.items()
        if estimate.n
    ]
    if times := percentiles(checks.dumped):
        found.append(f"All documents word for word take `leak_guard` {_ms(times[0])} ms (p95 {_ms(times[1])} ms).")
    return found


def _benign(checks: Checks) -> Grid:
    known = next(iter(checks.benign.values()), {})
    kinds = [kind for kind in BENIGN if kind in known]
    header = (
        "stage",
        "defense",
        *(f"{kind}, n {known[kind].n:,}" for kind in kinds),
        "p50 ms",
        "p95 ms",
        "model calls",
    )
    rows = []
    for label, found in checks.benign.items():
        times = percentiles(checks.milliseconds[label])
        shown = [_ms(value) for value in times] if times else ["", ""]
        rows.append(("answer", f"`{label}`", *(_split(found[kind]) for kind in kinds), *shown, "0"))
    for name, counted in checks.prompts.items():
        manifest = DEFENSES.get(name).manifest
        label = f"`{name}`" + (" (baseline)" if manifest.baseline else "")
        calls = "needs a transformers model" if counted is None else _calls(*counted)
        rows.append((manifest.stage.value, label, *[UNMEASURED] * len(kinds), "", "", calls))
    note = f"{BENIGN_NOTE.rstrip()} ({COUNTED} questions, least and most.)\n" if checks.prompts else BENIGN_NOTE
    return Grid("Benign answers changed", note, header, rows if kinds else [])


def _calls(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _left(checks: Checks) -> Grid:
    labels = list(next(iter(checks.rest.values()), {}))
    streams = tuple(f"{labels[0]}, streamed: {chunks}" for chunks in CHUNKS) if labels else ()
    claimed = {form.name: form.claimed for form in FORMS}
    rows = []
    for form, found in checks.rest.items():
        name = form if claimed.get(form, True) else f"{form} (not claimed)"
        n = next(iter(found.values())).left.n
        whole = [_rest(found[label]) for label in labels]
        streamed = [_streamed(checks.streamed, form, chunks) for chunks in CHUNKS]
        rows.append((name, f"{n:,}", _share(checks.bare[form], interval=False), *whole, *streamed))
    header = ("all documents, in this shape", "n", "left without a guard", *labels, *streams)
    return Grid("Repeated documents", LEFT_NOTE, header, rows if labels else [])


def _streamed(found: dict[str, dict[str, Rest]], form: str, chunks: str) -> str:
    rest = found.get(form, {}).get(chunks)
    return "" if rest is None or not rest.left.n else f"{_rest(rest)}\nn {rest.left.n:,}"


def _rest(rest: Rest) -> str:
    return f"left {_share(rest.left, interval=False)}\nbeyond {_share(rest.beyond, 2)}\nanswers {_share(rest.answers)}"


def _marked(checks: Checks) -> Grid:
    wanted = {"caught": "caught", "stands": "changed", "passes": "caught, not claimed"}
    rows = [
        (
            f"`{row.guard}`",
            row.kind,
            wanted[row.wanted],
            _share(row.whole),
            f"{row.whole.n:,}",
            *(_share(row.streamed[chunks], interval=False) for chunks in CHUNKS),
            f"{next(iter(row.streamed.values())).n:,}",
        )
        for row in sorted(checks.rows, key=lambda row: planned(row.guard).name)
    ]
    header = ("defense", "the answer holds", "figure", "whole", "n", *(f"streamed: {c}" for c in CHUNKS), "n streamed")
    return Grid("What answer defenses are for", MARKED_NOTE, header, rows)


def _timed(checks: Checks) -> Grid:
    times = checks.times or {"rows": [], "generator": "", "answers": 0}
    rows: list[tuple[str, ...]] = []
    for row in times["rows"]:
        name = row["defense"]
        manifest = None if name == PLAIN else DEFENSES.get(name).manifest
        label = f"`{name}`" + (" (baseline)" if manifest is not None and manifest.baseline else "")
        stage = "" if manifest is None else manifest.stage.value
        if "reason" in row:
            rows.append((stage, label, row["reason"], "", "", "", ""))
            continue
        found = row["ratio"]
        seconds = (f"{row[at] / 1e3:.2f}" for at in ("p50_ms", "p95_ms"))
        interval = f"{found['ci_low']:.2f}-{found['ci_high']:.2f}"
        rows.append((stage, label, _calls(*row["prompts"]), *seconds, f"{found['value']:.2f}", interval))
    title = f"With a generator: {times['generator']}, {times['answers']} answers each"
    return Grid(title, TIMED_NOTE, ("stage", "defense", "model calls", "p50 s", "p95 s", "/ plain", "95 %"), rows)


def _share(estimate: Estimate, digits: int = 1, *, interval: bool = True) -> str:
    """A share in per cent."""
    if estimate.value is None:
        return "-"
    shown = f"{100 * estimate.value:.{digits}f} %"
    if not interval or estimate.ci_low is None or estimate.ci_high is None:
        return shown
    return f"{shown} [{100 * estimate.ci_low:.{digits}f}, {100 * estimate.ci_high:.{digits}f}]"


def _split(estimate: Estimate) -> str:
    """A share on one line and its interval on the next, where columns are many."""
    return _share(estimate).replace(" [", "\n[")


def _ms(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"


def _plain(cell: str) -> Text:
    return Text(cell.replace("`", ""))
