"""One run of `sentinel-train`: everything checked first, then trained, and the result put down as a whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from rich.console import Console
from trl import SFTConfig

from defenses.training import _data, _options
from defenses.training._console import ConsoleCallback
from defenses.training._guards import GuardedTrainer
from defenses.training._models import load_base, lora
from defenses.training._preferences import check_preferences
from defenses.training.iris_config import IRISConfig
from defenses.training.self_play_loop import self_play
from defenses.training.shapo_config import ShaPOConfig
from defenses.training.shapo_trainer import ShaPOTrainer
from defenses.training.supervised_trainer import SupervisedTrainer, check_examples
from sentinel.errors import ConfigurationError, DataError

CONFIGS: dict[str, type[Any]] = {"sft": SFTConfig, "shapo": ShaPOConfig, "iris": IRISConfig}
FORMATS = {
    "sft": (_data.COMPLETIONS, _data.MESSAGES, _data.TEXT),
    "shapo": (_data.PREFERENCES,),
    "iris": (_data.COMPLETIONS, _data.MESSAGES),
}
STATE = "training.json"


def train(method: str, values: Mapping[str, Any], console: Console) -> Path:
    """Train as told.

    Args:
        method: "sft", "shapo" or "iris".
        values: From `_options.gather`.
        console: For progress.

    Returns:
        The folder of the trained model, or of its adapter.

    Raises:
        ConfigurationError: A value is unknown or out of range, the model does not load, or `out` is taken.
        DataError: The data cannot be trained on, or `out` holds another run.
        ComponentError: The loss was not finite.
    """
    options, parameters = _options.parse(values, CONFIGS[method])
    for name, methods in (("eval_data", ("sft", "shapo")), ("probe_data", ("shapo",))):
        if getattr(options, name) is not None and method not in methods:
            raise ConfigurationError(f"{name!r} goes with {' and '.join(methods)}, not with {method}")
    out = Path(options.out).expanduser()
    args = _options.build(CONFIGS[method], parameters, str(out if method == "iris" else out / "checkpoints"))
    data, held_out, probe = (_dataset(method, path) for path in (options.data, options.eval_data, options.probe_data))
    state = {"schema": 1, "method": method, "data": _digest(options.data), "lora_r": options.lora_r}
    _check_folder(out, state, options.resume)
    model, tokenizer = load_base(options.model, options.dtype)
    with PartialState().main_process_first():
        out.mkdir(parents=True, exist_ok=True)
        _write(out / STATE, {**state, "model": options.model})
    progress = ConsoleCallback(console)
    try:
        if method == "iris":
            self_play(model, args, data, tokenizer, peft_config=lora(options), callbacks=[progress])
            return out / f"iteration-{args.iterations - 1}" / "model"
        trainer: GuardedTrainer
        common: dict[str, Any] = {
            "args": args, "train_dataset": data, "eval_dataset": held_out, "processing_class": tokenizer,
            "peft_config": lora(options), "callbacks": [progress],
        }  # fmt: skip
        try:
            if method == "sft":
                trainer = SupervisedTrainer(model, **common)
            else:
                trainer = ShaPOTrainer(model, probe_dataset=probe, **common)
        except (ValueError, TypeError) as error:  # TRL's: no chat template, modules that an adapter does not find
            raise ConfigurationError(" ".join(str(error).split())) from error
        resumes = options.resume and any((out / "checkpoints").glob("checkpoint-*"))
        result = trainer.train(resume_from_checkpoint=resumes)
        _save(trainer, out / "model")
        if trainer.is_world_process_zero():
            metrics = {**result.metrics, **({} if held_out is None else trainer.evaluate())}
            _write(out / STATE, {**state, "model": options.model, "metrics": metrics})
        elif held_out is not None:
            trainer.evaluate()
        return out / "model"
    finally:
        progress.close()


def _dataset(method: str, path: str | None) -> Any:
    """Checked rows of a file; None for no file."""
    if path is None:
        return None
    data: Dataset = _data.read(path, FORMATS[method])
    if method == "shapo":
        check_preferences(data, path)
    elif method == "sft":
        check_examples(data, path)
    return _data.as_completions(data) if method == "iris" else data


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()


def _check_folder(out: Path, state: Mapping[str, Any], resume: bool) -> None:
    """Neither write over a run nor mix two.

    Raises:
        ConfigurationError: The folder is taken, and nobody asked to resume.
        DataError: It holds no run, or one of another method, other data or another adapter.
    """
    known: Any = None
    if (out / STATE).is_file():
        try:
            known = json.loads((out / STATE).read_text(encoding="utf-8"))
        except ValueError:
            known = {}
    if not resume:
        if known is not None:
            raise ConfigurationError(f"{out} holds a run; add --resume to go on with it, or name another folder")
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise ConfigurationError(f"{out} is not empty, and what is in it is no run; name another folder")
        return
    if not isinstance(known, dict):
        raise DataError(f"{out} holds no run to resume")
    for name, what in (("method", "of another method"), ("data", "on other data"), ("lora_r", "of another adapter")):
        if known.get(name) != state[name]:
            raise DataError(f"{out} holds a run {what}; resume with the same, or use a new folder")


def _save(trainer: GuardedTrainer, folder: Path) -> None:
    """The model whole or not at all."""
    part = folder.with_name(folder.name + ".part")
    if trainer.is_world_process_zero():
        shutil.rmtree(part, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(part))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    trainer.accelerator.wait_for_everyone()


def _write(path: Path, state: Mapping[str, Any]) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)
