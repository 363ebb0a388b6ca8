"""Models and adapters from folders, for training, measuring and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from peft import LoraConfig, PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint

from defenses._checkpoints import model_folder
from defenses.training import _preferences as preferences
from defenses.training._options import Options
from sentinel.errors import ConfigurationError, DataError

ADAPTER = "adapter_config.json"


def load_base(source: str, dtype: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model to train, and its tokenizer, which pads.

    Args:
        source: See `defenses._checkpoints.model_folder`.
        dtype: "float32", "bfloat16", or "auto" for that of the weights on disk.

    Raises:
        ConfigurationError: There is no such model, it does not load, or it is an adapter.
    """
    # One process unpacks or downloads, the others find it done.
    with PartialState().main_process_first():
        folder = model_folder(source)
    if (folder / ADAPTER).is_file():
        raise ConfigurationError(f"{source} is an adapter; make a model of it first: sentinel-train export")
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto" if dtype == "auto" else getattr(torch, dtype))
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigurationError(f"the model in {source} does not load: {' '.join(str(error).split())}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def lora(options: Options) -> LoraConfig | None:
    """The adapter that the options ask for; None for training of all weights."""
    if options.lora_r == 0:
        return None
    return LoraConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=options.lora_target_modules,
        task_type="CAUSAL_LM",
    )


def find_trained(source: str) -> Path:
    """The folder of weights that a name means: of a run its result, else its last checkpoint.

    Args:
        source: A run's folder, a folder of checkpoints, or whatever `model_folder` takes.

    Raises:
        ConfigurationError: There is no such model.
        DataError: The run was cut off before anything was saved.
    """
    root = Path(source).expanduser()
    if not root.is_dir() or any((root / name).is_file() for name in ("config.json", ADAPTER)):
        return model_folder(source)
    iterations = sorted(root.glob("iteration-*/model"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    for folder in [root / "model", *reversed(iterations)]:
        if folder.is_dir():
            return folder
    for folder in (root, root / "checkpoints"):
        last = get_last_checkpoint(str(folder)) if folder.is_dir() else None  # type: ignore[no-untyped-call]
        if last:
            return Path(last)
    if any((root / name).is_file() for name in ("training.json", "run.json")):
        raise DataError(f"the run in {source} was cut off before anything was saved; go on with it: --resume")
    return model_folder(source)


def load_trained(
    source: str, base: str | None = None, dtype: str = "auto"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model to use, an adapter merged into its base, and its tokenizer.

    Args:
        source: See `find_trained`.
        base: The adapter's base where it no longer lies where the adapter says; None to look there.
        dtype: As in `load_base`.

    Raises:
        ConfigurationError: There is no such model, or it does not load.
        DataError: The adapter was trained on another base, or nothing was saved yet.
    """
    folder = find_trained(source)
    if not (folder / ADAPTER).is_file():
        if base is not None:
            raise ConfigurationError(f"{source} is a whole model; 'base' goes with an adapter")
        return load_base(str(folder), dtype)
    named = base or str(PeftConfig.from_pretrained(str(folder)).base_model_name_or_path)
    model, tokenizer = load_base(named, dtype)
    if (folder / preferences.IDENTITY_FILE).is_file():
        rounded = preferences.model_identity(model, torch.bfloat16)
        preferences.check_identity(folder, preferences.model_identity(model), rounded)
    try:
        merged: Any = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise DataError(f"the adapter in {folder} does not fit {named}: {' '.join(str(error).split())}") from error
    if (folder / "tokenizer_config.json").is_file():
        tokenizer = AutoTokenizer.from_pretrained(folder)
    return merged, tokenizer


def to_accelerator(model: Any) -> None:
    """Move a model to the accelerator where there is one."""
    if torch.accelerator.is_available():
        model.to(torch.accelerator.current_accelerator())
