"""What parts gave, looked at before it is believed: an answer that is none counts as the part's failure."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
from langchain_core.documents import Document

from defenses import Selection
from sentinel.errors import ComponentError
from sentinel.profile import RiskProfile
from sentinel.vocabulary import Candidate, Request, Vector
from strategist._planned import built
from strategist.plan import DefensePlan


def checked_vector(vector: Vector | None) -> Vector | None:
    """A query vector with a direction, or None where the base embeds out of sight.

    Raises:
        ValueError: It has NaN or infinity in it, has no length or is no vector at all.
    """
    if vector is not None and not _usable(vector):
        raise ValueError("not a vector with a direction")
    return vector


def checked_profile(profile: RiskProfile, candidates: int) -> RiskProfile:
    """A profile whose probabilities are probabilities.

    Raises:
        ValueError: One of them is NaN or outside [0, 1], or does not speak of all candidates.
        TypeError: It is something else.
    """
    if not isinstance(profile, RiskProfile):
        raise TypeError("not a risk profile")
    if not all(0.0 <= p <= 1.0 for p in profile.probabilities.values()):
        raise ValueError("a probability outside [0, 1]")
    for suspicion in profile.suspicion.values():
        values = np.asarray(suspicion)
        if values.shape != (candidates,) or not bool(((values >= 0.0) & (values <= 1.0)).all()):
            raise ValueError("suspicions outside [0, 1], or of other candidates")
    return profile


def checked_plan(plan: DefensePlan) -> DefensePlan:
    """A plan that can be carried out: every defense is known and takes its parameters.

    Raises:
        ConfigurationError: It names a defense or a parameter that there is not.
        TypeError: It is something else, or its over-fetch is no whole number.
    """
    if not isinstance(plan, DefensePlan):
        raise TypeError("not a plan")
    if isinstance(plan.overfetch, bool) or not isinstance(plan.overfetch, int):
        raise TypeError("the over-fetch is no whole number")
    for planned in plan.defenses:
        built(planned)
    return plan


def checked_query(request: Request, query: str) -> str:
    """A rewritten query that can be asked.

    Raises:
        DataError: It is empty, too long or no text.
    """
    return replace(request, query=query).query


def checked_selection(
    selection: Selection, kept: tuple[int, ...], spared: Set[int] = frozenset()
) -> tuple[tuple[int, ...], Selection]:
    """What is left, and the selection in plain values. A defense may only take away.

    Args:
        selection: What a defense decided.
        kept: The positions that it was given.
        spared: Positions that stay whatever it decided, and whose text is left alone.

    Raises:
        ValueError: What it keeps is no subset of what it was given in the same order, or a text or reason is none.
    """
    wanted = set(selection.keep)
    left = tuple(i for i in kept if i in wanted)  # plain integers, whatever numpy gave the defense
    if selection.keep != left:
        raise ValueError("the selection is not an ordered subset of the candidates")
    dropped = {i: selection.dropped.get(i, "") for i in kept if i not in wanted and i not in spared}
    replaced = {i: selection.replaced[i] for i in left if i in selection.replaced and i not in spared}
    if not all(isinstance(text, str) for text in (*dropped.values(), *replaced.values())):
        raise ValueError("a reason or a replaced text is no text")
    return tuple(i for i in kept if i in wanted or i in spared), Selection(left, dropped, replaced)


def checked_documents(documents: Sequence[Any]) -> None:
    """What a base gave are documents.

    Raises:
        ComponentError: One of them is something else.
    """
    for document in documents:
        if not isinstance(document, Document):
            raise ComponentError("base", f"gave {type(document).__name__} where a document belongs")


def sound(candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], int]:
    """The candidates without similarities and vectors that are none, and how many of those there were.

    NaN compares as smaller than every threshold, and so would read as clean; missing is what it is.
    """
    faults = 0
    checked = []
    with np.errstate(over="ignore"):  # once for all of them: entering it takes as long as looking at one
        for candidate in candidates:
            if candidate.similarity is not None and not _number(candidate.similarity):
                candidate, faults = replace(candidate, similarity=None), faults + 1
            if candidate.vector is not None and not _directed(candidate.vector):
                candidate, faults = replace(candidate, vector=None), faults + 1
            checked.append(candidate)
    return (tuple(checked) if faults else candidates), faults


def _number(value: object) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    try:
        return bool(np.isfinite(value))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return False


def _usable(vector: object) -> bool:
    with np.errstate(over="ignore"):
        return _directed(vector)


def _directed(vector: object) -> bool:
    """Whether it is a vector with a direction; may overflow."""
    if not isinstance(vector, np.ndarray) or vector.ndim != 1 or vector.dtype.kind not in "fiu":
        return False
    length = float(vector @ vector)  # finite only if every number is: one pass instead of two
    return 0.0 < length < np.inf


def copied(document: Document, text: str | None = None) -> Document:
    """A copy whose metadata may be written to, with another text if one is given."""
    changed: dict[str, Any] = {"metadata": dict(document.metadata)}
    if text is not None:
        changed["page_content"] = text
    return document.model_copy(update=changed)
