"""From tokens to the answer that is handed out: what is cut off, and what of an unfinished one is certain."""

from __future__ import annotations

from collections.abc import Sequence

CONTINUATIONS = ("\n\n", "\nQuestion", "\nDocument", "\nPassage", "\nContext", "\nAnswer")
"""Where the answer of a model that only continues text is over, and it makes up the next task."""


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The answer in what was written.

    Args:
        text: All that the model wrote.
        stops: What ends an answer; a leading line break also matches its beginning.

    Returns:
        The answer without white space around it, and whether one of `stops` ended it.
    """
    written = "\n" + text.lstrip()
    places = [place for stop in stops if (place := written.find(stop)) >= 0]
    return written[: min(places, default=None)].strip(), bool(places)


def certain(text: str, stops: Sequence[str]) -> str:
    """The beginning of the answer that stays, whatever is written next."""
    answer, stopped = cut(text, stops)
    if stopped or not answer:
        return answer
    written = "\n" + text.lstrip()
    # A character of several tokens shows as a replacement mark until its last one.
    length = len(written.rstrip("\ufffd"))
    for stop in stops:
        for size in range(min(len(stop) - 1, len(written)), 0, -1):
            if written.endswith(stop[:size]):
                length = min(length, len(written) - size)
                break
    return written[:length].strip()
