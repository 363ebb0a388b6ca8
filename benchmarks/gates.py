"""Gates: conditions on a run's figures under which `sentinel-bench run` exits with 1."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.attacks import ATTACKS
from benchmarks.metrics import ANSWER, CONTEXT, METRICS
from sentinel.errors import ConfigurationError, unknown_name
from strategist.policies import POLICIES

_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_GATE = re.compile(
    r"\s*(?P<policy>[^/\s]+)/(?P<attack>[^/\s]+)/(?P<metric>[^/\s<>=]+)(?:/(?P<stage>[^/\s<>=]+))?"
    r"\s*(?P<op><=|>=|<|>)\s*(?P<bound>[-+.\deE]+)\s*"
)


class Gate(NamedTuple):
    """Fails where a figure of a policy and attack compares so with a bound.

    Attributes:
        text: As it was written.
        policy: A policy's name.
        attack: An attack's name; `*` stands for any.
        metric: A metric's name.
        operator: `<`, `<=`, `>` or `>=`.
        bound: What the figure is compared with.
        stage: Stage of evidence, `context` or `answer`; None takes every stage that the metric was measured at.
    """

    text: str
    policy: str
    attack: str
    metric: str
    operator: str
    bound: float
    stage: str | None = None


def parse(text: str) -> Gate:
    """Read `policy/attack/metric OP number` or `policy/attack/metric/stage OP number`.

    For example `rules/mba/auc > 0.6`, or `rules/mba/auc/answer > 0.6` where the answers are meant and not the context.

    Raises:
        ConfigurationError: It cannot be read, or names nothing that exists.
    """
    match = _GATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        bound = float(match["bound"])
    except ValueError:
        raise ConfigurationError(f"cannot read gate {text!r}; write it like 'rules/mba/auc > 0.6'") from None
    for kind, known in (("policy", POLICIES.names()), ("attack", [*ATTACKS.names(), "*"]), ("metric", METRICS.names())):
        if match[kind] not in known:
            raise unknown_name(f"{kind} in gate {text!r}:", match[kind], known)
    stage, stages = match["stage"], METRICS.get(match["metric"]).manifest.stages
    if stage not in (None, CONTEXT, ANSWER):
        raise unknown_name(f"stage in gate {text!r}:", stage, (CONTEXT, ANSWER))
    if stage is not None and stage not in stages:
        raise ConfigurationError(
            f"gate {text!r}: {match['metric']} is measured at stage {' and '.join(sorted(stages))} only"
        )
    return Gate(text.strip(), match["policy"], match["attack"], match["metric"], match["op"], bound, stage)


def failures(gates: Sequence[Gate], summary: Mapping[str, Any]) -> list[str]:
    """One line for each figure that trips a gate, and for each gate that no figure answers.

    A gate without a figure fails: what was not measured has not passed.
    """
    lines: list[str] = []
    for gate in gates:
        figures = [
            cell
            for cell in summary["cells"]
            if cell["group"] is None
            and cell["policy"] == gate.policy
            and cell["metric"] == gate.metric
            and gate.attack in ("*", cell["attack"])
            and gate.stage in (None, cell["stage"])
        ]
        said = [cell for cell in figures if cell["value"] is not None]
        if not said:
            lines.append(f"{gate.text}: this run has no such figure")
        for cell in said:
            if _OPERATORS[gate.operator](cell["value"], gate.bound):
                where = f"{cell['policy']}/{cell['attack']}/{cell['metric']}/{cell['stage']}"
                lines.append(f"{gate.text}: {where} is {cell['value']:.3f} (n = {cell['n']})")
    return lines
