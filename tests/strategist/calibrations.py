"""Calibrations of every kind that the adaptive policy may be handed."""

from __future__ import annotations

from hypothesis import strategies as st

from sentinel import Threat
from strategist.calibration import Calibration, Option, Outcome, Promise

STRENGTHS = {
    "hide_probed": [{"run": 12}, {"run": 30}, {"run": 48}],
    "hide_for_client": [{"yes_no_run": 2.5}, {"yes_no_run": 1.2}],
    "echo_filter": [{}],
    "cluster_filter": [{}, {"threshold": 0.9}],
    "gibberish_filter": [{}],
    "suspicion_filter": [{"threshold": 0.9}, {"threshold": 0.5}],
}
"""Real defenses, each with real parameters."""
ATTACKS = {
    Threat.MEMBERSHIP: ("mba", "direct", "s2mia"),
    Threat.POISONING: ("poisonedrag", "hotflip"),
    Threat.INJECTION: ("pia",),
    Threat.EXTRACTION: ("extract-repeat",),
}
_SHARES = st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.5, 1.0])
_PLACES = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4, unique=True).map(sorted)
_TOLLS = st.just({}) | st.fixed_dictionaries(
    {Threat.POISONING: st.dictionaries(st.sampled_from(ATTACKS[Threat.POISONING]), _SHARES, min_size=1)}
)


@st.composite
def groups(draw: st.DrawFn, measured: list[int]) -> tuple[Outcome, ...]:
    """Sessions of one attack, in up to three groups whose shares sum to 1."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    left = st.dictionaries(st.sampled_from(measured), _SHARES)
    return tuple(Outcome(share=size / sum(sizes), left=draw(left)) for size in sizes)


@st.composite
def options(draw: st.DrawFn, name: str, parameters: dict[str, object]) -> Option:
    """One defense at one strength: some attacks measured, others not; a cost that never falls, or none."""
    threats = draw(st.lists(st.sampled_from(list(ATTACKS)), unique=True, max_size=3))
    measured = {
        threat: draw(st.dictionaries(st.sampled_from(ATTACKS[threat]), _SHARES, min_size=1)) for threat in threats
    }
    places = draw(_PLACES) if draw(st.booleans()) else []
    costs = sorted(draw(st.lists(_SHARES, min_size=len(places), max_size=len(places))))
    return Option(
        name=name,
        parameters=parameters,
        residual=measured,
        toll=draw(_TOLLS),
        cost=tuple(zip(places, costs, strict=True)),
        milliseconds=draw(st.sampled_from([0.0, 0.5, 20.0])),
    )


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    """Up to six defenses, each at some of its strengths."""
    names = draw(st.lists(st.sampled_from(list(STRENGTHS)), unique=True))
    made = [
        draw(options(name, parameters))
        for name in names
        for parameters in draw(st.lists(st.sampled_from(STRENGTHS[name]), unique_by=repr, max_size=3))
    ]
    price = draw(st.none() | st.floats(0.0, 50.0))
    promise = Promise(alpha=draw(st.floats(0.01, 1.0)), sessions=draw(st.integers(0, 500)), loss=draw(_SHARES))
    rates = draw(st.dictionaries(st.sampled_from(["client", "history", "corpus"]), st.floats(0.0, 20.0)))
    together = {}
    for name in ATTACKS[Threat.POISONING]:
        measured = [i for i, option in enumerate(made) if name in option.residual.get(Threat.POISONING, {})]
        if measured and draw(st.booleans()):
            together[name] = draw(groups(measured))
    return Calibration(
        options=tuple(made),
        together={Threat.POISONING: together} if together else {},
        price=price,
        rates=rates,
        promises={"benign": promise},
        models="m",
        fitted_on="made",
    )
