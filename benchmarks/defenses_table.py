"""`sentinel-bench defenses`: one table of what each defense costs and takes, alone and for every request."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from langchain_core.embeddings import Embeddings

from benchmarks import alone, answer_checks_page, perf_answers
from benchmarks.alone import BENIGN, Figures, Subject, attacks_on, manifests
from benchmarks.answer_checks import Checks, check_answers
from benchmarks.data import Dataset
from benchmarks.own_targets import attacked_data, counted, told
from benchmarks.readings import K
from benchmarks.statistics import Estimate
from defenses import DEFENSES
from sentinel.errors import ConfigurationError
from sentinel.manifest import Need, Stage
from strategist.embeddings import load_embeddings

LIMIT = 200
RATIO_TO = ("trustrag",)
COMBINED: dict[str, Subject] = {
    "document filters together": (
        "echo_filter",
        "gibberish_filter",
        "cluster_filter",
        "instruction_filter",
        "jamming_filter",
    ),
    "membership defenses together": ("hide_probed", "hide_for_client"),
}
VARIANTS: tuple[Subject, ...] = (("dp_retrieval epsilon=0.3",), ("dp_retrieval epsilon=0.1",))
"""Other parameters that are needed to judge a defense: the privacy of a threshold is a frontier, not a point."""
MEASURED = (Stage.QUERY, Stage.RETRIEVAL, Stage.CONTEXT)
Part = Literal["documents", "answer"]
"""A part of the page: defenses of queries and documents, or of answers."""
_LOWER = ("exposure_rate", "auc")
_SHOWN = {"exposure_rate": "exposure", "recall_vs_clean@5": "recall", "auc": "auc"}

PREFACE = """# Defenses, each alone

Every defense of queries and documents, switched on for **every** request, at default parameters unless a row says
otherwise; policies switch them on where a request is worth it, and pay less. *Benign* columns are gold recall@5
relative to no defense on the same questions: unrelated questions, follow-ups on one document, and questions whose
form resembles an attack's. *Under attack*: `exposure` is the share of targets with a planted document among the five
served, `recall` the gold recall@5 relative to no defense before anything was planted, `auc` how well members are told
from non-members (0.5 is a coin). In brackets 95 % intervals; n counts targets, or sessions. Three times k candidates
are fetched, so that what is dropped is replaced. No language model takes part: the reader is the ideal one, an upper
bound for the attacker. Milliseconds are the defense's own, over 15 candidates whose texts the process has met before.

*Better than* names published baselines with the traffic under which this form is no worse on any axis (benign recall
on unrelated questions, and every figure under that attack) and better on one, and better than no defense: point
estimates, not tests. A form of ours that is better than no baseline says "none".
"""
NOTES = """
## What the table cannot say

- `dp_retrieval` guarantees the privacy of a threshold and of nothing else. What is served are true documents chosen by
  true similarities, so that a target that comes is recognised: at a useful epsilon its auc is hardly below no
  defense, and at a small one good passages go sooner than targets, which match their probes better. It cannot
  dominate `ado_noise`, which hides everything from somebody at random; it is kept for its guarantee, not its figures.
- `instruction_filter` and `jamming_filter` cut the offending sentence and keep the rest of the passage: `exposure`
  counts such a document as served although its order is gone. It is the documents that nothing else is left of that
  they drop.
- The query defenses are there for what is searched, not for what is served: `gist_rewrite` loosens a probe's grip a
  little, `neutralise_placeholders` and `normalise_query` keep other measurements honest. None replaces `hide_probed`.
- `hide_probed` costs those who paste a sentence of the passage that they look for (*hard*): policies switch it on for a
  reason, not for everybody.
- `near_duplicate_filter` takes the number from planted documents, not the last of them: exposure stays, the good
  passages become reachable. It is for use beside a filter that recognises the last one.
- `hide_for_client` and `exposure_budget` act on what one client asks over time; against attacks of one question a
  client they do nothing, and are not meant to.
