"""The check in code behind `safe_redirect`: a stop is a stop, and placeholders are left alone."""

from __future__ import annotations

import re
from itertools import islice
from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from defenses.answer._reading import Word, read
from defenses.base import AnswerDefense, Checked, DefenseManifest, Draft, Resources
from defenses.generator import Prompt
from defenses.prompt.safe_redirect import STOP_SENTENCE, stop_sentence
from sentinel.manifest import Cost, Stage
from sentinel.vocabulary import Request, Threat

MOST = 64
"""Placeholders of a task that are looked for; each costs one reading of the answer."""
_ANCHOR = 24
"""Characters on each side by which the place of a placeholder is found again."""
_LEAST = 3

_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\$\{[^{}\n]{1,60}\}"  # {{x}}, ${x}
    r"|<[A-Z][A-Z0-9_ :-]{1,40}>|\[[A-Z][A-Z0-9_ :-]{2,40}\]|%[A-Z][A-Z0-9_]{1,30}%"  # <FIELD>, [MASK], %NAME%
    r"|(?<!_)_{3,}+|(?<!\?)\?{3,}+|(?<!\.)\.{4,}+"  # ___, ???, ....
    r"|(?<![^\W_])(?:TODO|TBD|FIXME|REPLACE_ME|FILL_ME)(?![^\W_])"
)


class Blank(NamedTuple):
    """A placeholder with what stands before and after it on its line."""

    text: str
    before: str
    after: str


class StopCheck(AnswerDefense):
    """Holds the model to what `safe_redirect` tells it to do; deterministic, no model call.

    Where the stop sentence stands in the answer, nothing else does: what the model wrote before it is the partial
    completion that it should have left out, and what follows is a change of mind. `partial="keep"` lets stand what
    came before, so that an answer can be streamed. The sentence is found in any case and punctuation.

    Placeholders are those of the user's turn outside the documents: {{X}}, ${X}, <FIELD>, [MASK], ___, ???, TODO. A
    placeholder is filled in where the answer repeats the text around it with something else between. A task that may
    be done fills them in rightly, and no rule can tell it from one that may not: so that is only reported by default;
    `restore` puts them back, for tasks whose templates must come out as they went in.
    """

    manifest = DefenseManifest(
        name="stop_check",
        summary="nothing beside the stop sentence, and placeholders reported or put back",
        stage=Stage.ANSWER,
        threats=frozenset({Threat.UNSAFE_COMPLETION}),
        cost=Cost.MICROSECONDS,
        guarantee="an answer that holds the stop sentence is handed out as the stop sentence alone",
        source="ours, behind arXiv 2604.20930",
    )

    stop: str = Field(STOP_SENTENCE, max_length=200, description="the stop sentence, as `safe_redirect` has it")
    partial: Literal["cut", "keep"] = Field("cut", description="what becomes of what was written before the stop")
    placeholders: Literal["ignore", "report", "restore"] = Field("report", description="what is done if filled in")

    @field_validator("stop")
    @classmethod
    def _can_be_found(cls, stop: str) -> str:
        return stop_sentence(stop)

    @property
    def look_back(self) -> int | None:
        """None where the whole answer decides; else 0: what may be the stop sentence is held back here."""
        return 0 if self.partial == "keep" and self.placeholders != "restore" else None

    def check(self, draft: Draft, request: Request, resources: Resources) -> Checked:
        """Honour the stop; look after placeholders where there is none."""
        found = read(draft.text, draft.final)
        wanted = [word.text for word in read(self.stop)]
        at = _position(found, wanted)
        if at + len(wanted) <= len(found):
            before = draft.text[: found[at].start] if self.partial == "keep" else ""
            alone = not draft.text[: found[at].start].strip() and at + len(wanted) == len(found)
            return Checked(before + self.stop, () if alone else ("held to the stop sentence",), stop=True)
        if not draft.final:
            end = found[at].start if at < len(found) else found[-1].end if found else 0
            return Checked(draft.text[:end])
        if self.placeholders == "ignore":
            return Checked(draft.text)
        blanks = task_blanks(draft.prompt)
        filled = _filled(draft.text, blanks)
        if not filled:
            return Checked(draft.text)
        reason = f"{len(filled)} of the task's {len(blanks)} placeholders filled in"
        if self.placeholders == "report":
            return Checked(draft.text, (reason,))
        kept: list[str] = []
        last = 0
        for start, end, text in filled:
            kept += draft.text[last:start], text
            last = end
        return Checked("".join(kept) + draft.text[last:], (reason,))


def _position(found: list[Word], wanted: list[str]) -> int:
    """Where the wanted words first stand in a row, or where the text ends with their beginning; else the end."""
    texts = [word.text for word in found]
    for at, word in enumerate(texts):
        if word == wanted[0] and texts[at : at + len(wanted)] == wanted[: len(texts) - at]:
            return at
    return len(texts)


def task_blanks(prompt: Prompt) -> list[Blank]:
    """The placeholders of the user's turn outside its documents, in order; the first `MOST` of them."""
    blanks: list[Blank] = []
    parts: list[str] = []
    at = 0
    for start, end in (*prompt.documents, (len(prompt.user), len(prompt.user))):
        parts.append(prompt.user[at:start])
        at = end
    for part in parts:
        places = [match.span() for match in islice(_PLACEHOLDER.finditer(part), 2 * MOST)]
        bounds = [0, *(end for _, end in places)], [*(start for start, _ in places[1:]), len(part)]
        for (start, end), left, right in zip(places, bounds[0], bounds[1], strict=False):
            # Two placeholders on one line: each is found by what stands between them.
            before = part[max(left, start - _ANCHOR) : start].rpartition("\n")[2].lstrip()
            after = part[end : min(right, end + _ANCHOR)].partition("\n")[0].rstrip()
            if len(before.strip()) >= _LEAST:
                blanks.append(Blank(part[start:end], before, after))
            if len(blanks) == MOST:
                return blanks
    return blanks


def _filled(answer: str, blanks: list[Blank]) -> list[tuple[int, int, str]]:
    """Where the answer has something else in place of a placeholder, with the placeholder."""
    found: list[tuple[int, int, str]] = []
    at = 0
    for text, before, after in blanks:
        start = answer.find(before, at)
        if start < 0:
            continue
        start += len(before)
        if answer.startswith(text, start):
            at = start + len(text)
            continue
        line = answer.find("\n", start)
        end = answer.find(after, start) if after else line
        end = len(answer) if end < 0 and line < 0 else line if end < 0 else end
        if answer[start:end].strip():
            found.append((start, end, text))
        at = end
    return found
