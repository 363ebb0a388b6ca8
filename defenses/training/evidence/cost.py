"""What a step of ShaPO costs beside one of DPO: time and peak memory, in processes of their own and by turns."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from defenses.training.evidence.settings import Settings
from defenses.training.evidence.tables import Journal, Say, cell, interval, markdown

TIME, MEMORY = 1.25, 1.1
"""What a step of ShaPO may cost, in DPO's."""


def measure(settings: Settings, table: Path, say: Say) -> str:
    """Run what is not in the journal yet, and write the table.

    Args:
        settings: How many rounds (`seeds`) and steps.
        table: Where the table will lie; the journal lies beside it.
        say: Told of each run.

    Returns:
        Markdown.
    """
    journal = Journal(table)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(settings.seeds):
        # By turns, first one then the other in front: a machine that slows down slows both.
        for method in settings.methods if seed % 2 == 0 else tuple(reversed(settings.methods)):
            result = journal.once(
                settings.of_run(method=method, seed=seed),
                lambda: _alone(settings, method, seed),  # noqa: B023
            )
            say(
                f"{method}  round {seed}: {result['step_s']:.3f} s a step, {result['cpu_s']:.3f} s of processor, "
                f"{result['peak_mib']:.0f} MiB"
            )
            found.setdefault(method, []).append(result)
    return _page(settings, found, table)


def _alone(settings: Settings, method: str, seed: int) -> dict[str, float]:
    """One training in a new process, whose peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(train, settings, method, seed).result()


def train(settings: Settings, method: str, seed: int) -> dict[str, float]:
    """Train, and say what a step took once the first five are over.

    Returns:
        `step_s` and `cpu_s`, seconds of wall and of processor time of a step; `setup_s`, seconds before the first
        step; `peak_mib`, of the accelerator where there is one, else of the process.
    """
    import torch
    from transformers import PrinterCallback, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    from defenses.training._console import calm
    from defenses.training._scored import responses_alone
    from defenses.training.evidence.models import adapter, plain, silent, start, undecided
    from defenses.training.evidence.tasks import examples, preferences
    from defenses.training.shapo_config import ShaPOConfig
    from defenses.training.shapo_trainer import ShaPOTrainer

    calm()

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.times: list[tuple[float, float]] = []

        def on_step_end(self, *args: Any, **given: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append((time.perf_counter(), time.process_time()))

    model, tokenizer = start(settings, seed, undecided(settings, seed))
    data = preferences(examples(settings.rows, seed, held_out=False))
    watch = Watch()
    given: dict[str, Any] = {
        "train_dataset": data, "processing_class": tokenizer, "peft_config": adapter(settings),
        "callbacks": [watch, *silent()],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        # Every row to one length: the two then multiply matrices of the same sizes.
        shared = {**plain(settings, seed, settings.steps), "pad_to_multiple_of": 128, "beta": settings.preference_beta}
        began = time.perf_counter()
        trainer: Any
        if method == "dpo":
            reference = None if settings.lora_r else start(settings, seed, undecided(settings, seed))[0]
            trainer = DPOTrainer(model, reference, DPOConfig(folder, **shared), **given)
        else:
            args = ShaPOConfig(
                folder, rho=settings.rho, interval=settings.interval, percentage=settings.percentage, **shared
            )
            trainer = ShaPOTrainer(model, None, args, **given)
        trainer.remove_callback(PrinterCallback)
        with responses_alone():  # for TRL's own trainer as well
            trainer.train()
    # The first interval warms caches up; whole intervals are counted.
    first = settings.interval - 1
    count = (len(watch.times) - 1 - first) // settings.interval * settings.interval
    start_at, end_at = watch.times[first], watch.times[first + count]
    return {
        "step_s": (end_at[0] - start_at[0]) / count,
        "cpu_s": (end_at[1] - start_at[1]) / count,
        "setup_s": watch.times[0][0] - began,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Peak memory so far: allocated on the accelerator, or resident of this process."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():
        # Unlike `getrusage` this does not begin at the parent's.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)


def _page(settings: Settings, found: dict[str, list[dict[str, float]]], table: Path) -> str:
    head = ["method", "seconds a step", "processor seconds a step", "peak MiB", "seconds before step 2"]
    names = {"dpo": "DPO (TRL)", "shapo": f"ShaPO, interval {settings.interval}"}
    columns = {"step_s": 3, "cpu_s": 3, "peak_mib": 0, "setup_s": 1}
    rows = [
        [names[method], *(cell([run[name] for run in found[method]], digits) for name, digits in columns.items())]
        for method in settings.methods
    ]
    lines = [
        f"# Cost of a step\n\n{settings.described()}; every sequence padded to a multiple of 128 tokens, each training "
        "in a process of its own, by turns. Mean over rounds ± half the 95 % interval (Student's t).\n",
        markdown(head, rows),
    ]
    if set(names) <= set(found):
        for name, what, bound in (
            ("step_s", "Step time", TIME),
            ("cpu_s", "Processor time", TIME),
            ("peak_mib", "Peak memory", MEMORY),
        ):
            pairs = zip(found["shapo"], found["dpo"], strict=True)
            ratios = [own[name] / dpo[name] for own, dpo in pairs]
            mean, width = interval(ratios)
            verdict = (
                "within" if mean + width <= bound else "**above**" if mean - width > bound else "**not settled** by"
            )
            lines.append(f"- {what}: {cell(ratios)} times DPO's, {verdict} the bound of {bound:g}.")
    lines.append(f"\nRuns: `{table.with_suffix('.jsonl').name}`.\n")
    return "\n".join(lines)
