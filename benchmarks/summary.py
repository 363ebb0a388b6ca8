"""From samples to cells: one figure with n and interval for every policy, attack, group and metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import METRICS, Cell
from benchmarks.samples import Sample

REFERENCE = "none"
CLEAN = "/clean"
"""Suffix of the attack name under which `none` is run on the attacked questions before anything is planted."""
UNDEFENDED = "/undefended/"
"""Between an adaptive attack's name and the policy that its form was found against, where `none` is asked it."""

HEADLINE = {Family.BENIGN: "recall_ratio@5", Family.MEMBERSHIP: "auc", Family.POISONING: "exposure_rate"}


def cells(samples: Iterable[Sample], dataset: str, metrics: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All cells of a run, in the order of policies and attacks.

    Benign sessions count only where they belong to the test split. Failed samples are counted apart and enter no
    figure; so are targets that undefended retrieval never brings up, which are no success of a defense.

    Args:
        samples: Every sample of the run.
        dataset: The data set's name.
        metrics: Names to compute; None for all.
    """
    by: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        if sample.split in (None, "test"):
            by.setdefault((sample.policy, sample.attack), []).append(sample)
    made: list[dict[str, Any]] = []
    for (policy, attack), found in by.items():
        if attack.endswith(CLEAN) or UNDEFENDED in attack:
            continue
        kind = ATTACKS.get(attack)
        plain = {s.session: s for s in by.get((REFERENCE, attack), ()) if s.error is None}
        undefended = plain
        if kind.manifest.plain and policy != REFERENCE:
            undefended = {
                s.session: s for s in by.get((REFERENCE, attack + UNDEFENDED + policy), ()) if s.error is None
            }
        judged = {s.session: s for s in kind().judged([s for s in found if s.error is None])}
        found = [judged.get(s.session, s) for s in found]
        clean = {s.session: s for s in by.get((REFERENCE, attack + CLEAN), ()) if s.error is None}
        family = kind.manifest.family
        groups = sorted({s.group for s in found if s.group is not None})
        for group in (None, *(groups if len(groups) > 1 else ())):
            chosen = [s for s in found if group is None or s.group == group]
            cell = Cell([s for s in chosen if s.error is None], undefended, clean, plain if kind.manifest.plain else {})
            counts = {
                "errors": len(chosen) - len(cell.samples),
                "not_retrieved": _not_retrieved(chosen, undefended),
            }
            for name in METRICS.names():
                metric = METRICS.get(name)()
                if family not in metric.manifest.families or (metrics is not None and name not in metrics):
                    continue
                if not metric.applies(cell):
                    continue
                estimate = metric.compute(cell)
                made.append(
                    {"dataset": dataset, "group": group, "policy": policy, "attack": attack, "metric": name}
                    | {"stage": "context", **estimate._asdict(), **counts}
                )
    return made


def _not_retrieved(samples: Sequence[Sample], undefended: dict[str, Sample]) -> int:
    """Targets that even the bare retriever does not bring up: members, or documents planted for a question."""
    return sum(
        1
        for s in samples
        if s.member is not False
        and (before := undefended.get(s.session)) is not None
        and before.values.get("exposed") == 0.0
    )
