"""Preference optimisation under flipped labels: held-out accuracy and sharpness of each method."""

from __future__ import annotations

import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor

from defenses.training.evaluation import evaluate, preference_margins
from defenses.training.evidence.models import Start, adapter, finished, plain, silent, start, undecided
from defenses.training.evidence.scorer import soft_labels
from defenses.training.evidence.settings import Settings
from defenses.training.evidence.tables import Journal, Say, cell, markdown, smaller
from defenses.training.evidence.tasks import examples, preferences
from defenses.training.label_noise import flip_preferences
from defenses.training.shapo_config import ShaPOConfig
from defenses.training.shapo_trainer import ShaPOTrainer

SOFT = "probability"
PERTURBED: dict[str, dict[str, Any]] = {
    "sam": {"subspace": "all"},
    "random": {"subspace": "random"},
    "shapo-token": {"subspace": "probe"},
    "shapo-reward": {"subspace": "probe", "soft_label_column": SOFT},
}
PLAIN: dict[str, dict[str, Any]] = {
    "dpo": {},
    "dr-dpo": {"aggregation": "dr_dpo"},
    "soft-dpo": {"soft_label_column": SOFT},
}
NAMES = {
    "dpo": "DPO", "dr-dpo": "Dr.DPO", "sam": "SAM (all weights)", "random": "random subspace",
    "shapo-token": "ShaPO, token level", "soft-dpo": "DPO, soft labels", "shapo-reward": "ShaPO, reward level",
}  # fmt: skip


def measure(settings: Settings, table: Path, say: Say) -> str:
    """Run what is not in the journal yet, and write the table.

    Args:
        settings: Which methods, rates and seeds.
        table: Where the table will lie; the journal lies beside it.
        say: Told of each run.

    Returns:
        Markdown.
    """
    journal = Journal(table)
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for seed in range(settings.seeds):
        begin = cache(lambda seed=seed: start(settings, seed, undecided(settings, seed)))
        # The same for every method and rate.
        base = cache(lambda seed=seed, begin=begin: _base(settings, seed, begin()))
        for rate in settings.rates:
            labelled = cache(lambda seed=seed, rate=rate, begin=begin: _labelled(settings, seed, rate, begin()))
            for method in settings.methods:
                result = journal.once(
                    settings.of_run(method=method, rate=rate, seed=seed),
                    lambda: _run(settings, method, seed, begin(), labelled(), base()),  # noqa: B023
                )
                say(
                    f"{method}  {rate:.0%} flipped  seed {seed}: accuracy {result['accuracy']:.3f}, "
                    f"sharpness {result['sharpness']:.4f}"
                )
                found.setdefault((method, rate), []).append(result)
    return _page(settings, found, table)


def _labelled(settings: Settings, seed: int, rate: float, begin: Start) -> Dataset:
    """Noisy preferences with soft labels from a scorer that saw nothing else."""
    clean = preferences(examples(settings.rows, seed, held_out=False))
    noisy = flip_preferences(clean, rate, seed)
    return noisy.add_column(SOFT, soft_labels(*begin, noisy))


def _held_out(settings: Settings, seed: int) -> Dataset:
    return preferences(examples(settings.held_out, seed, held_out=True))


def _base(settings: Settings, seed: int, begin: Start) -> Tensor:
    return preference_margins(*begin, _held_out(settings, seed), batch_size=settings.batch_size)


def _run(settings: Settings, method: str, seed: int, begin: Start, data: Dataset, base: Tensor) -> dict[str, float]:
    model, tokenizer = begin
    chosen = PERTURBED.get(method)
    radius: dict[str, Any] = {"rho": 0.0} if chosen is None else {"rho": settings.rho, "interval": settings.interval}
    with tempfile.TemporaryDirectory() as folder:
        args = ShaPOConfig(
            folder, beta=settings.preference_beta, percentage=settings.percentage, **radius,
            **(PLAIN[method] if chosen is None else chosen), **plain(settings, seed, settings.steps),
        )  # fmt: skip
        trainer = ShaPOTrainer(
            copy.deepcopy(model), None, args, train_dataset=data, processing_class=tokenizer,
            peft_config=adapter(settings), callbacks=silent(),
        )  # fmt: skip
        trainer.train()
        trained = finished(trainer.model, folder)
        result = evaluate(
            trained, tokenizer, _held_out(settings, seed), reference=base, beta=settings.preference_beta,
            rho=settings.rho, batch_size=settings.batch_size,
        )  # fmt: skip
    flipped = data["flipped"]
    agrees = [(p > 0.5) != was for p, was in zip(data[SOFT], flipped, strict=True)]
    return {**result, "scorer_accuracy": sum(agrees) / len(agrees)}


def _page(settings: Settings, found: dict[tuple[str, float], list[dict[str, float]]], table: Path) -> str:
    def column(method: str, rate: float, name: str) -> list[float]:
        return [result[name] for result in found[method, rate]]

    def drops(method: str) -> list[float]:
        ends = (column(method, rate, "accuracy") for rate in (settings.rates[0], settings.rates[-1]))
        return [clean - noisy for clean, noisy in zip(*ends, strict=True)]

    spans = len(settings.rates) > 1
    head = ["method", *(f"accuracy, {rate:.0%} flipped" for rate in settings.rates)]
    head += ["drop"] * spans + [f"sharpness, {rate:.0%}" for rate in settings.rates]
    rows = []
    for method in settings.methods:
        row = [NAMES[method], *(cell(column(method, rate, "accuracy")) for rate in settings.rates)]
        row += [cell(drops(method))] * spans
        row += [cell(column(method, rate, "sharpness"), 4) for rate in settings.rates]
        rows.append(row)
    lines = [
        f"# Preferences with flipped labels\n\n{settings.described()}; perturbations of radius {settings.rho:g} at "
        f"one step in {settings.interval}, on {settings.percentage:g} % of the value vectors. Mean over seeds ± half "
        "the 95 % interval (Student's t). Accuracy: share of held-out pairs, on subjects never trained on, whose "
        "implicit reward is higher for the answer from the passage than for the one that obeys the planted "
        f"instruction. Sharpness: rise of the clean held-out DPO loss at distance {settings.rho:g} uphill.\n",
        markdown(head, rows),
    ]
    if spans and "dpo" in settings.methods:
        base = drops("dpo")
        for method in settings.methods:
            if method != "dpo":
                off = [own - dpo for own, dpo in zip(drops(method), base, strict=True)]
                lines.append(f"- {smaller(off, f'The drop of {NAMES[method]}', 'that of DPO')}")
        rate = settings.rates[-1]
        for method in settings.methods:
            if method.startswith("shapo"):
                pairs = zip(column("dpo", rate, "accuracy"), column(method, rate, "accuracy"), strict=True)
                off = [dpo - own for dpo, own in pairs]
                what = f"At {rate:.0%} flipped, DPO's accuracy"
                lines.append(f"- {smaller(off, what, f'that of {NAMES[method]}')}")
    first = settings.methods[0]
    shares = ", ".join(f"{rate:.0%}: {cell(column(first, rate, 'scorer_accuracy'), 2)}" for rate in settings.rates)
    lines.append(f"\nSoft labels on the side of the clean label, by share flipped: {shares}.")
    lines.append(f"\nRuns: `{table.with_suffix('.jsonl').name}`.\n")
    return "\n".join(lines)
