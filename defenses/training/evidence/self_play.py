"""Self-play against its baselines and against supervised training on the same rows, iteration by iteration."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from defenses.training.evaluation import evaluate
from defenses.training.evidence.models import Start, adapter, plain, silent, start, supervised, undecided
from defenses.training.evidence.settings import Settings
from defenses.training.evidence.tables import Journal, Say, cell, markdown, smaller
from defenses.training.evidence.tasks import Example, completions, examples
from defenses.training.iris_config import IRISConfig
from defenses.training.self_play_loop import self_play

ANSWER = 16
"""Tokens of an answer at most."""
NAMES = {"sft": "SFT", "spin": "SPIN", "space": "SPACE", "spif": "SPIF (our form)", "iris": "IRIS"}
Measured = dict[str, float]


def measure(settings: Settings, table: Path, say: Say) -> str:
    """Run what is not in the journal yet, and write the table.

    Args:
        settings: Which methods and seeds.
        table: Where the table will lie; the journal lies beside it.
        say: Told of each run.

    Returns:
        Markdown.
    """
    journal = Journal(table)
    found: dict[str, list[list[Measured]]] = {}
    for seed in range(settings.seeds):
        begin = cache(lambda seed=seed: start(settings, seed, undecided(settings, seed)))
        for method in ("start", *settings.methods):
            result = journal.once(
                settings.of_run(method=method, seed=seed),
                lambda: _run(settings, method, seed, begin()),  # noqa: B023
            )
            say(
                f"{method}  seed {seed}: " + ", ".join(f"{each['accuracy']:.2f} / {each['nll']:.3f}" for each in result)
            )
            found.setdefault(method, []).append(result)
    return _page(settings, found, table)


def _eighth(settings: Settings, seed: int) -> list[Example]:
    return examples(settings.rows, seed, held_out=False)[: max(settings.rows // 8, 1)]


def _run(settings: Settings, method: str, seed: int, begin: Start) -> list[Measured]:
    """Held-out measures after each iteration."""
    held_out = examples(settings.held_out, seed, held_out=True)
    if method == "start":
        return [_measured(*begin, held_out, settings)]
    objective, _, share = method.partition("@")
    rows = completions(_eighth(settings, seed) if share else examples(settings.rows, seed, held_out=False))
    if objective == "sft":
        results = []
        current = begin
        for iteration in range(settings.iterations):
            current = supervised(current, rows, settings, seed + 1000 * iteration, settings.steps)
            results.append(_measured(*current, held_out, settings))
        return results
    with tempfile.TemporaryDirectory() as folder:
        args = IRISConfig(
            folder, objective=objective, beta=1.0 if objective == "space" else settings.beta,  # SPACE is defined at 1
            iterations=settings.iterations, max_new_tokens=ANSWER, generation_batch_size=32,
            **plain(settings, seed, settings.steps),
        )  # fmt: skip
        self_play(copy.deepcopy(begin[0]), args, rows, begin[1], peft_config=adapter(settings), callbacks=silent())
        return [
            _measured(_load(folder, iteration, begin[0]), begin[1], held_out, settings)
            for iteration in range(settings.iterations)
        ]


def _load(folder: str, iteration: int, like: PreTrainedModel) -> PreTrainedModel:
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        Path(folder) / f"iteration-{iteration}" / "model", dtype=like.dtype
    )
    moved: PreTrainedModel = loaded.to(like.device)
    return moved


def _measured(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: list[Example], settings: Settings
) -> Measured:
    data: Dataset = completions(rows)
    likelihood = evaluate(model, tokenizer, data, batch_size=settings.batch_size)["nll"]
    said = answers(model, tokenizer, [row.prompt for row in rows], settings.batch_size)
    right = [row.value in words.split() for row, words in zip(rows, said, strict=True)]
    return {"nll": likelihood, "accuracy": sum(right) / len(right)}


def answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], batch_size: int
) -> list[str]:
    """The likeliest answer to each prompt, greedily, up to its end; words parted by spaces, marks cut off."""
    model.train(False)
    pad = tokenizer.pad_token_id or 0
    found: list[str] = []
    for first in range(0, len(prompts), batch_size):
        encoded = [list(tokenizer(prompt)["input_ids"]) for prompt in prompts[first : first + batch_size]]
        width = max(map(len, encoded))
        ids = torch.tensor([[pad] * (width - len(each)) + each for each in encoded], device=model.device)
        mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in encoded], device=model.device)
        with torch.no_grad():
            drawn = model.generate(  # type: ignore[operator]
                input_ids=ids, attention_mask=mask, max_new_tokens=ANSWER, do_sample=False, pad_token_id=pad,
                eos_token_id=tokenizer.eos_token_id,
            )  # fmt: skip
        for row in drawn[:, width:].tolist():
            text = str(tokenizer.decode(row, skip_special_tokens=True)).strip()
            found.append(text.split("\n")[0].replace(".", " ").replace(",", " "))
    return found


def _page(settings: Settings, found: dict[str, list[list[Measured]]], table: Path) -> str:
    last = settings.iterations - 1

    def column(method: str, iteration: int, name: str) -> list[float]:
        return [result[iteration][name] for result in found[method]]

    numbers = range(settings.iterations)
    head = ["method", "rows", *(f"accuracy, {i + 1}" for i in numbers), *(f"nll, {i + 1}" for i in numbers)]
    eighth = max(settings.rows // 8, 1)
    rows = [["start", "-"]]
    rows[0] += [cell(column("start", 0, "accuracy"))] + [""] * last + [cell(column("start", 0, "nll"))] + [""] * last
    for method in settings.methods:
        name, _, share = method.partition("@")
        row = [NAMES[name], str(eighth if share else settings.rows)]
        row += [cell(column(method, i, what)) for what in ("accuracy", "nll") for i in numbers]
        rows.append(row)
    lines = [
        f"# Self-play\n\n{settings.described()} on other rows whose answers are half right, half as planted; "
        f"{settings.iterations} iterations. Mean over seeds ± half the 95 % interval (Student's t), after each "
        "iteration (for SFT after as many steps). Accuracy: share of held-out questions, on subjects never trained "
        "on, whose greedy answer holds the passage's value. Nll: nats per token of the right answer.\n",
        markdown(head, rows),
    ]

    def compare(first: str, second: str, names: tuple[str, str]) -> None:
        if first in found and second in found:
            pairs = zip(column(first, last, "nll"), column(second, last, "nll"), strict=True)
            off = [a - b for a, b in pairs]
            lines.append(f"- {smaller(off, f'The nll of {names[0]}', f'that of {names[1]}')}")
            pairs = zip(column(second, last, "accuracy"), column(first, last, "accuracy"), strict=True)
            off = [b - a for b, a in pairs]
            lines.append(f"- {smaller(off, f'The accuracy of {names[1]}', f'that of {names[0]}')}")

    for other in ("sft", "spin", "space", "spif"):
        compare("iris", other, ("IRIS", NAMES[other]))
    compare("iris@1/8", "sft", ("IRIS on an eighth", "SFT on all"))
    compare("sft@1/8", "sft", ("SFT on an eighth", "SFT on all"))
    lines.append(f"\nRuns: `{table.with_suffix('.jsonl').name}`.\n")
    return "\n".join(lines)
