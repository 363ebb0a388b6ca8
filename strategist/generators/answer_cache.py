"""Answers kept on disk by the hash of their prompt, so that no generator answers the same prompt twice."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from defenses.generator import AttentiveGenerator, Generator, Prompt
from sentinel._files import cache_folder
from sentinel.errors import ComponentError, ConfigurationError
from strategist._cache_file import CacheFile
from strategist.generators.forwarding import ForwardsAttention

SCHEMA = 1
_ASKED_AT_ONCE = 32
"""Prompts answered between two writes: what an interruption loses."""


class AnswerCache(CacheFile):
    """Any `Generator`, with its answers kept in SQLite; see `cached`, which makes them.

    One row per answer: SHA-256 over fingerprint, prompt, longest answer and way of generating; a checksum; the text.
    Several threads and processes may share the file. The cache never fails a request: a corrupt file is made anew, a
    folder that cannot be written to is done without, both with a warning.

    For measurements and repeated work. In service it tells by its speed what was asked before, and by whomever.

    Args:
        generator: What answers; greedy, or the first answer drawn is the one that stays.
        folder: Where the file lies; by default $SENTINEL_CACHE, else ~/.cache/sentinel-strategist. Created readable
            by its owner alone: answers may repeat documents.
        fingerprint: Name of what the answers depend on, for generators that have none of their own.

    Raises:
        ConfigurationError: The generator has no `fingerprint`, and none is given.
    """

    _schema = SCHEMA
    _kept = "answer cache"
    _renewing = "making the answer cache {path} anew"

    def __init__(
        self, generator: Generator, folder: str | os.PathLike[str] | None = None, *, fingerprint: str | None = None
    ) -> None:
        known = fingerprint or getattr(type(generator), "fingerprint", None) or getattr(generator, "fingerprint", None)
        if not known:
            raise ConfigurationError(f"generator {generator.name} has no fingerprint: give one to tell its answers by")
        self.inner = generator
        self.folder = Path(folder).expanduser() if folder is not None else cache_folder()
        self._fingerprint = fingerprint

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    @property
    def name(self) -> str:
        """The generator's own name: from the cache it is the same answer."""
        return self.inner.name

    @property
    def fingerprint(self) -> str:
        """What the answers depend on besides the prompt."""
        return self._fingerprint or str(self.inner.fingerprint)  # type: ignore[attr-defined]

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.folder / "answers.sqlite3"

    def generate(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """As the generator's own; each distinct prompt is answered at most once."""
        return self._answers("plain", self.inner.generate, prompts, max_tokens)

    def stream(self, prompt: Prompt, *, max_tokens: int | None = None) -> Iterator[str]:
        """As the generator's own where the answer is not known; else the answer in one piece."""
        key = self._key("plain", prompt, max_tokens)
        known = self._read([key]).get(key)
        if known is not None:
            yield from (known,) if known else ()
            return
        pieces: list[str] = []
        own: Callable[..., Iterator[str]] | None = getattr(self.inner, "stream", None)
        if own is None:
            yield from filter(None, self.generate([prompt], max_tokens=max_tokens))
            return
        for piece in own(prompt, max_tokens=max_tokens):
            pieces.append(piece)
            yield piece
        self._write({key: "".join(pieces)})

    def _answers(
        self, mode: str, ask: Callable[..., list[str]], prompts: Sequence[Prompt], max_tokens: int | None
    ) -> list[str]:
        keys = [self._key(mode, prompt, max_tokens) for prompt in prompts]
        found = self._read(list(dict.fromkeys(keys)))
        missing = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in found}
        names = list(missing)
        for start in range(0, len(names), _ASKED_AT_ONCE):
            chunk = names[start : start + _ASKED_AT_ONCE]
            made = ask([missing[key] for key in chunk], max_tokens=max_tokens)
            if len(made) != len(chunk) or not all(isinstance(text, str) for text in made):
                raise ComponentError(self.name, f"{len(made)} answers to {len(chunk)} prompts, or not all of them text")
            new = dict(zip(chunk, made, strict=True))
            self._write(new)
            found |= new
        return [found[key] for key in keys]

    def _key(self, mode: str, prompt: Prompt, max_tokens: int | None) -> bytes:
        # Where the documents stand changes nothing but what depends on it.
        documents = prompt.documents if mode != "plain" else ()
        facts = [self.fingerprint, mode, prompt.system, prompt.user, prompt.start, documents, max_tokens]
        return hashlib.sha256(json.dumps(facts).encode()).digest()

    def _read(self, keys: list[bytes]) -> dict[bytes, str]:
        rows = self._rows("SELECT key, sum, answer FROM answers WHERE key IN", keys)
        # SQLite has no checksums of its own: a flipped bit in an answer would pass for an answer.
        return {bytes(key): _text(answer) for key, total, answer in rows if _sum(answer) == total}

    def _write(self, answers: dict[bytes, str]) -> None:
        rows = []
        for key, text in answers.items():
            answer = text.encode("utf-8", "surrogatepass")
            rows.append((key, _sum(answer), answer))
        self._insert("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)

    def _fill(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "CREATE TABLE answers (key BLOB PRIMARY KEY, sum BLOB NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID"
        )

    def _check(self, connection: sqlite3.Connection) -> None:
        connection.execute("SELECT key, sum, answer FROM answers LIMIT 1")


class _AttentiveAnswerCache(ForwardsAttention, AnswerCache):
    """The same for a generator whose attention can be changed and read. What is read is not kept: it is large."""

    inner: Any

    def generate_isolated(self, prompts: Sequence[Prompt], *, max_tokens: int | None = None) -> list[str]:
        """As the generator's own; each distinct prompt is answered at most once."""
        return self._answers("isolated", self.inner.generate_isolated, prompts, max_tokens)


def cached(
    generator: Generator, folder: str | os.PathLike[str] | None = None, *, fingerprint: str | None = None
) -> AnswerCache:
    """A generator whose answers are kept on disk; an `AttentiveGenerator` stays one. See `AnswerCache`."""
    kind = _AttentiveAnswerCache if isinstance(generator, AttentiveGenerator) else AnswerCache
    return kind(generator, folder, fingerprint=fingerprint)


def _sum(answer: Any) -> bytes:
    return hashlib.sha256(answer).digest()[:8] if isinstance(answer, bytes) else b""


def _text(answer: bytes) -> str:
    return answer.decode("utf-8", "surrogatepass")
