"""What every answer defense promises, whole and as the answer comes; its test file calls `check_promises`."""

from __future__ import annotations

from collections.abc import Sequence

from defenses import AnswerDefense, Checked, Draft, Prompt, Resources, SeededRandomSource
from sentinel import Request

RESOURCES = Resources(SeededRandomSource(5))
PROMPT = Prompt("What do the documents say?")


def check(
    defense: AnswerDefense,
    text: str,
    documents: Sequence[str] = (),
    *,
    query: str = "What do the documents say?",
    prompt: Prompt = PROMPT,
    final: bool = True,
) -> Checked:
    """One check; nothing that it was given may change."""
    draft = Draft(text, tuple(documents), prompt, final)
    checked = defense.check(draft, Request(query, time=0.0), RESOURCES)
    assert draft == Draft(text, tuple(documents), prompt, final)
    return checked


def stable(defense: AnswerDefense, text: str, documents: Sequence[str] = (), **options: object) -> str:
    """What may be handed out of an unfinished answer."""
    assert defense.look_back is not None
    found = check(defense, text, documents, final=False, **options).text  # type: ignore[arg-type]
    return found[: max(0, len(found) - defense.look_back)]


def stream(defense: AnswerDefense, text: str, size: int, documents: Sequence[str] = (), **options: object) -> str:
    """An answer that comes in chunks of `size` characters, as a caller gets it; what is out cannot be taken back."""
    out = ""
    for end in range(size, len(text), size):
        now = stable(defense, text[:end], documents, **options)
        assert now.startswith(out), "text was taken back"
        out = now
        if check(defense, text[:end], documents, final=False, **options).stop:  # type: ignore[arg-type]
            break
    whole = check(defense, text, documents, **options).text  # type: ignore[arg-type]
    assert whole.startswith(out), "text was taken back at the end"
    return whole


def check_promises(
    defense: AnswerDefense, text: str, cuts: Sequence[int], documents: Sequence[str] = (), **options: object
) -> Checked:
    """Idempotence, determinism, silence in reasons, and the look-back contract at every cut, for a draft and longer."""
    whole = check(defense, text, documents, **options)  # type: ignore[arg-type]
    assert whole == check(defense, text, documents, **options)  # type: ignore[arg-type]
    again = check(defense, whole.text, documents, **options)  # type: ignore[arg-type]
    assert again.text == whole.text, "a second check finds nothing more"
    if defense.look_back is None:
        return whole
    assert defense.look_back >= 0
    outs = [(cut, stable(defense, text[:cut], documents, **options)) for cut in sorted({*cuts, len(text)})]
    for at, (_, shorter) in enumerate(outs):
        assert whole.text.startswith(shorter), "what went out stands in the finished answer"
        for cut, _ in outs[at + 1 :]:
            longer = check(defense, text[:cut], documents, final=False, **options).text  # type: ignore[arg-type]
            assert longer.startswith(shorter), "what went out stands in every longer draft"
    return whole
