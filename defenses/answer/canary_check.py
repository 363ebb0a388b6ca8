"""Stop an answer before a string that must never leave."""

from __future__ import annotations

import base64
from functools import lru_cache

from pydantic import Field, field_validator

from defenses.answer._reading import ELISION, fold
from defenses.base import AnswerDefense, Checked, DefenseManifest, Draft, Resources
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Request, Threat

LEAST = 8
"""Letters and digits that a canary must have: less stands in honest answers by chance."""


class CanaryCheck(AnswerDefense):
    """Ends the answer where a canary begins: a string that was put into documents or prompts to be missed if it left.

    Only letters and digits are compared, in any case, script or width: spaces, signs and line breaks within hide
    nothing. `encoded` looks for the canary backwards, in hexadecimal and in base64 as well. What follows is never
    handed out. Not caught: letters or words put in between, other encodings, one part of a canary alone.
    """

    manifest = DefenseManifest(
        name="canary_check",
        summary="stop the answer before a string that must never leave",
        stage=Stage.ANSWER,
        threats=frozenset({Threat.EXTRACTION, Threat.UNSAFE_COMPLETION}),
        cost=Cost.MICROSECONDS,
        guarantee="no answer holds a canary, whatever stands between its letters but letters and digits",
    )

    canaries: tuple[str, ...] = Field((), max_length=1000, description="what must never leave; none checks nothing")
    encoded: bool = Field(True, description="look for it backwards, in hexadecimal and in base64 too")

    @field_validator("canaries")
    @classmethod
    def _long_enough(cls, canaries: tuple[str, ...]) -> tuple[str, ...]:
        for canary in canaries:
            if not LEAST <= len(_bare(canary)[0]) <= 200 or len(canary) > 1000:
                raise ValueError(f"a canary must have {LEAST} to 200 letters and digits")
        return canaries

    @property
    def look_back(self) -> int:
        """0: what may be the beginning of a canary is held back here."""
        return 0

    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """Cut the answer before the first canary, or before what may become one."""
        patterns, beginnings = _patterns(self.canaries, self.encoded)
        bare, places = _bare(draft.text)
        hits = [(at + len(p), at) for p in patterns if (at := bare.find(p)) >= 0]
        if hits:
            end, start = min(hits)
            start = min(start, _tail(bare[:end], beginnings))
            return Checked(draft.text[: places[start]] + ELISION, ("holds a canary",), stop=True)
        start = len(bare) if draft.final else _tail(bare, beginnings)
        return Checked(draft.text if start == len(bare) else draft.text[: places[start]])


def _bare(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text, folded, and where each stands."""
    folded, places = fold(text)
    kept = [(c, at) for c, at in zip(folded, places, strict=True) if c.isalnum()]
    return "".join(c for c, _ in kept), [at for _, at in kept]


def _tail(bare: str, beginnings: frozenset[str]) -> int:
    """Where the longest end of a text begins that is the beginning of a canary."""
    longest = max(map(len, beginnings), default=0)
    return next((at for at in range(max(0, len(bare) - longest), len(bare)) if bare[at:] in beginnings), len(bare))


@lru_cache(maxsize=16)
def _patterns(canaries: tuple[str, ...], encoded: bool) -> tuple[tuple[str, ...], frozenset[str]]:
    """What to look for, and the beginnings of it."""
    found: set[str] = set()
    for canary in canaries:
        found.add(plain := _bare(canary)[0])
        if encoded:
            raw = canary.encode("utf-8", "replace")
            found.update((plain[::-1], raw.hex()))
            # Where it begins within three bytes decides how it reads; the letters at both ends depend on others.
            for before in range(3):
                cut = (before * 8 + 5) // 6, ((before + len(raw)) * 8) // 6
                code = base64.b64encode(bytes(before) + raw).decode("ascii")[slice(*cut)]
                found.add("".join(c for c in code.lower() if c.isalnum()))
    patterns = tuple(sorted(p for p in found if len(p) >= LEAST))
    return patterns, frozenset(p[:n] for p in patterns for n in range(1, len(p)))
