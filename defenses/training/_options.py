"""What a training is told: a YAML file, then flags, each value checked against the trainer's own dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from sentinel.errors import ConfigurationError, unknown_name

FIXED = {
    "output_dir": "write 'out'",
    "resume_from_checkpoint": "add --resume",
    "trust_remote_code": "no code of a model is run",
    "model_init_kwargs": "write 'dtype'",
    "iteration": "the loop counts",
}
"""Fields of the trainers that a run decides itself, and what to do instead."""


@dataclass(frozen=True)
class Options:
    """What a run is told besides its trainer's parameters.

    Attributes:
        model: "local", a folder, a .gguf file or a hub id; see `defenses._checkpoints.model_folder`.
        data: Training data, a .jsonl file.
        out: The run's folder.
        eval_data: Held-out data in the same format, or None.
        probe_data: Pairs by which ShaPO's subspace is chosen (`shapo` alone); None for the training data.
        resume: Go on in `out` where a run was cut off.
        dtype: Of the weights in memory. Adapters can do with a base in bfloat16.
        lora_r: Rank of the adapter, >= 0; 0 trains all weights.
        lora_alpha: Scale of the adapter, times rank; > 0.
        lora_dropout: In [0, 1).
        lora_target_modules: Names of modules, or "all-linear".
    """

    model: str
    data: str
    out: str
    eval_data: str | None = None
    probe_data: str | None = None
    resume: bool = False
    dtype: Literal["float32", "bfloat16"] = "float32"
    lora_r: int = 0
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0
    lora_target_modules: str | list[str] = "all-linear"

    def __post_init__(self) -> None:
        ranges = {
            "lora_r": self.lora_r >= 0,
            "lora_alpha": self.lora_alpha > 0.0,
            "lora_dropout": 0.0 <= self.lora_dropout < 1.0,
            "lora_target_modules": bool(self.lora_target_modules),
        }
        for name, holds in ranges.items():
            if not holds:
                raise ConfigurationError(f"{name} = {getattr(self, name)!r} is not allowed")


def gather(config: Path | None, named: Mapping[str, Any], extra: Sequence[str]) -> dict[str, Any]:
    """Values of a run: those of the file, and over them those of the flags.

    Args:
        config: A YAML file that holds one mapping of names to values, or None.
        named: Flags that the command line knows by name; None where one was not given.
        extra: What else stood on the command line: `--learning-rate 1e-6`, `--beta=0.1`, `--packing`, `--no-bf16`.

    Raises:
        ConfigurationError: The file cannot be read or is no mapping, or a word of the command line is no flag.
    """
    values = _file(config) if config is not None else {}
    values |= {name: value for name, value in named.items() if value is not None}
    rest = list(extra)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise ConfigurationError(f"unexpected {word!r}: every value follows its --name")
        name, equals, value = word[2:].replace("-", "_", word[2:].partition("=")[0].count("-")).partition("=")
        if equals:
            values[name] = value
        elif rest and not rest[0].startswith("--"):
            values[name] = rest.pop(0)
        elif name.startswith("no_"):
            values[name[3:]] = False
        else:
            values[name] = True
    return values


def _file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"cannot read {path}: {why}") from None
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise ConfigurationError(f"{path}{'' if line is None else f':{line + 1}'}: not YAML") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ConfigurationError(f"{path}: a mapping of names to values is needed")
    return values


def parse(values: Mapping[str, Any], trainer: type[Any]) -> tuple[Options, dict[str, Any]]:
    """Tell a run's options from its trainer's parameters, and bring each value to its type.

    Args:
        values: From `gather`.
        trainer: The dataclass of the trainer's parameters.

    Returns:
        The options, and the parameters that were given.

    Raises:
        ConfigurationError: An unknown name, with the nearest known one; a value that is not of its type; a missing
            `model`, `data` or `out`.
    """
    own = {field.name for field in dataclasses.fields(Options)}
    theirs = {field.name for field in dataclasses.fields(trainer) if field.init} - own
    for name in values:
        if name in FIXED and name in theirs:
            raise ConfigurationError(f"{name!r} is not set here: {FIXED[name]}")
        if name not in own | theirs:
            raise unknown_name("parameter", name, (own | theirs) - set(FIXED))
    for name in ("model", "data", "out"):
        if not values.get(name):
            raise ConfigurationError(f"{name!r} is missing: give --{name} or write it in the configuration")
    hints = get_type_hints(trainer) | get_type_hints(Options)
    typed = {name: _typed(name, value, hints[name]) for name, value in values.items()}
    options = Options(**{name: value for name, value in typed.items() if name in own})
    return options, {name: value for name, value in typed.items() if name in theirs}


def _typed(name: str, value: Any, hint: Any) -> Any:
    adapter = TypeAdapter[Any](hint, config=ConfigDict(arbitrary_types_allowed=True))
    readings = [value]
    if isinstance(value, str):
        with suppress(yaml.YAMLError):
            readings.append(yaml.safe_load(value))
        readings.append([part.strip() for part in value.split(",")])
    reason = ""
    for reading in readings:
        try:
            return adapter.validate_python(reading)
        except ValidationError as error:
            reason = reason or error.errors()[0]["msg"]
    raise ConfigurationError(f"{name} = {value!r}: {reason[:1].lower()}{reason[1:]}")


def build(trainer: type[Any], parameters: Mapping[str, Any], out: str) -> Any:
    """The trainer's dataclass, with the defaults of a machine without an accelerator where there is none.

    Raises:
        ConfigurationError: The trainer refuses a value.
    """
    import torch

    given = dict(parameters)
    given.setdefault("disable_tqdm", True)
    given.setdefault("report_to", "none")
    if not torch.accelerator.is_available():
        given.setdefault("use_cpu", True)
    if given.get("use_cpu"):
        # Half precision is slower here than it saves, and there is memory to keep activations.
        given.setdefault("bf16", False)
        given.setdefault("gradient_checkpointing", False)
    try:
        return trainer(output_dir=out, **given)
    except (ValueError, TypeError, ImportError, NotImplementedError) as error:
        raise ConfigurationError(" ".join(str(error).split())) from None
