"""A real redis-server on a free port, for as long as a test needs it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ABSENT = shutil.which("redis-server") is None
needs_redis = pytest.mark.skipif(ABSENT, reason="redis-server is not installed: state in Redis is not tested here")


@dataclass
class Server:
    """A running server; `process` may be killed, stopped and continued."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: int = 0, password: str = "") -> str:
        return f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/{database}"


@contextmanager
def redis_server(folder: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """Start a server; it keeps nothing on disk unless the options say so, and is gone at the end."""
    server = _started(folder, options, port)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _started(folder: Path, options: tuple[str, ...], port: int | None) -> Server:
    for _ in range(5):  # somebody else may take the port between the look and the start
        number = port or _free_port()
        process = subprocess.Popen(
            [
                "redis-server",
                "--port",
                str(number),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(folder),
                "--save",
                "",
                *options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", number), timeout=5) as line:
                    line.sendall(b"PING\r\n")
                    if line.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return Server(number, process)
            except OSError:
                pass
            time.sleep(0.02)
    raise RuntimeError("redis-server does not start")


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        number: int = line.getsockname()[1]
    return number
