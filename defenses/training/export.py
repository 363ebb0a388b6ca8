"""A trained model as one folder that transformers loads: adapters merged, weights as safetensors."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from defenses.training._models import load_trained
from sentinel.errors import ConfigurationError


def export(source: str, out: Path, *, base: str | None = None, dtype: str = "auto") -> Path:
    """Write a model and its tokenizer, whole or not at all.

    Args:
        source: A run's folder (its result, else its last checkpoint), an adapter, or any model.
        out: A new or empty folder.
        base: The adapter's base where it no longer lies where the adapter says.
        dtype: "float32", "bfloat16", or "auto" for that of the base on disk.

    Returns:
        `out`.

    Raises:
        ConfigurationError: `out` is taken, or the model does not load.
        DataError: The adapter was trained on another base, or nothing was saved yet.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ConfigurationError(f"{out} is not empty; name another folder")
    model, tokenizer = load_trained(source, base, dtype)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        os.replace(part, out)
    except OSError as error:
        raise ConfigurationError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out
