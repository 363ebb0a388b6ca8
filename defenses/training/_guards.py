"""What every trainer here refuses: a checkpoint of another model, and a step on a loss that is no number."""

from __future__ import annotations

from abc import ABC
from typing import Any

from torch import Tensor
from transformers import PrinterCallback, ProgressCallback, Trainer
from transformers.trainer_utils import get_last_checkpoint

from defenses.training import _preferences as preferences
from defenses.training._console import ConsoleCallback
from defenses.training._scored import responses_alone
from sentinel.errors import ComponentError, DataError


class GuardedTrainer(Trainer, ABC):
    """A `transformers.Trainer` whose checkpoints know where they started. To be mixed in before one of TRL's."""

    # `Trainer` allows for states that TRL's trainers are never in.
    model: Any
    train_dataset: Any
    _signature_columns: Any
    _identity: str

    def _begin_guarding(self) -> None:
        """To be called at the end of `__init__`: the model as it is now is where training starts."""
        self._identity = preferences.model_identity(self.model)
        if any(isinstance(callback, ConsoleCallback) for callback in self.callback_handler.callbacks):
            # One voice on the console.
            self.remove_callback(PrinterCallback)
            self.remove_callback(ProgressCallback)

    def train(self, resume_from_checkpoint: str | bool | None = None, *given: Any, **named: Any) -> Any:
        """Train; see `transformers.Trainer.train`.

        Raises:
            DataError: The checkpoint to resume from is missing, or of another model.
            ComponentError: The loss was not finite; weights and optimiser are those of the last whole step.
        """
        if resume_from_checkpoint:
            folder: str | bool | None = resume_from_checkpoint
            if folder is True:
                folder = get_last_checkpoint(self.args.output_dir)  # type: ignore[no-untyped-call]
            if not folder:
                raise DataError(f"{self.args.output_dir} holds no checkpoint to resume from")
            preferences.check_identity(str(folder), self._identity)
        with responses_alone():
            return super().train(resume_from_checkpoint, *given, **named)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, and from which one it was trained."""
        super().save_model(output_dir, _internal_call)
        if self.args.should_save:
            preferences.write_identity(output_dir or str(self.args.output_dir), self._identity)

    def _check_finite(self, loss: Tensor) -> None:
        """Stop before a loss that is no number reaches the weights.

        Raises:
            ComponentError: The loss is not finite on some rank; all ranks raise.
        """
        losses = self.accelerator.gather(loss.detach().reshape(1))
        if not bool(losses.isfinite().all()):
            raise ComponentError(
                type(self).__name__,
                f"the loss is {losses.tolist()} at step {self.state.global_step}; nothing is updated",
            )
