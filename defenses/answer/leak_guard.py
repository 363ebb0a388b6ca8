"""Cut what an answer quotes of the served documents beyond the limits of quotation."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from defenses.answer._quotations import HOLD, Place, quotable
from defenses.answer._reading import ELISION, REACH, Word, read
from defenses.base import AnswerDefense, Checked, DefenseManifest, Draft, Resources
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Request, Threat


class LeakGuard(AnswerDefense):
    """Lets an answer quote `quote_words` words of each document, and `share` of all of them; cuts the rest.

    Against repeat commands and continuations (arXiv 2402.16893, 2402.17840, 2411.14110), however the model was
    brought to it. A quotation is a chain of five or more words in a document's order, with gaps of up to two words on
    either side, so that words put in or left out hide nothing; case, punctuation, spaces, look-alike and invisible
    characters, spelled-out words (w-o-r-d, w o r d) and words written together are seen through. Quoting the same
    words again costs nothing: what counts is how much of a document was disclosed. The limits hold for one answer;
    what a client gathers over many is `exposure_budget`'s. An answer of fewer words than `quote_words` always stands.

    Not caught: three or more words, or a cut of its own, between every two quoted ones; reversed order; paraphrase,
    translation and encodings; documents of fewer than five words.

    The default lets two sentences of a document stand, nearly always, as extractive answers quote them. Where a
    document is short, that is all of it, and `share` alone limits: lower `quote_words` where passages are worth more
    than quotations.
    """

    manifest = DefenseManifest(
        name="leak_guard",
        summary="cut what an answer quotes of its documents beyond a limit",
        stage=Stage.ANSWER,
        threats=frozenset({Threat.EXTRACTION}),
        cost=Cost.TENS_OF_MILLISECONDS,
        guarantee="no more than the limits stands in chains of five or more words, also while it is streamed",
        source="ours, against Zeng et al., arXiv 2402.16893",
    )

    quote_words: int = Field(120, ge=5, le=100_000, description="words of one document that may be quoted")
    share: float = Field(
        0.25, gt=0.0, le=1.0, description="share of the words of all documents that may be quoted, or `quote_words`"
    )

    @property
    def look_back(self) -> int:
        """0: the last words of an unfinished answer are held back here until they are decided."""
        return 0

    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """Cut what is quoted too much; "[…]" stands in its place."""
        index = quotable(draft.documents)
        if not index.vocabulary:
            return Checked(draft.text)
        words = read(draft.text, draft.final, index.vocabulary)
        cut = self._beyond(index.quoted(words), max(self.quote_words, int(self.share * index.words)))
        decided = len(words) if draft.final else max(0, len(words) - HOLD)
        end = len(draft.text) if draft.final else words[decided].start if words else 0
        kept: list[str] = []
        at = 0
        for start, stop in _spans(words, cut):
            if start < end:
                kept += draft.text[at:start], ELISION
                at = stop
        kept.append(draft.text[at:end])
        gone = sum(cut[:decided])
        return Checked("".join(kept), (f"cut {gone} words quoted beyond the limit",) if gone else ())

    def _beyond(self, quoted: Sequence[set[Place]], most: int) -> list[bool]:
        """Which words quote a place that no limit leaves room for.

        Every place that a word may quote counts, so that no choice between them can be played with, and a second
        look at what was left finds nothing more.
        """
        disclosed: dict[int, set[Place]] = {}
        total = 0
        beyond: list[bool] = []
        for places in quoted:
            new: dict[int, set[Place]] = {}
            for place in places:
                if place not in disclosed.get(place[0], ()):
                    new.setdefault(place[0], set()).add(place)
            added = sum(map(len, new.values()))
            over = total + added > most or any(
                len(disclosed.get(document, ())) + len(found) > self.quote_words for document, found in new.items()
            )
            beyond.append(bool(new) and over)
            if new and not over:
                total += added
                for document, found in new.items():
                    disclosed.setdefault(document, set()).update(found)
        return beyond


def _spans(words: Sequence[Word], cut: Sequence[bool]) -> list[tuple[int, int]]:
    """The places to cut, with the few words between two of them, which are the padding of one quotation."""
    spans: list[tuple[int, int]] = []
    last = -2 * REACH
    for at, word in enumerate(words):
        if not cut[at]:
            continue
        if spans and (at - last <= REACH or word.start < spans[-1][1]):
            spans[-1] = (spans[-1][0], max(spans[-1][1], word.end))
        else:
            spans.append((word.start, word.end))
        last = at
    return spans
