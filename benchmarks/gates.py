"""Gates: conditions on a run's figures under which `sentinel-bench run` exits with 1."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.attacks import ATTACKS
from benchmarks.metrics import METRICS
from sentinel.errors import ConfigurationError, unknown_name
from strategist.policies import POLICIES

_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_GATE = re.compile(
    r"\s*(?P<policy>[^/\s]+)/(?P<attack>[^/\s]+)/(?P<metric>[^/\s<>=]+)\s*(?P<op><=|>=|<|>)\s*(?P<bound>[-+.\deE]+)\s*"
)


class Gate(NamedTuple):
    """Fails where a figure of a policy and attack compares so with a bound; `*` stands for any attack."""

    text: str
    policy: str
    attack: str
    metric: str
    operator: str
    bound: float


def parse(text: str) -> Gate:
    """Read `policy/attack/metric OP number`, for example `rules/mba/auc > 0.6`.

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
    return Gate(text.strip(), match["policy"], match["attack"], match["metric"], match["op"], bound)


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
        ]
        said = [cell for cell in figures if cell["value"] is not None]
        if not said:
            lines.append(f"{gate.text}: this run has no such figure")
        for cell in said:
            if _OPERATORS[gate.operator](cell["value"], gate.bound):
                where = f"{cell['policy']}/{cell['attack']}/{cell['metric']}"
                lines.append(f"{gate.text}: {where} is {cell['value']:.3f} (n = {cell['n']})")
    return lines
