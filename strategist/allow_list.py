"""What an operator found to be a false alarm: queries and clients that are served as they are, documents that stay.

Entries are hashes, so that a list can be kept beside the configuration without holding anybody's text.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sentinel.errors import ConfigurationError, DataError, unknown_name
from sentinel.text import MAX_TEXT_CHARACTERS, normalise
from sentinel.vocabulary import Request
from strategist.decision import text_hash

KINDS = ("query", "client", "document")
_RECORDED = r"^[0-9a-f]{16}$"
_FULL = r"^[0-9a-f]{64}$"
_EITHER = r"^([0-9a-f]{16}|[0-9a-f]{64})$"


def document_hash(text: str) -> str:
    """SHA-256 of a passage as it stands, 64 hexadecimal digits.

    All of them: in a short hash, two texts that agree can be looked for, and the harmless one shown to the operator.
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def query_hash(query: str, key: bytes | None = None) -> str | None:
    """Hash of a query's normalised form, 64 hexadecimal digits; None where it is too long to be normalised whole.

    Args:
        query: As the client wrote it.
        key: The runtime's `hash_key`, if it has one.
    """
    if len(query) > MAX_TEXT_CHARACTERS:
        return None
    raw = " ".join(normalise(query).split()).encode("utf-8", "surrogatepass")
    return (hashlib.sha256(raw) if key is None else hmac.new(key, raw, hashlib.sha256)).hexdigest()


class AllowEntry(BaseModel):
    """One false alarm: exactly one of `query`, `client` and `document`.

    Attributes:
        query: `query_hash` of it, which stands for every spelling, or what a decision record shows (16 digits),
            which stands for the query as it was written.
        client: What a decision record shows of the client id (16 digits).
        document: `document_hash` of the passage.
        tenant: What a decision record shows of the tenant it is limited to; None holds for all.
        note: Why, for whoever reads the list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str | None = Field(None, pattern=_EITHER)
    client: str | None = Field(None, pattern=_RECORDED)
    document: str | None = Field(None, pattern=_FULL)
    tenant: str | None = Field(None, pattern=_RECORDED)
    note: str = ""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"an entry names exactly one of {', '.join(KINDS)}")
        return self

    @classmethod
    def of_decision(
        cls, record: Mapping[str, Any], kind: Literal["query", "client"] = "query", note: str = ""
    ) -> AllowEntry:
        """The entry for what a decision record shows of its query or client, limited to the record's tenant.

        Args:
            record: As `Decision.record()` gives it, or a line of an audit log.
            kind: What was the false alarm.
            note: Why; by default the decision's id.

        Raises:
            DataError: The record shows no hash: the client was anonymous, or it was written with its text.
        """
        value = record.get(kind)
        if value is None or (record.get("text") and kind == "query"):
            raise DataError(f"the decision record shows no hash of its {kind}")
        try:
            return cls(**{kind: value}, tenant=record.get("tenant"), note=note or f"decision {record.get('id')}")
        except ValidationError as error:
            raise DataError(f"the decision record shows no hash of its {kind}: {_said(error)}") from None

    @classmethod
    def of_query(cls, query: str, key: bytes | None = None, note: str = "") -> AllowEntry:
        """The entry for a query in every spelling. `key` is the runtime's `hash_key`."""
        return cls(query=query_hash(query, key) or text_hash(query, key), note=note)

    @classmethod
    def of_client(cls, client_id: str, key: bytes | None = None, note: str = "") -> AllowEntry:
        """The entry for a client of any tenant. `key` is the runtime's `hash_key`."""
        return cls(client=text_hash(client_id, key), note=note)

    @classmethod
    def of_document(cls, text: str, note: str = "") -> AllowEntry:
        """The entry for a passage, by its text; an edited passage is another one."""
        return cls(document=document_hash(text), note=note)

    def line(self) -> str:
        """The entry as a line of an allow-list file."""
        return json.dumps(self.model_dump(exclude_defaults=True))


class AllowList:
    """Entries, ready to be looked up. Immutable.

    An allowed query or client is served as by the base, and the decision says `allowed`; its history is recorded
    all the same. An allowed document is dropped or cut by no defense, quotas included. Allowing is for good: what an
    attacker can write himself (a query, a document of an open corpus) should not be on the list for long.

    Args:
        entries: The false alarms.
    """

    def __init__(self, entries: Iterable[AllowEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._tenants: dict[tuple[str, str], set[str | None]] = {}
        for entry in self.entries:
            for kind in KINDS:
                if (value := getattr(entry, kind)) is not None:
                    self._tenants.setdefault((kind, value), set()).add(entry.tenant)
        self.has_requests = any(kind != "document" for kind, _ in self._tenants)
        self.has_documents = any(kind == "document" for kind, _ in self._tenants)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits over all entries, for the configuration's hash."""
        return hashlib.sha256("\n".join(sorted(entry.line() for entry in self.entries)).encode()).hexdigest()[:16]

    @classmethod
    def load(cls, path: str | Path) -> AllowList:
        """Read a file of one entry a line, each JSON (`{"query": "..."}`) or YAML (`query: ...`); # begins a comment.

        Raises:
            ConfigurationError: The file cannot be read.
            DataError: A line is no entry; says which.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read the allow-list {path}: {error}") from None
        entries = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                entries.append(_entry(line))
            except (ValueError, ConfigurationError, yaml.YAMLError) as error:
                raise DataError(f"{path}, line {number}: {_said(error)}") from None
        return cls(entries)

    def allows(self, request: Request, key: bytes | None = None) -> bool:
        """Whether the request is to be served as by the base.

        Args:
            request: Who asks what.
            key: The secret that the hashes were made with, the runtime's `hash_key`.
        """
        if not self.has_requests:
            return False
        tenant = text_hash(request.tenant, key)
        if request.client_id is not None and self._holds("client", text_hash(request.client_id, key), tenant):
            return True
        return self._holds("query", text_hash(request.query, key), tenant) or self._holds(
            "query", query_hash(request.query, key), tenant
        )

    def spares(self, text: str, tenant: str | None = None, key: bytes | None = None) -> bool:
        """Whether a passage must not be dropped. `tenant` is the request's."""
        return self.has_documents and self._holds("document", document_hash(text), text_hash(tenant, key))

    def _holds(self, kind: str, value: str | None, tenant: str | None) -> bool:
        tenants = self._tenants.get((kind, value)) if value is not None else None
        return tenants is not None and (None in tenants or tenant in tenants)


def _entry(line: str) -> AllowEntry:
    try:
        values = json.loads(line)
    except ValueError:  # the base loader takes every value for text: a hash such as 123456789012e456 is no number
        values = yaml.load(line, Loader=yaml.BaseLoader)
    if not isinstance(values, dict):
        raise ValueError("an entry is a mapping such as `query: 0123456789abcdef`")
    for key in values:
        if key not in AllowEntry.model_fields:
            raise unknown_name("key", str(key), AllowEntry.model_fields)
    return AllowEntry(**values)


def _said(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors()[0]
    return ": ".join([*map(str, first["loc"]), first["msg"]])
