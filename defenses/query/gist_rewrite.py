"""Search for what is asked, and for no more of a pasted text than its most telling words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import Field

from defenses.base import DefenseManifest, QueryDefense, Resources
from sentinel.evidence import Evidence
from sentinel.manifest import Cost, Stage
from sentinel.profile import RiskProfile
from sentinel.text import normalise
from sentinel.vocabulary import Threat
from sentinel.wording import FUNCTION_WORDS

_QUOTED = re.compile(r"```[^`]*```|\"[^\"]*\"|“[^“”]*”|„[^„“”]*[“”]|«[^«»]*»")
_BREAK = re.compile(r"(?<=[.!?？؟:;…])\s|\n|(?<=[。？！])")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ASKS = frozenset(
    """what which who whom whose when where why how is are was were do does did has have had can could may might will
    would should shall name explain describe compare define summarise summarize""".split()
)


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    words: tuple[str, ...]
    asked: bool


def _parts(query: str, longest: int) -> list[_Part]:
    """A query's sentences, clauses and quotations in order; `asked` are questions of at most `longest` words."""
    parts: list[_Part] = []
    at = 0
    for quote in _QUOTED.finditer(query):
        if len(_WORD.findall(quote.group())) > 6:  # a short one is a title or a term, part of its sentence
            parts += _sentences(query[at : quote.start()], longest)
            parts.append(_Part(quote.group(), tuple(_WORD.findall(quote.group())), False))
            at = quote.end()
    return parts + _sentences(query[at:], longest)


def _sentences(text: str, longest: int) -> list[_Part]:
    parts = []
    for piece in _BREAK.split(text):
        found = tuple(_WORD.findall(piece))
        if found:
            asks = piece.rstrip().endswith(("?", "？", "؟")) or normalise(found[0]) in _ASKS
            parts.append(_Part(piece.strip(), found, asks and len(found) <= longest))
    return parts


def telling(found: Sequence[str], most: int, idf: Callable[[str], float] | None) -> list[str]:
    """The most telling distinct content words, in the order in which they first stand.

    Args:
        found: Words as written.
        most: How many are kept.
        idf: Rarity of a word in the corpus; without it a word weighs its length, divided by how often it stands here.
    """
    forms = [normalise(word) for word in found]
    counts = Counter(forms)
    first: dict[str, int] = {}
    for i, form in enumerate(forms):
        if form not in FUNCTION_WORDS and (len(form) > 1 or not form.isascii()):
            first.setdefault(form, i)

    def weight(form: str) -> float:
        value = idf(form) if idf is not None else math.nan
        return value if math.isfinite(value) else len(form) / counts[form]

    ranked = sorted(first, key=lambda form: (-weight(form), first[form]))[:most]
    return [found[first[form]] for form in sorted(ranked, key=first.__getitem__)]


class GistRewrite(QueryDefense):
    """Keeps a query's questions and reduces what is pasted around them to a few words, by rule and without a model.

    A probe lives from its target's wording (MBA, S2MIA, direct questions); a question that somebody has about a text
    needs its subject. Questions of up to `question` words stay as they are. If all the rest (statements, quotations,
    what stands after a colon or a line break) has more than `free` words, its `words` most telling content words
    remain. Keeping rare words also keeps some of the target's pull: this loosens the grip of a probe and proves
    nothing.
    """

    manifest = DefenseManifest(
        name="gist_rewrite",
        summary="search for the question and a few telling words of what was pasted",
        stage=Stage.QUERY,
        threats=frozenset({Threat.MEMBERSHIP, Threat.EXTRACTION}),
        cost=Cost.MICROSECONDS,
        source="ours, against MBA, arXiv 2410.20142, and S2MIA, arXiv 2406.19234",
    )

    words: int = Field(12, ge=1, le=200, description="content words kept of what is pasted")
    free: int = Field(20, ge=0, le=1000, description="words of statements that are left alone")
    question: int = Field(30, ge=3, le=1000, description="longer questions are treated like statements")

    def rewrite(self, evidence: Evidence, profile: RiskProfile, resources: Resources) -> str:
        """The gist of the query; the query as it is where nothing long is pasted."""
        query = evidence.request.query
        parts = _parts(query, self.question)
        pasted = [word for part in parts if not part.asked for word in part.words]
        if len(pasted) <= max(self.free, self.words):
            return query
        idf = getattr(evidence.corpus, "idf", None)
        kept = telling(pasted, self.words, idf if callable(idf) else None)
        # On lines of their own, so that a second pass reads them apart and changes nothing.
        lines = [*([" ".join(kept)] if kept else []), *(part.text for part in parts if part.asked)]
        return "\n".join(lines) or query
