"""Which code made a figure."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGES = ("sentinel", "defenses", "strategist", "benchmarks")


def code_hash() -> str:
    """First 16 hexadecimal digits of the SHA-256 over the four packages' sources and models."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".json") and path.is_file():
                digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
