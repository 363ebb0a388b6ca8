"""Training data from JSON lines, in TRL's formats, looked at before a model is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset

from sentinel.errors import DataError

Row = dict[str, Any]
Format = frozenset[str]

PREFERENCES: Format = frozenset({"chosen", "rejected"})
COMPLETIONS: Format = frozenset({"prompt", "completion"})
MESSAGES: Format = frozenset({"messages"})
TEXT: Format = frozenset({"text"})


def read(path: str, formats: Sequence[Format]) -> Dataset:
    """Rows of a .jsonl file that are all of one format.

    Args:
        path: A file, an object on each line; blank lines do not count.
        formats: What the trainer takes; the first one whose columns are all there counts. `prompt` goes along with
            preferences, and any other column stays.

    Raises:
        DataError: There is no such file, a line is no object, there is no line, the rows have different columns, or
            none of the formats' columns.
    """
    rows = _lines(Path(path).expanduser(), path)
    names = set(rows[0])
    for index, row in enumerate(rows):
        if set(row) != names:
            odd = ", ".join(sorted(set(row) ^ names))
            raise DataError(f"{path}: row {index} and row 0 have different columns ({odd})")
    if not any(known <= names for known in formats):
        wanted = " or ".join("+".join(sorted(known, reverse=known is COMPLETIONS)) for known in formats)
        one = sorted(PREFERENCES & names) if PREFERENCES in formats else []
        what = f"one-sided: only {one[0]!r} is there" if len(one) == 1 else f"columns {', '.join(sorted(names))}"
        raise DataError(f"{path}: {what}; {wanted} is needed")
    try:
        return Dataset.from_list(rows)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{path}: the rows are not of one kind ({' '.join(str(error).split())})") from None


def _lines(path: Path, given: str) -> list[Row]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise DataError(f"cannot read {given}: {why}") from None
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{given}:{number}: not JSON") from None
        if not isinstance(row, dict):
            raise DataError(f"{given}:{number}: not an object")
        rows.append(row)
    if not rows:
        raise DataError(f"{given} is empty: no preference or example in it")
    return rows


def as_completions(dataset: Dataset) -> Dataset:
    """Columns `prompt` and `completion`: of chat messages the last one, which must be the assistant's, completes.

    Raises:
        DataError: A conversation does not end with the assistant, or starts with it.
    """
    if "messages" not in dataset.column_names:
        return dataset
    rows = []
    for index, messages in enumerate(dataset["messages"]):
        last = messages[-1] if messages else None
        if len(messages) < 2 or not isinstance(last, Mapping) or last.get("role") != "assistant":
            raise DataError(f"row {index}: the last of two or more messages must be the assistant's")
        rows.append({"prompt": list(messages[:-1]), "completion": [last]})
    return Dataset.from_list(rows)
