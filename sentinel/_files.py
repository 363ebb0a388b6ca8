"""Model files: what they hash to, where converted ones lie, and how their errors read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sentinel.errors import ConfigurationError


def cache_folder() -> Path:
    """$SENTINEL_CACHE, else ~/.cache/sentinel-strategist."""
    return Path(os.environ.get("SENTINEL_CACHE") or Path.home() / ".cache" / "sentinel-strategist").expanduser()


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """No bars of hundreds of tensors on a user's console while transformers loads something."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file, computed once per process, size and time of change."""
    try:
        state = path.stat()
        return _sha256_of(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


@lru_cache(maxsize=256)
def _sha256_of(path: Path, size: int, mtime_ns: int) -> str:
    """Size and time are only the key under which a hash is remembered within this process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def one_line(error: BaseException) -> str:
    """An error in one short line."""
    text = " ".join(str(error).split()) or "no reason given"
    return f"{type(error).__name__}: {text[:200]}"
