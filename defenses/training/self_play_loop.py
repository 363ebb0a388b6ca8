"""Self-play: sample from the model, set its responses against real ones, train, and go on from what came out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_utils import get_last_checkpoint

from defenses.training import _preferences as preferences
from defenses.training._tokens import split_tokens
from defenses.training.iris_config import IRISConfig
from defenses.training.iris_trainer import IRISTrainer
from sentinel.errors import ComponentError, ConfigurationError, DataError

Sampler = Callable[[PreTrainedModel, Sequence[Sequence[int]], IRISConfig, int], list[list[int]]]
"""From a model, prompts as tokens, parameters and a seed to responses as tokens, one for each prompt."""


def self_play(
    model: PreTrainedModel | str,
    args: IRISConfig,
    train_dataset: Dataset,
    processing_class: PreTrainedTokenizerBase,
    *,
    peft_config: Any = None,
    sampler: Sampler | None = None,
    **given: Any,
) -> PreTrainedModel:
    """Run the iterations of IRIS, or of a baseline, and go on where an earlier call was cut off.

    Iteration t lives in `args.output_dir/iteration-t`: `synthetic.jsonl` (a line per prompt, appended as they are
    sampled), `trainer/` (its checkpoints), `state.json` (order and gap) and `model/`, which is there only once it is
    whole. The same call again skips what is there, samples only missing lines and resumes the last checkpoint.
    With `peft_config` each iteration trains a new adapter, merged at its end: the base is the reference.

    Args:
        model: Where to start, or its path. An object is trained in place during the first iteration.
        args: Parameters; `iteration` is set by the loop.
        train_dataset: `prompt` and `completion`, both texts or both chat messages.
        processing_class: The tokenizer.
        peft_config: An adapter to train instead of all weights.
        sampler: What draws synthetic responses; where it is None, what `args.sampler` names. One that has a `close` is
            closed before an iteration trains.
        **given: For `IRISTrainer`: `callbacks`, `eval_dataset`.

    Returns:
        The model of the last iteration.

    Raises:
        DataError: The data is empty or malformed, or the folder holds iterations of another model, other data or
            other parameters.
        ConfigurationError: More than one process runs, or vLLM is asked for and not installed.
        ComponentError: The loss, or a reference log-probability, was not finite.
    """
    if args.world_size > 1:
        raise ConfigurationError("self_play runs in one process; launch IRISTrainer itself on several")
    real = _tokenised(train_dataset, processing_class, args)
    root = Path(args.output_dir)
    current = AutoModelForCausalLM.from_pretrained(model) if isinstance(model, str) else model
    if current.generation_config.eos_token_id is None:
        current.generation_config.eos_token_id = processing_class.eos_token_id
    _check_run(root, _run_identity(current, real, args, peft_config))
    draw = _sampler(args) if sampler is None else sampler
    for iteration in range(args.iterations):
        folder = root / f"iteration-{iteration}"
        if not (folder / "model").is_dir():
            current = _iterate(
                current, folder, dataclasses.replace(args, iteration=iteration), real, processing_class,
                peft_config, draw, given,
            )  # fmt: skip
        elif iteration + 1 == args.iterations or not (root / f"iteration-{iteration + 1}" / "model").is_dir():
            current = _load(folder / "model", current)
    return current


def _sampler(args: IRISConfig) -> Sampler:
    if args.sampler == "transformers":
        return sample
    from defenses.training.vllm_sampler import VLLMSampler

    return VLLMSampler(args.vllm_memory)


def sample(model: PreTrainedModel, prompts: Sequence[Sequence[int]], args: IRISConfig, seed: int) -> list[list[int]]:
    """Draw one response to each prompt with `transformers`, left-padded together.

    Args:
        model: The current iterate.
        prompts: Tokens of each prompt.
        args: Temperature, nucleus and length.
        seed: Of this batch alone; the caller's generators are left as they were.

    Returns:
        Tokens of each response, the end token included where the model set it, at least one each.
    """
    kept = model.generation_config
    pad = kept.pad_token_id if kept.pad_token_id is not None else 0
    ends = {kept.eos_token_id} if isinstance(kept.eos_token_id, int) else set(kept.eos_token_id or ())
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    devices = [model.device] if model.device.type == "cuda" else []
    # A model's own settings, a repetition penalty say, would draw from another law than the one that is trained.
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=0,
        max_new_tokens=args.max_new_tokens,
        pad_token_id=pad,
        eos_token_id=sorted(ends) or None,
    )
    model.train(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            drawn = model.generate(input_ids=ids, attention_mask=mask)  # type: ignore[operator]
    finally:
        model.generation_config = kept
    return [_until_end(row, ends) for row in drawn[:, width:].tolist()]


def _until_end(tokens: list[int], ends: set[int]) -> list[int]:
    for position, token in enumerate(tokens):
        if token in ends:
            return tokens[: position + 1]
    return tokens


def _iterate(
    model: PreTrainedModel,
    folder: Path,
    args: IRISConfig,
    real: list[dict[str, list[int]]],
    tokenizer: PreTrainedTokenizerBase,
    peft_config: Any,
    sampler: Sampler,
    given: dict[str, Any],
) -> PreTrainedModel:
    """One iteration: sample, pair, train, save."""
    folder.mkdir(parents=True, exist_ok=True)
    own = _synthetic(model, folder / "synthetic.jsonl", args, real, sampler)
    if close := getattr(sampler, "close", None):
        close()  # an engine's memory is wanted for training
    pairs = _pairs(real, own)
    if args.mix_previous and args.iteration > 0:
        earlier = folder.parent / f"iteration-{args.iteration - 1}" / "synthetic.jsonl"
        pairs += _pairs(real, _lines(earlier))
    args.output_dir = str(folder / "trainer")
    if args.gap_scale is None and args.iteration > 0:
        args.gap_scale = _state(folder.parent / "iteration-0" / "state.json")["gap_scale"]
    trainer = IRISTrainer(
        model, args=args, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer, peft_config=peft_config,
        **given,
    )  # fmt: skip
    scale = args.gap_scale if args.gap_scale is not None else (trainer.gap if trainer.gap > 0.0 else None)
    state = {"schema": 1, "iteration": args.iteration, "alpha": trainer.alpha, "gap": trainer.gap, "gap_scale": scale}
    _write(folder / "state.json", json.dumps(state) + "\n")
    trainer.train(resume_from_checkpoint=_last_checkpoint(args.output_dir))
    trained = trainer.model.merge_and_unload() if peft_config is not None else trainer.model
    whole = folder / "model.part"
    shutil.rmtree(whole, ignore_errors=True)
    trained.save_pretrained(whole)
    tokenizer.save_pretrained(whole)
    os.replace(whole, folder / "model")
    shutil.rmtree(args.output_dir, ignore_errors=True)
    # Loaded anew: the trainer has patched the forward pass of the one in hand, and may have wrapped it.
    return _load(folder / "model", model)


def _last_checkpoint(folder: str) -> str | None:
    if not Path(folder).is_dir():
        return None
    last: str | None = get_last_checkpoint(folder)  # type: ignore[no-untyped-call]
    return last


def _load(folder: Path, like: PreTrainedModel) -> PreTrainedModel:
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=like.dtype)
    loaded.to(like.device)  # type: ignore[arg-type]
    return loaded


def _synthetic(
    model: PreTrainedModel, path: Path, args: IRISConfig, real: list[dict[str, list[int]]], sampler: Sampler
) -> list[list[int]]:
    """The model's response to each prompt: what stands in the file, and what is missing drawn and appended."""
    done = _lines(path)
    size = args.generation_batch_size
    # A batch is drawn from a seed of its own: cut off within one, it is drawn again as a whole.
    start = len(done) if len(done) == len(real) else len(done) // size * size
    own = done[:start]
    whole = "".join(_line(tokens) for tokens in own)
    if path.is_file() and path.read_text(encoding="utf-8") != whole:
        _write(path, whole)
    for first in range(start, len(real), size):
        prompts = [row["prompt_ids"] for row in real[first : first + size]]
        seed = int.from_bytes(hashlib.sha256(f"{args.seed}|{args.iteration}|{first}".encode()).digest()[:4], "big")
        try:
            drawn = sampler(model, prompts, args, seed)
        except RuntimeError as error:  # probabilities that are no numbers, or no memory
            raise ComponentError("sampler", f"iteration {args.iteration}: {' '.join(str(error).split())}") from error
        if len(drawn) != len(prompts) or not all(drawn):
            raise ComponentError("sampler", f"{len(drawn)} responses to {len(prompts)} prompts, or an empty one")
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(_line(tokens) for tokens in drawn))
            file.flush()
            os.fsync(file.fileno())
        own += drawn
    return own


