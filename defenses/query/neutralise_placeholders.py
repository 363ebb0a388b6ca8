"""Search without the blanks of a fill-in question, and without the instruction that goes with them."""

from __future__ import annotations

import re

from defenses.base import DefenseManifest, QueryDefense, Resources
from defenses.query.normalise_query import clean
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.text import words
from sentinel.vocabulary import Threat
from sentinel.wording import FUNCTION_WORDS

_NAME = r"(?:mask(?:ed)?|blank|gap|hidden|redacted|removed|missing|fill|token|slot|word|placeholder|unk|tbd|x{3,8})"
_OPEN, _CLOSE = r"[\[<{«【⟨|]", r"[\]>}»】⟩|]"
_BLANK = re.compile(
    "|".join(
        (
            rf"{_OPEN}{{1,3}}[ /|]?{_NAME}(?:[ _#:.-]?(?:\d{{1,4}}|[a-z]))?[ |]?{_CLOSE}{{1,3}}",  # [MASK_1], <mask>
            r"\( ?(?:mask(?:ed)?|blank|gap)(?:[ _#:.-]?\d{1,4})? ?\)",  # (gap 2); "Office (Word)" is none
            rf"(?<![^\W_]){_NAME}_(?:\d{{1,4}}|i)(?![^\W_])",  # MASK_3
            r"\{\{[^{}\n]{0,40}\}\}|\$\{[^{}\n]{0,40}\}|<extra_id_\d{1,3}>|%[a-z]{1,20}%",  # {{x}}, ${x}, %name%
            r"[\[<({] ?(?:\.{2,9}|_{1,40}|\?{1,9}|-{1,9}) ?[\]>)}]",  # [...], [?]
            r"_{2,40} ?\(?\d{1,3}\)? ?_{2,40}",  # __1__
            r"(?<![^\W_])_{2,}(?![^\W_])|_{3,}",  # ____
            r"(?<![*.?#~■□█▁-])(?:\.{3,}|\?{3,}|\*{3,}|#{3,}|~{3,}|-{3,}|[■□█▁]+)",  # ..., ???, ■■■
        )
    ),
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?<![^\s])[(\[] ?\d{0,3} ?[)\]](?= ?[^\W\d_])|(?<=[^\W\d_]) [(\[] ?\d{0,3} ?[)\]](?=[\s.,;:?!]|$)"
)
"""A bare number or nothing in brackets: a blank where others stand, else a reference or a list item."""

_INSTRUCTION = frozenset(
    """predict predicting prediction answer answers fill filling complete completing guess guessing replace restore
    recover provide give return write list respond response output reply infer supply insert determine identify
    reconstruct use follow format formatted form exactly exact mask masks masked blank blanks placeholder placeholders
    gap gaps missing token tokens slot slots omitted removed hidden redacted word words text texts sentence sentences
    passage passages paragraph paragraphs excerpt question questions following given below number numbered order
    correct correctly original accordingly respectively yes no based provided context marked shown required""".split()
)
"""What instructions for filling in are made of; a clause of nothing else says nothing to search for."""


def neutralise(text: str) -> str:
    """A text without blanks, and without clauses that only instruct; as it is where it holds no blank.

    Args:
        text: Any text. Line breaks become spaces in a text that is changed.
    """
    cleaned = clean(text)
    spaced = re.sub(r"[^\S\n]+", " ", cleaned)
    found, blanks = _BLANK.subn(" ", spaced)
    numbered = len(_NUMBERED.findall(found))
    if numbered and (blanks or numbered >= 3):
        found, blanks = _NUMBERED.sub(" ", found), blanks + numbered
    if not blanks:
        return text
    # Spaces first become single, so that no pattern below is tried twice on a run of them.
    clauses = re.split(r"(?<=[.!?:;]) |\n", re.sub(r"[^\S\n]+", " ", found))
    said = [clause for clause in clauses if words(clause)]
    told = [clause for clause in said if not _instructs(clause)]
    kept = " ".join(told or said).strip()
    kept = re.sub(r" ([,.;:?!])", r"\1", re.sub(r" +", " ", kept)).strip(" ,;:-'\"")
    return kept or cleaned


def _instructs(clause: str) -> bool:
    content = [w for w in words(clause) if w not in FUNCTION_WORDS and len(w) > 1 and not w.isdigit()]
    return bool(content) and all(w in _INSTRUCTION for w in content)


class NeutralisePlaceholders(QueryDefense):
    """Searches for a fill-in question without its blanks.

    A mask-based probe (MBA, arXiv 2410.20142) is its target's text, blanks, and an instruction to fill them. Without
    blanks and instruction what is searched is the text alone, which a benign fill-in question loses nothing by: its
    blanks match no document. This takes away the probe's form and not its wording; `gist_rewrite` and `hide_probed`
    are for that. Instructions are known in English only. The generator still reads the client's own question.
    """

    manifest = DefenseManifest(
        name="neutralise_placeholders",
        summary="search without blanks and the instruction to fill them in",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP}),
        cost=Cost.MICROSECONDS,
        guarantee="a query without blanks is searched for as it is, byte for byte",
        source="ours, against MBA, arXiv 2410.20142",
    )

    def rewrite(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> str:
        """The query without blanks."""
        return neutralise(evidence.request.query)
