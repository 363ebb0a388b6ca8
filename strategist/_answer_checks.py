"""What parts of the answer's half gave, looked at before it is believed."""

from __future__ import annotations

from collections.abc import Sequence

from defenses import Checked, Framed, Generated


def checked_framed(outer: Framed, inner: Framed) -> Framed:
    """The documents as a prompt defense framed them, with what was to be said of them before.

    Raises:
        ValueError: There are more or fewer than before, or something is no text.
    """
    if len(outer.documents) != len(inner.documents):
        raise ValueError("a prompt defense gave more or fewer documents than it was given")
    if not all(isinstance(text, str) for text in (*outer.documents, outer.system)):
        raise ValueError("a framed document is no text")
    return Framed(tuple(outer.documents), "\n\n".join(part for part in (outer.system, inner.system) if part))


def checked_answer(answers: Sequence[str]) -> str:
    """The one answer to one prompt.

    Raises:
        ValueError: There is none, or more, or it is blank or no text.
    """
    if isinstance(answers, str) or len(answers) != 1 or not isinstance(answers[0], str) or not answers[0].strip():
        raise ValueError("not one answer to one prompt")
    return answers[0]


def checked_generated(made: Generated, documents: int) -> Generated:
    """What a generation defense made.

    Raises:
        ValueError: Its text is blank or none, it drops what it was not given, or claims an impossible privacy.
    """
    if not isinstance(made.text, str) or not made.text.strip():
        raise ValueError("no answer")
    if not all(0 <= place < documents for place in made.dropped):
        raise ValueError("it dropped a document that it was not given")
    if not all(isinstance(reason, str) for reason in made.dropped.values()):
        raise ValueError("a reason is no text")
    if made.spent is not None and not (made.spent[0] >= 0.0 and 0.0 <= made.spent[1] <= 1.0):
        raise ValueError("no privacy that can be spent")
    return made


def checked_check(checked: Checked) -> Checked:
    """What an answer defense made of a draft.

    Raises:
        ValueError: Its text or a reason is no text.
        TypeError: It is something else.
    """
    if not isinstance(checked, Checked):
        raise TypeError("not a checked answer")
    if not all(isinstance(text, str) for text in (checked.text, *checked.reasons)):
        raise ValueError("a text or a reason is none")
    return checked
