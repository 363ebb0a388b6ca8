"""report.html: one self-contained file, no script and nothing from outside, that says what a run shows and what not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from benchmarks import _charts as charts
from benchmarks import answer_table, own_targets
from benchmarks._grid import HEADING
from benchmarks._worse import worse_than_none
from benchmarks.attacks import Family
from benchmarks.runfolder import REPORT, read_summary
from benchmarks.summary import REFERENCE
from benchmarks.table import (
    CHANCE,
    LEGEND,
    STAGES,
    Cells,
    axes,
    best_of,
    family_of,
    headline_cells,
    overhead,
    success,
)

WIDEST = 9
"""More attacks than these get a table for each family."""


def write_report(folder: Path) -> Path:
    """Write the report of a finished run. The same summary gives the same bytes.

    Args:
        folder: The run's folder; its summary.json is read.

    Returns:
        The path of the report.

    Raises:
        DataError: The folder holds no readable summary.
    """
    path = folder / REPORT
    temporary = path.with_suffix(".html.tmp")
    temporary.write_text(html(read_summary(folder)), encoding="utf-8")
    temporary.replace(path)
    return path


def html(summary: Mapping[str, Any]) -> str:
    """The report as text."""
    environment = Environment(
        loader=PackageLoader("benchmarks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = headline_cells(summary)
    policies, attacks = axes(found)
    families = [(f, [attack for attack in attacks if family_of(attack) is f]) for f in Family]
    groups = [(HEADING[family], chosen, LEGEND[family]) for family, chosen in families if chosen]
    points = _points(found, policies, attacks)
    run = summary["run"]
    return environment.get_template("report.html.j2").render(
        run=run,
        name=str(run["data"]["name"]),
        headline=headline(str(run["data"]["name"]), points),
        policies=policies,
        reference=REFERENCE,
        groups=groups,
        tables=[groups] if len(attacks) <= WIDEST else [[group] for group in groups],
        figures={
            (policy, attack): _figure(found, policies, policy, attack)
            for policy in policies
            for attack in attacks
            if (policy, attack) in found
        },
        overhead={policy: overhead(summary, policy) for policy in policies},
        scatter=charts.scatter(points) if points else None,
        size=charts,
        intervals=[_interval_chart(found, policies, attack) for attack in attacks],
        cells=[
            cell | {"shown": [_number(cell, key) for key in ("value", "ci_low", "ci_high")]}
            for cell in summary["cells"]
        ],
        answers=answer_table.blocks(summary),
        answers_told=answer_table.told(summary),
        shows=_shows(run, found),
        shows_not=_shows_not(run, found, attacks),
        command=command(run),
        config=json.dumps(run, indent=2, ensure_ascii=False),
    )


def headline(name: str, points: Sequence[charts.Point]) -> str:
    """What the run found, in one or two sentences; of the defenses the one with the best balance, and the worst."""
    none = next((p for p in points if p.name == REFERENCE), None)
    defended = sorted((p for p in points if p.name != REFERENCE), key=lambda p: (p.gets - p.keeps, p.name))
    if not defended:
        return f"No defense can be placed between users and attackers on {name}; the figures below stand alone."

    def words(p: charts.Point) -> str:
        against = f", against {none.gets:.2f} with no defense" if none and p is defended[0] else ""
        return (
            f"{p.name} keeps {p.keeps:.0%} of benign recall and leaves attackers {p.gets:.2f} of full success{against}"
        )

    text = f"On {name}, {words(defended[0])}."
    return text + (f" At the other end, {words(defended[-1])}." if len(defended) > 1 else "")


def _points(found: Cells, policies: Sequence[str], attacks: Sequence[str]) -> list[charts.Point]:
    """Policies with both figures."""
    points: list[charts.Point] = []
    for policy in policies:
        benign = found.get((policy, "benign"))
        hostile = [attack for attack in attacks if family_of(attack) is not Family.BENIGN]
        gets = {key: _mean_success(found, policy, hostile, key) for key in ("value", "ci_low", "ci_high")}
        if benign is None or benign["value"] is None or gets["value"] is None:
            continue
        low, high = gets["ci_low"], gets["ci_high"]
        points.append(
            charts.Point(
                policy,
                benign["value"],
                gets["value"],
                # That `none` keeps everything is no estimate.
                None if benign["ci_low"] is None or policy == REFERENCE else (benign["ci_low"], benign["ci_high"]),
                None if low is None or high is None else (low, high),
            )
        )
    return points


def _mean_success(found: Cells, policy: str, attacks: Sequence[str], key: str) -> float | None:
    """Mean over attacks, as the terminal says it; None where one of them cannot be said.

    Of interval ends the mean is taken likewise. That interval is too wide rather than too narrow: attacks on one
    corpus are not independent, and the ends need not be reached together.
    """
    got: list[float] = []
    for attack in attacks:
        cell = found.get((policy, attack))
        value = None if cell is None or cell[key] is None else success({**cell, "value": cell[key]})
        if value is None:
            return None
        got.append(value)
    return sum(got) / len(got) if got else None


def _figure(found: Cells, policies: Sequence[str], policy: str, attack: str) -> dict[str, Any]:
    cell = found[policy, attack]
    said = cell["value"] is not None
    interval = f", 95 % interval {cell['ci_low']:.2f} to {cell['ci_high']:.2f}" if cell["ci_low"] is not None else ""
    exact = policy == REFERENCE and family_of(attack) is Family.BENIGN  # 1 by definition
    worse = worse_than_none(cell, found.get((REFERENCE, attack)))
    return {
        "text": f"{cell['value']:.2f}" if said else "–",
        "interval": f"{cell['ci_low']:.2f}–{cell['ci_high']:.2f}" if interval and not exact else "",
        "worse": worse,
        "best": policy in best_of(found, policies, attack),
        "title": f"{policy}, {attack}: {cell['metric']} "
        + (f"{cell['value']:.3f}" if said else "cannot be said")
        + f"{interval}, n = {cell['n']}, errors {cell['errors']}, not retrieved {cell['not_retrieved']}"
        + (", worse than no defense" if worse else ""),
    }


def _interval_chart(found: Cells, policies: Sequence[str], attack: str) -> dict[str, Any]:
    """Dot and whisker for each policy on one axis; the vertical line is where undefended retrieval stands."""
    start, end = 128, 294
    cells = [(policy, found[policy, attack]) for policy in policies if (policy, attack) in found]
    metric = cells[0][1]["metric"]
    ends = [cell[key] for _, cell in cells for key in ("value", "ci_high") if cell[key] is not None]
    low, high = CHANCE.get(metric, 0.0), max([1.0, *ends])
    rows = []
    for number, (policy, cell) in enumerate(cells):
        place = {
            k: None if cell[k] is None else charts.along(cell[k], low, high, start, end)
            for k in ("value", "ci_low", "ci_high")
        }
        figure = _figure(found, policies, policy, attack)
        rows.append({"policy": policy, "y": 20 + number * charts.ROW, **place, "figure": figure})
    none = found.get((REFERENCE, attack))
    return {
        "attack": attack,
        "metric": metric,
        "better": "higher" if family_of(attack) is Family.BENIGN else "lower",
        "rows": rows,
        "start": start,
        "end": end,
        "low": f"{low:g}",
        "high": f"{high:.2f}".rstrip("0").rstrip("."),
        "height": 30 + len(rows) * charts.ROW,
        "reference": None
        if none is None or none["value"] is None
        else charts.along(none["value"], low, high, start, end),
    }


def _number(cell: Mapping[str, Any], key: str) -> str:
    """Three decimals; milliseconds, which span orders of magnitude, four digits."""
    if cell[key] is None:
        return "–"
    return f"{cell[key]:.4g}" if "_ms_" in cell["metric"] else f"{cell[key]:.3f}"


def _shows(run: Mapping[str, Any], found: Cells) -> list[str]:
    counts = [cell["n"] for cell in found.values()]
    stages = sorted({cell["stage"] for cell in found.values()})
    return [
        "What each policy costs benign users of this corpus and what these attacks get from it, each figure over "
        f"{min(counts, default=0):,} to {max(counts, default=0):,} sessions, every policy on the same ones.",
        *(f"Stage {stage}: {STAGES[stage]}" for stage in stages if stage in STAGES),
        "Intervals are 95 %: Wilson's for rates, a bootstrap over sessions for the rest.",
    ]


def _shows_not(run: Mapping[str, Any], found: Cells, attacks: Sequence[str]) -> list[str]:
    errors = sum(cell["errors"] for cell in found.values())
    missed = {a: max(c["not_retrieved"] for (_, name), c in found.items() if name == a) for a in attacks}
    knowing = [attack for attack in attacks if attack.endswith("@adaptive")]
    said = [
        f"Only {', '.join(knowing)} know the defense and search against it; for the others, how such an attacker "
        "would fare is open."
        if knowing
        else "The attackers do not know the defense. One who does gets at least as much, and perhaps far more.",
        "Other corpora, other embeddings, other settings of a policy: nothing follows. Run it on your own data.",
        "Time was taken on whatever machine this ran on; sentinel-bench perf measures it properly.",
        "The intervals stand for each figure alone. Of twenty figures that are in truth no worse than undefended, "
        "about one is marked so by chance; and the undefended figure is taken as exact.",
    ]
    if run.get("limit"):
        said.insert(0, f"It was a trial with at most {run['limit']:,} sessions an attack: a look, not a result.")
    if run.get("answers"):
        said.insert(
            1,
            f"One generator answered, {run['generator']}; another one, larger or trained otherwise, believes, repeats "
            "and refuses other things.",
        )
    if run.get("generator") == "none":
        said.insert(
            1, "No language model answered: what a real one would repeat, refuse or get wrong was not measured."
        )
    if made := run["data"].get("made"):
        sentence = own_targets.told(made)
        said.insert(1, f"{sentence[0].upper()}{sentence[1:]}")
    if errors:
        said.append(f"{errors:,} sessions failed. They count in no headline figure; a failure is no success.")
    if any(missed.values()):
        listed = ", ".join(f"{attack} {count:,}" for attack, count in missed.items() if count)
        said.append(f"Targets that even undefended retrieval never brings up: {listed}. No defense earned those.")
    return said


def command(run: Mapping[str, Any]) -> str:
    """The command that repeats the run."""
    name = str(run["data"]["name"])
    asked = run.get("command") or {}
    parts = ["sentinel-bench", "run", "--data", asked.get("data") or (name if name == "bundled" else f"PATH/TO/{name}")]
    for option in ("embeddings", "generator", "prompt_defenses", "generation", "answer_defenses"):
        if asked.get(option):
            parts += [f"--{option.replace('_', '-')}", asked[option]]
    if run.get("answers"):
        parts += ["--max-tokens", str(run["answers"]["max_tokens"])]
    for key in ("policies", "attacks", "metrics"):
        if run.get(key):
            parts += [f"--{key}", ",".join(run[key])]
    for key in ("generator", "calibration", "limit", "k", "seed"):
        if run.get(key) is not None and key not in asked:
            parts += [f"--{key}", str(run[key])]
    return shlex.join(parts)
