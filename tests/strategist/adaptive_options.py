"""Options made by hand for the adaptive policy, and what it chooses of them."""

from __future__ import annotations

from itertools import product

from sentinel import Request, RiskProfile, Threat
from strategist.calibration import Option

REQUEST = Request("q", 4, time=0.0)


def hide(residual=0.1, cost=(), milliseconds=0.0, threat=Threat.MEMBERSHIP, name="hide_probed", **parameters):
    """One option, measured against one attack."""
    return Option(
        name=name, parameters=parameters, residual={threat: {"mba": residual}}, cost=cost, milliseconds=milliseconds
    )


def chosen(policy, profile, request=REQUEST):
    """The plan after both phases."""
    return policy.after_retrieval(request, profile, policy.before_retrieval(request, profile))


def suspected(**probabilities):
    """A profile of nothing but probabilities, by the threats' names."""
    return RiskProfile({}, {Threat[name.upper()]: p for name, p in probabilities.items()})


def every_plan(options):
    """Every set of options with at most one of each defense."""
    names = dict.fromkeys(option.name for option in options)
    choices = [[None, *(o for o in options if o.name == name)] for name in names]
    return [tuple(o for o in picked if o is not None) for picked in product(*choices)]
