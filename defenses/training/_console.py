"""Progress and metrics of a training on the console: a bar while it runs, and a line for each log."""

from __future__ import annotations

import warnings
from typing import Any

import datasets
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback
from transformers.utils import logging

SHOWN = (
    "loss", "eval_loss", "rewards/accuracies", "rewards/margins", "mean_token_accuracy", "shapo/perturbed_loss",
    "iris/alpha", "iris/ess_real", "iris/ess_synthetic", "grad_norm", "learning_rate",
)  # fmt: skip
"""Metrics worth a place on a line, in this order; reporters get all of them."""


class ConsoleCallback(TrainerCallback):
    """Shows one training, or the trainings of an iterated one, on the main process.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Open the bar."""
        if not state.is_world_process_zero:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self.console, transient=True)
        self._progress.add_task("training", total=state.max_steps, completed=state.global_step)
        self._progress.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **given: Any) -> None:
        """Print a line of the metrics that tell most."""
        logs = logs or {}
        found = [f"{name.rpartition('/')[2]} {_number(logs[name])}" for name in SHOWN if name in logs]
        if found and state.is_world_process_zero:
            place = f"step {state.global_step}/{state.max_steps}"
            self.console.print(f"[dim]{place}[/]  {escape('  '.join(found))}", highlight=False, soft_wrap=True)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Close the bar, also of a training that raised; may be called twice."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def calm() -> None:
    """Keep to errors what libraries say: their warnings and bars do not concern the user."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