def _line(tokens: Sequence[int]) -> str:
    return json.dumps({"ids": list(tokens)}) + "\n"


def _lines(path: Path) -> list[list[int]]:
    """Whole lines of a file of responses; a last one that was cut off is not there."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    try:
        return [[int(token) for token in json.loads(line)["ids"]] for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: {error}") from None


def _pairs(real: list[dict[str, list[int]]], own: list[list[int]]) -> list[dict[str, list[int]]]:
    return [{**row, "rejected_ids": tokens} for row, tokens in zip(real, own, strict=True)]


def _tokenised(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, args: IRISConfig) -> list[dict[str, list[int]]]:
    """Prompts and real responses as tokens, `prompt_ids` and `chosen_ids`, the end token after the response.

    Raises:
        DataError: Empty, a column missing, an empty response, or a prompt that fills the window.
    """
    if len(dataset) == 0:
        raise DataError("training data is empty")
    for column in ("prompt", "completion"):
        if column not in dataset.column_names:
            raise DataError(f"training data has no column {column!r}; there are {', '.join(dataset.column_names)}")
    pairs = [
        split_tokens(row["prompt"], row["completion"], tokenizer, index) for index, row in enumerate(_rows(dataset))
    ]
    rows = [{"prompt_ids": prompt, "chosen_ids": completion} for prompt, completion in pairs]
    too_long = sum(len(row["prompt_ids"]) + 1 > (args.max_length or len(row["prompt_ids"]) + 1) for row in rows)
    if too_long:
        raise DataError(f"{too_long} of {len(rows)} prompts fill the window of max_length = {args.max_length} tokens")
    return rows


def _rows(dataset: Dataset) -> Iterator[dict[str, Any]]:
    yield from dataset


_RUN_FIELDS = (
    "objective", "alpha_schedule", "alpha", "alpha_min", "alpha_max", "gap_scale", "exponent_clamp",
    "length_normalised", "max_new_tokens", "temperature", "top_p", "generation_batch_size", "mix_previous", "beta",
    "seed", "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size",
    "gradient_accumulation_steps", "max_length",
)  # fmt: skip
"""Parameters that decide what an iteration gives. `iterations` is not one: a finished run may be carried on."""


def _run_identity(
    model: PreTrainedModel, real: list[dict[str, list[int]]], args: IRISConfig, peft: Any
) -> dict[str, Any]:
    parameters = {name: getattr(args, name) for name in _RUN_FIELDS}
    if args.alpha_schedule == "linear":
        parameters["iterations"] = args.iterations
    return {
        "schema": 1,
        "model": preferences.model_identity(model),
        "data": hashlib.sha256(json.dumps(real).encode()).hexdigest(),
        "parameters": parameters,
        "adapter": None if peft is None else hashlib.sha256(repr(peft).encode()).hexdigest(),
    }


def _check_run(root: Path, identity: dict[str, Any]) -> None:
    """Refuse a folder whose iterations came from something else; write down what this run is otherwise."""
    path = root / "run.json"
    if not path.is_file():
        root.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(identity, indent=1) + "\n")
        return
    known = _state(path)
    for name, what in (("model", "another model"), ("data", "other data"), ("adapter", "another adapter")):
        if known.get(name) != identity[name]:
            raise DataError(f"{root} holds iterations of {what}; resume with the same, or use a new folder")
    before = known.get("parameters", {})
    changed = [name for name, value in identity["parameters"].items() if before.get(name) != value]
    if changed:
        raise DataError(f"{root} holds iterations with another {changed[0]}; resume with the same, or use a new folder")


def _state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged: {error}") from None
    if not isinstance(state, dict):
        raise DataError(f"{path} is damaged: it holds no object")
    return state


def _write(path: Path, text: str) -> None:
    """Write a whole file or none."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
