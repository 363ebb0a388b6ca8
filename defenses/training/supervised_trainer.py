"""Supervised fine-tuning: TRL's trainer, with checked data and guarded checkpoints."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from torch import nn
from trl import SFTTrainer

from defenses.training import _preferences as preferences
from defenses.training._guards import GuardedTrainer
from sentinel.errors import DataError


class SupervisedTrainer(GuardedTrainer, SFTTrainer):  # type: ignore[misc]
    """min over theta of -mean log p_theta(token): what ShaPO and IRIS start from, and IRIS is compared with.

    Args:
        model: A causal language model, or its path.
        args: `trl.SFTConfig`.
        train_dataset: `prompt` and `completion`, `messages`, or `text`, in TRL's formats.
        **given: See `trl.SFTTrainer`.

    Raises:
        DataError: The data is empty or one-sided, or a prompt leaves no token of a response within the window.
    """

    def __init__(self, model: Any, args: Any = None, *, train_dataset: Dataset, **given: Any) -> None:
        check_examples(train_dataset, "train")
        if isinstance(given.get("eval_dataset"), Dataset):
            check_examples(given["eval_dataset"], "eval")
        super().__init__(model, args, train_dataset=train_dataset, **given)
        self._begin_guarding()

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, packing: bool, formatting_func: Any, dataset_name: str
    ) -> Any:
        prepared = super()._prepare_dataset(dataset, processing_class, args, packing, formatting_func, dataset_name)
        # Packed rows are counted otherwise, and lose none.
        lost = 0 if packing else len(dataset) - len(prepared)
        if lost:
            raise DataError(
                f"{lost} of {len(dataset)} {dataset_name} prompts fill the window of max_length = {args.max_length} "
                "tokens and leave none for a response; shorten or drop them, or raise max_length"
            )
        return prepared

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Loss of one micro-batch; see `transformers.Trainer.compute_loss`.

        Raises:
            ComponentError: The loss is not finite on some rank; all ranks raise.
        """
        result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self._check_finite(result[0] if isinstance(result, tuple) else result)
        return result


def check_examples(dataset: Dataset, name: str) -> None:
    """Refuse examples that teach nothing.

    Raises:
        DataError: No row, or a row without a response.
    """
    if len(dataset) == 0:
        raise DataError(f"{name} data is empty")
    for column in ("completion", "messages", "text"):
        if column in dataset.column_names:
            for index, value in enumerate(dataset[column]):
                if not preferences.text_of(value).strip():
                    raise DataError(f"{name} data is one-sided: row {index} has an empty {column!r}")
            return
