"""All attacks in one number beside what benign users keep: who is on the frontier, and what knowing adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.attacks import Family
from benchmarks.oracle import NAME as ORACLE
from benchmarks.summary import REFERENCE
from benchmarks.table import family_of, headline_cells, success

BENIGN = "benign"


class Standing(NamedTuple):
    """Where one policy stands.

    Attributes:
        policy: Its name.
        recall: What benign users keep, relative to no defense.
        success: Mean over the attacks of what attackers get, chance counting as nothing, in [0, 1].
        attacks: How many attacks that is.
        beaten_by: The policies that keep as much and leave as little, and do better in one of the two.
    """

    policy: str
    recall: float
    success: float
    attacks: int
    beaten_by: tuple[str, ...] = ()


def standings(summary: Mapping[str, Any]) -> list[Standing]:
    """Every policy's standing over the attacks that all of them met, the least attack success first.

    Point estimates; a figure that cannot be said leaves its attack out for every policy. Empty without benign traffic
    or without an attack.
    """
    found = headline_cells(summary)
    policies = list(dict.fromkeys(policy for policy, _ in found))
    attacks = dict.fromkeys(attack for _, attack in found if family_of(attack) is not Family.BENIGN)
    got = {
        attack: {p: s for p in policies if (p, attack) in found and (s := success(found[p, attack])) is not None}
        for attack in attacks
    }
    met = [attack for attack, by in got.items() if len(by) == len(policies)]
    kept = {p: found[p, BENIGN]["value"] for p in policies if (p, BENIGN) in found}
    if not met or any(kept.get(p) is None for p in policies):
        return []
    rows = [Standing(p, float(kept[p]), sum(got[a][p] for a in met) / len(met), len(met)) for p in policies]
    ranked = [row._replace(beaten_by=tuple(o.policy for o in rows if _beats(o, row))) for row in rows]
    return sorted(ranked, key=lambda row: (row.success, -row.recall))


def _beats(one: Standing, other: Standing) -> bool:
    if ORACLE in (one.policy, other.policy):  # it knows what no policy can know: a yardstick, no competitor
        return False
    # As printed: a thousandth is no victory.
    mine, theirs = ((round(s.recall, 2), round(s.success, 2)) for s in (one, other))
    return mine[0] >= theirs[0] and mine[1] <= theirs[1] and mine != theirs


def told(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The standings in words, a label and a sentence for each policy but `none`."""
    said: list[tuple[str, str]] = []
    for row in standings(summary):
        if row.policy == REFERENCE:
            continue
        beaten = f"; {', '.join(row.beaten_by)} keeps as much and leaves less" if row.beaten_by else ""
        knows = "; told the attack, what choosing at best could reach" if row.policy == ORACLE else ""
        said.append(
            (
                row.policy,
                f"keeps {row.recall:.2f} and leaves attackers {row.success:.2f} of {row.attacks} attacks' success"
                f"{beaten}{knows}.",
            )
        )
    return said
