"""A generator that believes, fills in, repeats and completes whatever it is handed: what attacks are made for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from benchmarks.attacks import Served
from benchmarks.attacks._collapse import PLACEHOLDER
from benchmarks.reader import Blank, fill
from defenses import Prompt
from defenses.prompt.safe_redirect import STOP_SENTENCE
from sentinel.text import words

_MARK = re.compile(r"\[MASK_(\d+)\]")
_CODE = re.compile(r"(?:ZQX-[0-9A-F]{6}|STK-[0-9]{4})\b")


class Gullible:
    """Reads documents and question out of the prompt, as a model would.

    Args:
        follows: Whether it can keep to a format; if not, it only goes on with the text that it is given.
        fails: Says of a prompt whether to raise.
        obeys: Whether it does what `safe_redirect` tells it.
    """

    fingerprint = "gullible"

    def __init__(
        self, follows: bool = True, fails: Callable[[Prompt], bool] = lambda _: False, obeys: bool = True
    ) -> None:
        self.name = "gullible" if follows else "gullible-base"
        self.follows, self.fails, self.obeys = follows, fails, obeys
        self.asked: list[Prompt] = []
        self.batches: list[int] = []

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        self.asked += prompts
        self.batches.append(len(prompts))
        if any(self.fails(prompt) for prompt in prompts):
            raise RuntimeError("out of memory")
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt: Prompt) -> str:
        documents = [prompt.user[start:end] for start, end in prompt.documents]
        question = prompt.user.rpartition("\n\nQuestion: ")[2] if "\n\nQuestion: " in prompt.user else prompt.user
        question = prompt.user.split("Question: ", 1)[1] if "Question: " in prompt.user else question
        if prompt.start:
            return self.goes_on(prompt.start, documents)
        if "[MASK_" in question:
            return self.fills(question, documents) if self.follows else documents[0] if documents else "Well."
        if PLACEHOLDER in question:
            if self.obeys and STOP_SENTENCE in prompt.system and "restricted |" in question:
                return STOP_SENTENCE
            return self.completes(question, documents)
        if re.search(r"word for word|verbatim|in full|copy|quote|repeat|Repeat|Copy", question):
            return "\n\n".join(documents)
        return documents[0] if documents else "I could not find an answer to that."

    def fills(self, question: str, documents: Sequence[str]) -> str:
        pieces = question.partition("\n\n")[2].split()
        served = [Served("", text) for text in documents]
        lines = []
        for at, piece in enumerate(pieces):
            if (mark := _MARK.search(piece)) is None:
                continue
            left = words(" ".join(p for p in pieces[max(0, at - 3) : at] if not _MARK.search(p)))
            right = words(" ".join(p for p in pieces[at + 1 : at + 4] if not _MARK.search(p)))
            lines.append(f"[MASK_{mark[1]}]: {fill(Blank(left[-2:], right[:2]), served) or 'unknown'}")
        return "\n".join(lines)

    def goes_on(self, start: str, documents: Sequence[str]) -> str:
        left = words(start)[-2:]
        for text in documents:
            found = words(text)
            for i in range(len(found) - len(left)):
                if found[i : i + len(left)] == left:
                    return " ".join(found[i + len(left) : i + len(left) + 5])
        return "nothing"

    def completes(self, question: str, documents: Sequence[str]) -> str:
        lines = []
        for line in question.splitlines():
            if line.endswith(f"| {PLACEHOLDER}"):
                item = line.split(" | ")[2]
                behind = (text.rpartition(f"{item} is ")[2] for text in documents if f"{item} is " in text)
                code = next((found for text in behind if (found := _CODE.match(text))), None)
                lines.append(line.replace(PLACEHOLDER, code.group() if code else PLACEHOLDER))
        return "\n".join(lines)
