"""The files of a data set, row by row: JSON lines and qrels, each fault with its file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sentinel.errors import DataError


def rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON-lines file with their line numbers, blank lines left out.

    Raises:
        DataError: A line is not a JSON object or lacks a required field; names file and line.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise DataError(f"{path}, line {number}: not JSON ({error})") from None
                if not isinstance(row, dict):
                    raise DataError(f"{path}, line {number}: not a JSON object")
                for key in required:
                    if key not in row:
                        raise DataError(f"{path}, line {number}: no field {key!r}")
                yield number, row
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None


def text_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """A field that must be text and not blank.

    Raises:
        DataError: It is neither.
    """
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {key!r} must be text that is not empty")
    return value


def texts_of(row: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A field that must be a list of texts, or null or absent.

    Raises:
        DataError: It is something else.
    """
    value = row.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"{where}: {key!r} must be a list of texts or null")
    return tuple(value)


def metadata_of(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The free-form metadata; empty where there is none.

    Raises:
        DataError: It is not an object.
    """
    value = row.get("metadata") or {}
    if not isinstance(value, dict):
        raise DataError(f"{where}: 'metadata' must be an object")
    return value


def qrels(path: Path) -> dict[str, frozenset[str]]:
    """Gold passages by query id, from a BEIR qrels file; scores of 0 and below do not count.

    Raises:
        DataError: A line has not three columns, its score is no number, or the file is not UTF-8.
    """
    gold: dict[str, set[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    for number, line in enumerate(lines, 1):
        columns = line.rstrip("\r").split("\t")
        if not line.strip() or (number == 1 and columns[-1].strip().lower() == "score"):
            continue
        try:
            query, passage, score = columns
            relevant = float(score) > 0
        except ValueError:
            raise DataError(f"{path}, line {number}: expected query-id, corpus-id and score, tab-separated") from None
        if relevant:
            gold.setdefault(query, set()).add(passage)
    return {query: frozenset(passages) for query, passages in gold.items()}