- `suspicion_filter` drops by the fitted models: its figures are those of the shipped ones, fitted on other text.
- `cluster_filter` needs three planted documents that agree; `echo_filter` needs the question in the document. One
  planted document in fluent prose without the question (`poison-unprefixed`) has neither: only `suspicion_filter` has
  anything to go by there, how the text is written.
- Token noise (`hotflip`) is recognised by the scanned corpus's own words; without a scan `gibberish_filter` is weaker.
"""


def subjects() -> list[Subject]:
    """What is measured, by stage: every registered defense of queries and documents, variants, combinations."""
    found: list[Subject] = []
    for stage in MEASURED:
        names = [name for name in DEFENSES.names() if DEFENSES.get(name).manifest.stage is stage]
        for name in names:
            if DEFENSES.get(name).manifest.needs & {Need.MODEL, Need.GENERATOR}:
                continue
            found += [(name,), *(v for v in VARIANTS if manifests(v)[0].name == name)]
    return [*found, *COMBINED.values()]


def defenses_command(
    data: str,
    out: Path | None = None,
    limit: int | None = LIMIT,
    seed: int = 0,
    title: str | None = None,
    model: Embeddings | None = None,
    report: Callable[[str, int, int], None] = lambda *_: None,
    only: Sequence[Subject] | None = None,
    part: Part | None = None,
    show: Callable[[Checks], None] = lambda _: None,
    times: Path | None = None,
) -> str:
    """Measure every defense and write the page.

    Args:
        data: `bundled`, or a folder.
        out: The file to write; None writes none.
        limit: At most this many sessions of each traffic, and as many questions whose answers are made; None for all.
        seed: Of sessions, planting, randomised defenses and made answers.
        title: What to call the data set; None for its folder's name.
        model: Embeddings; None for the packaged ones.
        report: Told of progress.
        only: What to measure of the defenses of queries and documents; None for everything.
        part: The part of the page that is wanted; None for both.
        show: Given the figures of answer defenses.
        times: What `perf --generator` measured, for the page's second part; None leaves it out.

    Returns:
        The page, in Markdown.

    Raises:
        ConfigurationError: The file's folder does not exist; times for a part that has none.
        DataError: `times` holds something else.
    """
    if out is not None and not out.resolve().parent.is_dir():
        raise ConfigurationError(f"{out}: no such folder to write into")
    if times is not None and part == "documents":
        raise ConfigurationError("--times are those of answers; leave --stage documents out")
    timed = None if times is None else perf_answers.read(times)
    embeddings = load_embeddings(model)
    dataset = attacked_data(data, embeddings, seed, K, report=report)
    parts = ["sentinel-bench", "defenses", "--data", dataset.name, "--seed", str(seed)]
    parts += ["--limit", str(limit)] if limit is not None else []
    parts += ["--stage", part] if part is not None else []
    parts += ["--times", times.name] if times is not None else []
    parts += ["--title", title] if title else []
    command = shlex.join(parts)
    pages: list[str] = []
    if part != "answer":
        chosen = subjects() if only is None else list(only)
        figures = alone.measure(dataset, embeddings, chosen, limit, seed, report)
        pages.append(render(figures, dataset, command, title))
    if part != "documents":
        checks = check_answers(dataset, embeddings, limit, seed, report)
        checks.times = timed
        show(checks)
        pages.append(answer_checks_page.section(checks, dataset, title, None if pages else command))
    page = "\n".join(pages)
    if out is not None:
        out.write_text(page, encoding="utf-8")
    return page


def render(figures: Figures, data: Dataset, command: str, title: str | None = None) -> str:
    """The page: preface, where the figures come from, the table, the prompt defenses, notes."""
    undefended = figures[()]
    made = f"Targets: {told(missing)} " if (missing := counted(data)) else ""
    counts = ", ".join(f"{name} {undefended[name]['recall_ratio@5'].n}" for name in BENIGN if name in undefended)
    lines = [
        PREFACE,
        f"Data set: {title or data.name} ({len(data.passages):,} passages, {len(data.queries):,} questions). Sessions: "
        f"{counts}. At most {alone.INTERROGATED} targets are interrogated. {made}Made by\n\n    {command}\n",
        "| stage | defense | benign | drill-down | hard | under attack | better than | p50 ms | p95 ms | "
        f"p50 / {RATIO_TO[0]} |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(subject, figures) for subject in figures]
    lines += [
        f"| prompt | `{name}` | | | | needs a generator; its cost stands with the answers | | | | |"
        for name in DEFENSES.names()
        if DEFENSES.get(name).manifest.stage is Stage.PROMPT
    ]
    return "\n".join(lines) + "\n" + NOTES


def _row(subject: Subject, figures: Figures) -> str:
    found = figures[subject]
    names = {combined: name for name, combined in COMBINED.items()}
    described = manifests(subject)
    stage = "" if not subject else described[0].stage.value if len(subject) == 1 else "together"
    label = " + ".join(f"`{part}`" for part in subject) or "no defense"
    if subject in names:
        label = f"{names[subject]}: {label}"
    if any(manifest.baseline for manifest in described):
        label += f"<br>baseline: {described[0].source}"
    benign = [_shown(found[name]["recall_ratio@5"]) if name in found else "" for name in BENIGN]
    attacked = [
        f"{name}: {', '.join(f'{_SHOWN[metric]} {_shown(e)}' for metric, e in found[name].items())}, n "
        f"{next(iter(found[name].values())).n}"
        for name in found
        if name not in BENIGN
    ]
    better = "" if not subject or any(m.baseline for m in described) else _better(subject, figures)
    times = ["", "", ""]
    if subject and "benign" in found:
        p50, p95 = (found["benign"][f"overhead_ms_p{p}"].value for p in (50, 95))
        base = figures[RATIO_TO]["benign"]["overhead_ms_p50"].value if RATIO_TO in figures else None
        times = [_number(p50), _number(p95), _number(p50 / base) if p50 is not None and base else ""]
    cells = [stage, label, *benign, "<br>".join(attacked), better, *times]
    return "| " + " | ".join(cells) + " |"


def _better(subject: Subject, figures: Figures) -> str:
    """The baselines that a subject is better than, with the attacks under which it is."""
    lines = []
    for baseline in figures:
        if len(baseline) == 1 and manifests(baseline)[0].baseline:
            shared = [name for name in attacks_on(subject) if name in figures[subject] and name in figures[baseline]]
            won = [name for name in shared if _dominates(subject, baseline, name, figures)]
            if won:
                share = "everything" if len(won) == len(shared) else ", ".join(won)
                lines.append(f"{baseline[0]}: {share}")
    return "<br>".join(lines) or "none"


def _dominates(subject: Subject, baseline: Subject, attack: str, figures: Figures) -> bool:
    effect = [_gain(figures[subject], figures[()], attack, metric) for metric in figures[subject][attack]]
    axes = [("benign", "recall_ratio@5"), *((attack, metric) for metric in figures[subject][attack])]
    gains = [_gain(figures[subject], figures[baseline], *axis) for axis in axes]
    # What leaves the attack as it is beats no baseline, however little it costs.
    return max(effect, default=0.0) > 0.0 and min(gains) >= 0.0 and max(gains) > 0.0


def _gain(
    here: dict[str, dict[str, Estimate]], there: dict[str, dict[str, Estimate]], traffic: str, metric: str
) -> float:
    """By how much the one is better than the other on an axis; 0 where either is not known."""
    ours, theirs = (found.get(traffic, {}).get(metric, Estimate(None, 0)).value for found in (here, there))
    if ours is None or theirs is None:
        return 0.0
    return theirs - ours if metric in _LOWER else ours - theirs


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    if estimate.ci_low is None or estimate.ci_high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.ci_low:.2f}, {estimate.ci_high:.2f}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"
