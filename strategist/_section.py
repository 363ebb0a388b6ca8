"""What the sections of a configuration have in common: they are frozen and closed, and know the file's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from sentinel.errors import ConfigurationError
from strategist._yaml import Key


class Section(BaseModel):
    """A mapping of a configuration; an unknown key in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def folder_of(info: ValidationInfo) -> Path | None:
    """The folder of the file that is being read; None for a configuration built in Python."""
    folder: Path | None = (info.context or {}).get("folder")
    return folder


def _anchored(path: Path, info: ValidationInfo) -> Path:
    folder = folder_of(info)
    path = path.expanduser()
    return path if folder is None else folder / path


AnchoredPath = Annotated[Path, AfterValidator(_anchored)]
"""What a file says of paths counts from the file's own folder."""


def _model(spec: str, info: ValidationInfo) -> str:
    folder = folder_of(info)
    if folder is None or spec == "local":
        return spec
    path = folder / Path(spec).expanduser()
    weights = spec.endswith(".gguf") and ":" not in spec  # `provider:name.gguf` is no file
    return str(path) if spec.startswith((".", "~")) or weights or path.is_dir() else spec


ModelName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_model)]
"""`local`, a folder or a file, a hub id; what is a place on the disk counts from the file's own folder."""


def at(place: Key, error: ConfigurationError) -> PydanticCustomError:
    """The error for a value further in than pydantic knows of.

    Args:
        place: Keys and places in lists, from the section inwards.
        error: What is wrong, in our words.
    """
    return PydanticCustomError("said", "{said}", {"said": str(error), "place": place})
