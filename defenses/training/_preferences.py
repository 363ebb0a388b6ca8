"""Preference data and checkpoints, looked at before anything is trained on them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from trl.trainer.dpo_trainer import DataCollatorForPreference

from sentinel.errors import DataError

IDENTITY_FILE = "sentinel_reference.json"
SOFT_LABELS = "soft_labels"
SAMPLE = 64
"""How many values of each tensor say which model it is: two trained models share no such sample."""


@dataclass
class SoftLabelCollator(DataCollatorForPreference):  # type: ignore[misc]
    """TRL's collator, with the soft labels of the pairs beside them, shape (n,), float32."""

    column: str = SOFT_LABELS

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate as TRL does; `soft_labels` is for `ShaPOTrainer` alone, no model takes it."""
        output: dict[str, Any] = super().torch_call(examples)
        output[SOFT_LABELS] = torch.tensor([example[self.column] for example in examples], dtype=torch.float32)
        return output


def text_of(value: Any) -> str:
    """The words of a response: a text, or the contents of chat messages."""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return "".join(str(message.get("content") or "") for message in value if isinstance(message, Mapping))
    return ""


def check_preferences(dataset: Any, name: str) -> None:
    """Refuse preferences that would train nothing, or something else than is meant.

    Args:
        dataset: TRL's formats: `chosen` and `rejected`, as texts or as messages.
        name: "train", "eval": for messages.

    Raises:
        DataError: Not a map-style dataset, empty, without one of the columns, with a pair of which one side is
            empty, or with two equal sides in every pair.
    """
    if not isinstance(dataset, Dataset):
        raise DataError(f"{name} preferences are a {type(dataset).__name__}; a datasets.Dataset is needed")
    if len(dataset) == 0:
        raise DataError(f"{name} preferences are empty")
    for column in ("chosen", "rejected"):
        if column not in dataset.column_names:
            raise DataError(
                f"{name} preferences are one-sided: no column {column!r} among {', '.join(dataset.column_names)}"
            )
    differ = False
    for index, (chosen, rejected) in enumerate(zip(dataset["chosen"], dataset["rejected"], strict=True)):
        for side, value in (("chosen", chosen), ("rejected", rejected)):
            if not text_of(value).strip():
                raise DataError(f"{name} preferences are one-sided: row {index} has an empty {side!r}")
        differ = differ or chosen != rejected
    if not differ:
        raise DataError(f"{name} preferences prefer nothing: 'chosen' equals 'rejected' in all {len(dataset)} rows")


def check_soft_labels(dataset: Dataset, column: str, name: str) -> None:
    """Refuse soft labels that are no probabilities.

    Raises:
        DataError: The column is missing, or a value is no number in [0, 1].
    """
    if column not in dataset.column_names:
        raise DataError(f"{name} preferences have no column {column!r}; there are {', '.join(dataset.column_names)}")
    for index, value in enumerate(dataset[column]):
        number = isinstance(value, (int, float)) and math.isfinite(value)
        if not number or not 0.0 <= value <= 1.0:
            raise DataError(f"{name} preferences: {column} of row {index} is {value!r}, no probability")


def check_window(tokenized: Dataset, rows: int, max_length: int | None, name: str) -> None:
    """Refuse prompts that leave no token of a response within the window.

    Args:
        tokenized: Columns `prompt_ids`, `chosen_ids`, `rejected_ids`.
        rows: How many there were before tokenisation; TRL drops too long ones without a word.
        max_length: Tokens of prompt and response together, or None for no bound.
        name: For messages.

    Raises:
        DataError: A prompt fills the window, or a response has no token.
    """
    if max_length is not None:
        lost = rows - len(tokenized) + sum(len(ids) >= max_length for ids in tokenized["prompt_ids"])
        if lost:
            raise DataError(
                f"{lost} of {rows} {name} prompts fill the window of max_length = {max_length} tokens and leave none "
                "for a response; shorten or drop them, or raise max_length"
            )
    for side in ("chosen_ids", "rejected_ids"):
        empty = sum(len(ids) == 0 for ids in tokenized[side])
        if empty:
            raise DataError(f"{empty} {name} pairs have no token in {side!r}")


def model_identity(model: nn.Module, dtype: torch.dtype | None = None) -> str:
    """SHA-256 over names, shapes and the first values of a model's tensors, adapters left out.

    What is trained starts from here: a checkpoint that says another identity is a checkpoint of another model.

    Args:
        model: With or without adapters, which do not count.
        dtype: Round to it first: the identity of this model loaded in that type; None for as it is.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if "lora_" in name or ".modules_to_save." in name:
            continue
        values = tensor.detach().flatten()[:SAMPLE]
        values = (values if dtype is None else values.to(dtype)).float().cpu()
        plain = name.removeprefix("base_model.model.").replace(".base_layer", "")
        digest.update(f"{plain}|{tuple(tensor.shape)}|".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def write_identity(folder: str | Path, identity: str) -> None:
    """Put the identity of the starting model beside a checkpoint's weights."""
    Path(folder, IDENTITY_FILE).write_text(json.dumps({"schema": 1, "reference": identity}) + "\n", encoding="utf-8")


def check_identity(folder: str | Path, *identities: str) -> None:
    """Refuse to go on from what another model left.

    Args:
        folder: A checkpoint.
        *identities: Of the model in hand; one of them must be that of the checkpoint's start.

    Raises:
        DataError: The folder holds no checkpoint of these trainers, or one that started from another model.
    """
    path = Path(folder, IDENTITY_FILE)
    if not path.is_file():
        raise DataError(f"{folder} is no checkpoint of this trainer: {IDENTITY_FILE} is missing")
    try:
        reference = json.loads(path.read_text(encoding="utf-8"))["reference"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if reference not in identities:
        raise DataError(f"{folder} is a checkpoint of another model: training there started from other weights")
