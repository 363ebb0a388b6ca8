"""What callers hand to a store, checked and brought into one shape."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from sentinel.errors import DataError, unknown_name


def texts_of(documents: Sequence[Document]) -> list[str]:
    """What is embedded of each document."""
    return [document.page_content for document in documents]


def as_documents(texts: Iterable[str], metadatas: list[dict[str, Any]] | None) -> list[Document]:
    """Texts and their metadata as documents.

    Raises:
        DataError: There are more of the one than of the other.
    """
    listed = list(texts)
    if metadatas is not None and len(metadatas) != len(listed):
        raise DataError(f"{len(listed):,} texts and {len(metadatas):,} metadatas")
    return [
        Document(page_content=text, metadata=metadata)
        for text, metadata in zip(listed, metadatas or [{}] * len(listed), strict=True)
    ]


def names_of(documents: Sequence[Document], ids: Sequence[str | None] | None) -> list[str]:
    """An id for each document: the one given, else its own, else a random one.

    Raises:
        DataError: As many ids as documents were not given.
    """
    if ids is not None and len(ids) != len(documents):
        raise DataError(f"{len(documents):,} documents and {len(ids):,} ids")
    given = ids if ids is not None else [None] * len(documents)
    return [str(one or document.id or uuid.uuid4()) for one, document in zip(given, documents, strict=True)]


def refuse(options: Mapping[str, Any]) -> None:
    """Options that a method does not know.

    Raises:
        ConfigurationError: There is one.
    """
    for name in options:
        raise unknown_name("option", name, ("k", "filter", "fetch_k", "lambda_mult", "ids"))
