"""From samples to cells: one figure with n and interval for every policy, attack, group and metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.answer_scores import only_where_answered_before
from benchmarks.attacks import ATTACKS, Family
from benchmarks.metrics import ANSWER, CONTEXT, METRICS, Cell
from benchmarks.samples import Sample
from sentinel.vocabulary import Threat

REFERENCE = "none"
CLEAN = "/clean"
"""Suffix of the attack name under which `none` is run on the attacked questions before anything is planted."""
UNDEFENDED = "/undefended/"
"""Between an adaptive attack's name and the policy that its form was found against, where `none` is asked it."""

HEADLINE = {
    Family.BENIGN: "recall_ratio@5",
    Family.MEMBERSHIP: "auc",
    Family.POISONING: "exposure_rate",
    Family.EXTRACTION: "leaked_fraction",
    Family.COMPLETION: "leak_rate",
}


def cells(samples: Iterable[Sample], dataset: str, metrics: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """All cells of a run, in the order of policies and attacks; where there are answers, those of both stages.

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
    answered = {key: _answered(found) for key, found in by.items() if any(s.answered for s in found)}
    for policy, attack in by:
        if attack.endswith(CLEAN) or UNDEFENDED in attack:
            continue
        for stage, of_stage in ((CONTEXT, by), (ANSWER, answered)):
            if (policy, attack) in of_stage:
                made += _cells(of_stage, policy, attack, stage, dataset, metrics)
    return made


def _answered(samples: Sequence[Sample]) -> list[Sample]:
    """The samples as the answer stage reads them: their values are those of the answers."""
    return [replace(s, values=s.answer_values, error=s.error or s.answer_error) for s in samples if s.answered]


def _cells(
    by: Mapping[tuple[str, str], Sequence[Sample]],
    policy: str,
    attack: str,
    stage: str,
    dataset: str,
    metrics: Sequence[str] | None,
) -> list[dict[str, Any]]:
    """The cells of one policy, attack and stage."""
    kind = ATTACKS.get(attack)
    found = by[policy, attack]
    plain = _by_session(by.get((REFERENCE, attack), ()))
    undefended = plain
    if kind.manifest.plain and policy != REFERENCE:
        undefended = _by_session(by.get((REFERENCE, attack + UNDEFENDED + policy), ()))
    clean = _by_session(by.get((REFERENCE, attack + CLEAN), ()))
    if stage == CONTEXT:
        judged = {s.session: s for s in kind().judged([s for s in found if s.error is None])}
        found = [judged.get(s.session, s) for s in found]
    elif kind.manifest.threat is Threat.JAMMING:
        found = only_where_answered_before(found, clean)
    family = kind.manifest.family
    groups = sorted({s.group for s in found if s.group is not None})
    made: list[dict[str, Any]] = []
    for group in (None, *(groups if len(groups) > 1 else ())):
        chosen = [s for s in found if group is None or s.group == group]
        cell = Cell([s for s in chosen if s.error is None], undefended, clean, plain if kind.manifest.plain else {})
        counts = {"errors": len(chosen) - len(cell.samples), "not_retrieved": _not_retrieved(chosen, undefended)}
        for name in METRICS.names():
            metric = METRICS.get(name)()
            manifest = metric.manifest
            if family not in manifest.families or stage not in manifest.stages:
                continue
            if (metrics is not None and name not in metrics) or not metric.applies(cell):
                continue
            made.append(
                {"dataset": dataset, "group": group, "policy": policy, "attack": attack, "metric": name}
                | {"stage": stage, **metric.compute(cell)._asdict(), **counts}
            )
    return made


def _by_session(samples: Iterable[Sample]) -> dict[str, Sample]:
    return {s.session: s for s in samples if s.error is None}


def _not_retrieved(samples: Sequence[Sample], undefended: dict[str, Sample]) -> int:
    """Targets that even the bare retriever does not bring up: members, or documents planted for a question."""
    return sum(
        1
        for s in samples
        if s.member is not False
        and (before := undefended.get(s.session)) is not None
        and before.values.get("exposed") == 0.0
    )
