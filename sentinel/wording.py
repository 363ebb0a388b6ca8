"""How a query is worded: content words, question form, language, and lexicons of suspicious phrases.

Everything here reads normalised words (sentinel.text), so that case, spacing, look-alike letters and invisible
characters hide nothing; letters written apart ("i g n o r e") and figures for letters ("1gn0re") are undone too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from sentinel.text import MAX_TEXT_CHARACTERS, words

FUNCTION_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but
    by can could did do does doing down during each few for from further had has have having he her here hers him his
    how i if in into is it its itself just me more most my no nor not of off on once only or other our ours out over
    own please same shall she should so some such than that the their theirs them then there these they this those
    through to too under until up us very was we were what when where whether which while who whom whose why will
    with would you your yours may might must upon""".split()
)
ENGLISH_SHARE = 0.1
"""Running English has 35-55 % of `FUNCTION_WORDS`, terse questions full of names one word in eight."""

_FOREIGN = frozenset(
    """der das dem den des und ist wurde wurden wird werden sind bei von vom zu zur zum mit ein eine einer eines einen
    nicht sich auf für kann als auch im le la les et est dans du que qui une un pour par sur avec el los las del una por
    con para es en il di che per della sono il lo de het een van niet met voor op ou os da em um uma não""".split()
)
"""The same in German, French, Spanish, Italian, Dutch and Portuguese."""
_AUXILIARIES = frozenset(
    """is are was were am do does did has have had can could may might will would shall should must isn't aren't wasn't
    weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't shouldn't mustn't""".split()
)
_OPENERS = frozenset("what which who whom whose when where why how".split())
_LEAD = frozenset("and but so or then also now well ok okay please hello hi thanks yes no".split())
_TELL = frozenset(
    "tell explain describe give show list help provide summarise summarize outline elaborate share name find".split()
)
_TAG = re.compile(r"(?: right| correct| true or false| yes or no| (?:is|are|was|were|do|does|did|has|have)n't \w+)$")
_SENTENCE_END = re.compile(
    r"[!?]\s|\n|(?<=[a-z0-9)\]][a-z0-9)\]])\.\s(?=[A-Z\"“(]|(?:is|are|was|does|do|did|has|can|what|which|how|why|who)\b)"
)
"""Not the full stops of "C. albicans", "U.S. Customs" and "spp. and"."""
_LEET = [str.maketrans("0134578", form) for form in ("oieastb", "oleastb")]
_APART = 4
"""Single letters in a row that are taken for one word."""


def content_words(found: Sequence[str]) -> tuple[str, ...]:
    """The words that carry a query's subject: no function words, no single letters; each once, in order."""
    return tuple(dict.fromkeys(w for w in found if w not in FUNCTION_WORDS and (len(w) > 1 or w.isdigit())))


def is_english(found: Sequence[str]) -> bool:
    """Whether words can be judged by English phrases.

    Enough of them must be common English function words, and more than are those of its neighbours. Other scripts have
    neither, nor have lists of keywords: they are not English for this purpose, and wording signals are missing there.
    """
    english = sum(map(FUNCTION_WORDS.__contains__, found))
    return english >= max(1.0, ENGLISH_SHARE * len(found)) and english > sum(map(_FOREIGN.__contains__, found))


def yes_no_form(query: str) -> bool | None:
    """Whether a query asks for a yes or a no.

    Its last sentence decides, cut to its question: an auxiliary verb first, a question tag last, or "whether".

    Returns:
        None where it cannot be said: no words, or not English.
    """
    found = words(query[-2_000:])
    if not is_english(found):
        return None
    sentences = [s for part in _SENTENCE_END.split(query[-2_000:]) if (s := words(part))]
    last = list(sentences[-1])
    while last and last[0] in _LEAD:
        last.pop(0)
    if not last:
        return None
    text = " " + " ".join(last)
    if last[0] in _OPENERS - {"when", "where"} or last[-1] in _OPENERS:
        return False
    if _TAG.search(text) or " whether " in f"{text} ":
        return True
    if last[0] in _AUXILIARIES:
        polite = last[1:2] == ["you"] and any(w in _TELL for w in last[2:5])
        return not polite or " if " in f"{text} "
    # "In patients with X, does Y help?", "When given early, does Y help?": the verb stands after a comma.
    if query.rstrip().endswith("?"):
        clauses = [c for part in query[-2_000:].rstrip(" ?\n").split(",") if (c := words(part))]
        for clause in clauses[1:]:
            if clause[0] in _AUXILIARIES:
                return True
    return False


@lru_cache(maxsize=256)
def plain(query: str) -> str:
    """A query's normalised words, each after one space, whole whatever its length; letters written apart joined."""
    found: list[str] = []
    for start in range(0, len(query), MAX_TEXT_CHARACTERS):
        found += words(query[start : start + MAX_TEXT_CHARACTERS])
    joined: list[str] = []
    run: list[str] = []
    for word in [*found, ""]:
        if len(word) == 1 and word.isalpha():
            run.append(word)
            continue
        joined += ["".join(run)] if len(run) >= _APART else run
        run = []
        joined.append(word)
    return " " + " ".join(w for w in joined if w)


@dataclass(frozen=True)
class Lexicon:
    r"""Phrases of one kind, each with the strength of what it says.

    Patterns are matched against `plain` text: every word has one space before it and nothing else between.

    Attributes:
        patterns: Regular expression to strength in (0, 1]; no repetition without a bound but `\w+`.
    """

    patterns: Mapping[str, float]

    @cached_property
    def _compiled(self) -> list[tuple[re.Pattern[str], float]]:
        return [(re.compile(pattern), strength) for pattern, strength in self.patterns.items()]

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z]{3,}", " ".join(self.patterns)))

    @cached_property
    def _run_together(self) -> list[tuple[re.Pattern[str], float]]:
        # Letters written apart at equal distances lose the word boundaries: the phrases without their spaces.
        fixed = {p: s for p, s in self.patterns.items() if "\\w" not in p}
        return [(re.compile(p.replace("\\b", "").replace(" ", "")), s) for p, s in fixed.items()]

    def score(self, query: str) -> float | None:
        """How strongly a query is worded like this, in [0, 1].

        1 - product of (1 - strength) over the distinct patterns that match: more phrases say it more surely.

        Returns:
            None where nothing matches and the language is not one that the phrases cover.
        """
        text = self._unmasked(plain(query))
        doubt = 1.0
        for pattern, strength in self._compiled:
            if pattern.search(text):
                doubt *= 1.0 - strength
        apart = " ".join(w for w in text.split() if len(w) >= 14)
        if apart:
            for pattern, strength in self._run_together:
                if pattern.search(apart):
                    doubt *= 1.0 - strength
        if doubt == 1.0 and not is_english(text.split()):
            return None
        return 1.0 - doubt

    def _unmasked(self, text: str) -> str:
        if not any(c in text for c in "0134578"):
            return text
        return " " + " ".join(self._letters(word) for word in text.split())

    def _letters(self, word: str) -> str:
        """A word with figures for letters, if that makes it one of the lexicon's own; else the word itself."""
        if word.isalpha() or word.isdigit() or len(word) > 20:
            return word
        return next((w for table in _LEET if (w := word.translate(table)) in self._vocabulary), word)
