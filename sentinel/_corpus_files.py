"""A corpus profile on disk: JSON and plain arrays, each with its SHA-256; nothing is pickled."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinel.errors import DataError

SCHEMA = 1
HEADER = "profile.json"


def write(folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as `<name>.npy`, then the header with their hashes; arrays of an earlier profile go.

    Args:
        folder: Created if need be.
        facts: Plain JSON values.
        arrays: Arrays of numbers by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {"schema": SCHEMA, **facts}
    for name, array in arrays.items():
        held = io.BytesIO()
        np.lib.format.write_array(held, np.ascontiguousarray(array), allow_pickle=False)
        (folder / f"{name}.npy").write_bytes(held.getvalue())
        header[f"{name}_sha256"] = hashlib.sha256(held.getvalue()).hexdigest()
    (folder / HEADER).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")


def read_header(folder: Path) -> dict[str, Any]:
    """The header of a profile.

    Raises:
        DataError: Another schema.
        OSError, ValueError, KeyError, TypeError: No header that could be read.
    """
    header: dict[str, Any] = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    if header["schema"] != SCHEMA:
        raise DataError(f"{folder}: schema {header['schema']}, this version reads {SCHEMA}")
    return header


def read_array(folder: Path, header: Mapping[str, Any], name: str) -> NDArray[Any]:
    """An array whose bytes are those that were saved.

    Raises:
        DataError: The file is another one.
        OSError, ValueError, KeyError: No such array, or none that could be read.
    """
    raw = (folder / f"{name}.npy").read_bytes()
    if hashlib.sha256(raw).hexdigest() != header[f"{name}_sha256"]:
        raise DataError(f"{folder}: {name}.npy is not the file that was saved")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)  # the very bytes hashed
    return array
