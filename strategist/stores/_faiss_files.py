"""A FAISS store on disk: header.json names two data files, by content, and says what must be true of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from sentinel.errors import ConfigurationError, DataError
from strategist.stores._faiss_index import IndexSettings, VectorIndex

SCHEMA = 1
HEADER = "header.json"
_DATA_FILE = re.compile(r"(index-[0-9a-f]{16}\.faiss|documents-[0-9a-f]{16}\.jsonl)")


def save(
    folder: str | os.PathLike[str],
    *,
    index: VectorIndex | None,
    documents: Sequence[Document],
    settings: IndexSettings,
    fingerprint: str,
) -> None:
    """Write a store; the caller keeps writers off.

    Args:
        folder: Created if need be.
        index: None for an empty store.
        documents: n documents, by position.
        settings: How the index is built and searched.
        fingerprint: Of the embedding model.

    Raises:
        DataError: Metadata that JSON would lose or change; the folder stays as it was.
    """
    lines = [_line(document) for document in documents]
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    before = _named_files(target)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=target) as name:
        scratch = Path(name)
        # Data files are named by their content, and the header that names them is replaced last: whatever
        # interrupts the save, the header that is there and the files that it names belong together.
        with (scratch / "documents").open("w", encoding="ascii") as file:
            file.writelines(lines)
        files = {"documents": _settle(scratch / "documents", target, "documents-{}.jsonl")}
        if index is not None:
            index.write(scratch / "index")
            files["index"] = _settle(scratch / "index", target, "index-{}.faiss")
        header = {
            "schema": SCHEMA,
            "count": len(documents),
            "dimension": index.dimension if index is not None else None,
            "fingerprint": fingerprint,
            "settings": asdict(settings),
            "files": files,
        }
        (scratch / HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="ascii")
        _flush(scratch / HEADER)
        os.replace(scratch / HEADER, target / HEADER)
    for old in before - {file["name"] for file in files.values()}:
        (target / old).unlink(missing_ok=True)


def load(folder: str | os.PathLike[str], fingerprint: str) -> tuple[IndexSettings, VectorIndex | None, list[Document]]:
    """Read what `save` wrote.

    Args:
        folder: Where it lies.
        fingerprint: Of the embedding model that queries will be embedded with.

    Raises:
        DataError: Missing, corrupt, of another schema or of another embedding model.
    """
    source = Path(folder)
    try:
        header = json.loads((source / HEADER).read_text(encoding="ascii"))
    except FileNotFoundError:
        raise DataError(f"no vector store in {source}: {HEADER} is missing") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{source / HEADER} cannot be read: {error}") from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise DataError(f"{source / HEADER} is not a vector store of schema {SCHEMA}")
    if header.get("fingerprint") != fingerprint:
        raise DataError(
            f"the vector store in {source} was built with the embedding model {header.get('fingerprint')}, "
            f"not with {fingerprint}"
        )
    try:
        count, dimension, files = header["count"], header["dimension"], header["files"]
        settings = IndexSettings(**header["settings"])
        documents_file = _checked(source, files["documents"])
        index_file = _checked(source, files["index"]) if count else None
    except (KeyError, TypeError, ConfigurationError) as error:
        raise DataError(f"{source / HEADER} is malformed: {error}") from None
    documents = _documents(documents_file)
    index = VectorIndex.read(index_file, dimension, settings) if index_file is not None else None
    held = len(index) if index is not None else 0
    if not len(documents) == held == count or len({one.id for one in documents}) != count:
        raise DataError(f"{source}: {count} documents announced, {len(documents)} found, {held} vectors")
    return settings, index, documents


def _line(document: Document) -> str:
    row = {"id": document.id, "page_content": document.page_content, "metadata": document.metadata}
    try:
        line = json.dumps(row, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"the metadata of document {document.id!r} is not JSON: {error}") from None
    if not _same(json.loads(line)["metadata"], document.metadata):
        raise DataError(f"the metadata of document {document.id!r} is not JSON: it would come back changed")
    return line + "\n"


def _same(left: Any, right: Any) -> bool:
    """Equality that tells a list from a tuple, 1 from True and a text from an enumeration's member."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _documents(path: Path) -> list[Document]:
    documents = []
    with path.open(encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                documents.append(Document(id=row["id"], page_content=row["page_content"], metadata=row["metadata"]))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path}, line {number}: {error}") from None
    return documents


def _settle(file: Path, target: Path, pattern: str) -> dict[str, str]:
    """Move a finished file to a name made of its hash; what the header says of it."""
    digest = _sha256(file)
    name = pattern.format(digest[:16])
    _flush(file)
    os.replace(file, target / name)
    return {"name": name, "sha256": digest}


def _checked(folder: Path, entry: dict[str, str]) -> Path:
    name = entry["name"]
    # A name from a file: nothing outside the folder may be reached through it.
    if not _DATA_FILE.fullmatch(name):
        raise DataError(f"{folder / HEADER} names a file {name!r} that is none of its own")
    path = folder / name
    try:
        found = _sha256(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    if found != entry["sha256"]:
        raise DataError(f"{path} is corrupt: its SHA-256 is not the one in {HEADER}")
    return path


def _named_files(folder: Path) -> set[str]:
    """The data files of the header that is there, if any."""
    try:
        header = json.loads((folder / HEADER).read_text(encoding="ascii"))
        names = {entry["name"] for entry in header["files"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in names if isinstance(name, str) and _DATA_FILE.fullmatch(name)}


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
