"""Decision records as lines of JSON in a file that several processes may share, with rotation.

A line is whole or it is not there: one process writes at a time (a lock on `FILE.lock`), a write that the disk cuts
short is taken back, and a rotation by another process is noticed before the next line. Where the system has no
`flock` (Windows) that holds within one process only: give each process a file of its own there.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sentinel.errors import ConfigurationError, DataError
from strategist.decision import Decision

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

MODE = 0o600
_DAY = 86_400


class JsonlSink:
    """Appends a record for each decision, and puts the file aside when it is full or a day (UTC) is over.

    `FILE` is the one that is written, `FILE.1` the one before it, up to `FILE.<backups>`, after which the oldest is
    deleted. Files are created with mode 0600; one that exists keeps its own. Every line is handed to the system
    before the call returns, so a process that dies loses none; `flush="disk"` waits for the disk too, so that a
    machine that dies loses none either, at the price of a disk's latency for each request.

    Args:
        path: The file. Its folder must exist.
        max_bytes: Size beyond which the file is put aside; a single longer record has a file to itself.
        backups: Files kept beside the one that is written, at least 1.
        daily: Put the file aside at the first record of a new day too.
        text: Write queries in clear instead of their hashes.
        key: Secret for the hashes; None leaves it to the decision's own (see `DefendedRetriever.hash_key`).
        flush: `os` or `disk`, see above.

    Raises:
        ConfigurationError: The folder does not exist, the path is no plain file, or a number is out of range.
    """

    _file: int | None = None
    _lock: int | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 64 * 1024 * 1024,
        backups: int = 10,
        daily: bool = False,
        text: bool = False,
        key: str | bytes | None = None,
        flush: Literal["os", "disk"] = "os",
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        if not self.path.parent.is_dir():
            raise ConfigurationError(f"{self.path}: its folder does not exist")
        if self.path.exists() and not self.path.is_file():
            raise ConfigurationError(f"{self.path}: not a plain file")
        if max_bytes < 1 or backups < 1:
            raise ConfigurationError(f"max_bytes and backups must be at least 1, not {max_bytes} and {backups}")
        if flush not in ("os", "disk"):
            raise ConfigurationError(f"flush must be 'os' or 'disk', not {flush!r}")
        if key is not None and not key:
            raise ConfigurationError("the key of the hashes is empty")
        self.max_bytes, self.backups, self.daily = max_bytes, backups, daily
        self.text, self.flush = text, flush
        self.key = key.encode() if isinstance(key, str) else key
        self._reset()
        _sinks.add(self)

    def _reset(self) -> None:
        self._mutex = threading.Lock()
        self._file = self._lock = None

    def __call__(self, decision: Decision) -> None:
        """Write one record.

        Raises:
            OSError: It could not be written, whole; nothing of it stands in the file.
        """
        record = decision.record(text=self.text, key=self.key)
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
        with self._mutex, self._alone():
            file = self._current(len(line))
            _append(file, line)
            if self.flush == "disk":
                os.fsync(file)

    def close(self) -> None:
        """Give the files back. A later decision opens them again."""
        with self._mutex:
            self.__del__()

    def __del__(self) -> None:
        for descriptor in (self._file, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._file = self._lock = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process, and no other sink of this one, writes or rotates meanwhile."""
        if fcntl is None:  # pragma: no cover
            yield
            return
        if self._lock is None:
            self._lock = os.open(_lock_file(self.path), os.O_RDWR | os.O_CREAT, MODE)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _current(self, more: int) -> int:
        """The file to write `more` bytes to, rotated if they no longer fit."""
        file = self._opened()
        state = os.fstat(file)
        full = state.st_size + more > self.max_bytes
        over = self.daily and int(state.st_mtime) // _DAY < int(time.time()) // _DAY
        if not state.st_size or not (full or over):
            return file
        os.close(file)
        self._file = None
        for number in range(self.backups - 1, 0, -1):
            _move(_numbered(self.path, number), _numbered(self.path, number + 1))
        os.replace(self.path, _numbered(self.path, 1))
        return self._opened()

    def _opened(self) -> int:
        """The file of this path: what is open, unless another process has put it aside or somebody deleted it."""
        if self._file is not None:
            try:
                there, ours = os.stat(self.path), os.fstat(self._file)
                if (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
                    return self._file
            except FileNotFoundError:
                pass
            os.close(self._file)
            self._file = None
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, MODE)
        return self._file


_sinks: weakref.WeakSet[JsonlSink] = weakref.WeakSet()


def _forked() -> None:
    # A child shares its parent's lock, which would let both write at once, and may inherit a mutex that was held.
    for sink in list(_sinks):
        inherited = (sink._file, sink._lock)
        sink._reset()
        for descriptor in inherited:
            if descriptor is not None:
                os.close(descriptor)  # the parent's own stays open, and its lock with it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _append(file: int, line: bytes) -> None:
    """Write all of it or nothing."""
    size = os.fstat(file).st_size
    if size:
        os.lseek(file, size - 1, os.SEEK_SET)
        if os.read(file, 1) != b"\n":  # a writer that was killed left half a line; ours is not to continue it
            line = b"\n" + line
    done = 0
    try:
        while done < len(line):
            done += os.write(file, line[done:])
    except OSError:
        os.ftruncate(file, size)
        raise


def _move(old: Path, new: Path) -> None:
    if old.exists():
        os.replace(old, new)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def read_decisions(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Every record of a sink's files, oldest first, the rotated ones included.

    A line that a killed writer left half-written is not a record and is refused as such; read the file's other lines
    by deleting it.

    Args:
        path: The path that the sink was given.

    Raises:
        DataError: There is no such file, a file cannot be read, or a line is no decision record.
    """
    path = Path(path).expanduser()
    with ExitStack() as stack:
        try:
            with _steady(path):
                numbers = [
                    int(tail)
                    for file in path.parent.iterdir()
                    if file.name.startswith(f"{path.name}.") and (tail := file.name[len(path.name) + 1 :]).isdigit()
                ]
                files = [_numbered(path, number) for number in sorted(numbers, reverse=True)]
                files += [path] if path.exists() else []
                opened = [(file, stack.enter_context(file.open("rb"))) for file in files]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        if not opened:
            raise DataError(f"{path}: no such file")
        for name, handle in opened:
            yield from _records(name, handle)


def _records(name: Path, handle: BinaryIO) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(handle, 1):
        if line.strip():
            yield parse_decision(line, f"{name}:{number}")


def parse_decision(text: str | bytes, where: str) -> dict[str, Any]:
    """One record from its JSON.

    Raises:
        DataError: It is no JSON, no decision record, or one of another schema.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not a decision record (not JSON: {error})") from None
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise DataError(f"{where}: not a decision record (no id)")
    if record.get("schema") != 1:
        raise DataError(f"{where}: a decision record of schema {record.get('schema')!r}; this version reads 1")
    return record


@contextmanager
def _steady(path: Path) -> Iterator[None]:
    """No rotation meanwhile, if the lock may be used; a copy of the files has none."""
    try:
        lock = os.open(_lock_file(path), os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)
