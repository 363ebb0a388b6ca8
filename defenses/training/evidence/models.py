"""Where the measured trainings start: the tiny model or a real one, after a few supervised steps."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from rich.console import Console
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers import PreTrainedTokenizerFast as FastTokenizer
from trl import SFTConfig

from defenses.training._console import ConsoleCallback
from defenses.training._models import load_base, to_accelerator
from defenses.training.evidence.settings import TINY, Settings
from defenses.training.evidence.tasks import completions, examples, vocabulary
from defenses.training.supervised_trainer import SupervisedTrainer

Start = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def plain(settings: Settings, seed: int, steps: int) -> dict[str, Any]:
    """Parameters that all trainings of a measurement share."""
    return {
        "max_steps": steps, "per_device_train_batch_size": settings.batch_size, "seed": seed,
        "learning_rate": settings.learning_rate, "lr_scheduler_type": "constant", "warmup_steps": 0,
        "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "logging_strategy": "no",
        "bf16": False, "gradient_checkpointing": False, "max_length": 256,
        "use_cpu": not torch.accelerator.is_available(),
    }  # fmt: skip


def silent() -> list[Any]:
    """Callbacks of a training that says nothing itself."""
    return [ConsoleCallback(Console(quiet=True))]


def adapter(settings: Settings) -> LoraConfig | None:
    """The adapter of a measurement, or None."""
    if settings.lora_r == 0:
        return None
    return LoraConfig(
        r=settings.lora_r, lora_alpha=2 * settings.lora_r, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def tiny(seed: int) -> Start:
    """A Llama of two layers with random weights, float32, and a tokenizer of the task's words."""
    words = ["<pad>", "<eos>", "<unk>", *vocabulary()]
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    make: Any = FastTokenizer
    tokenizer: PreTrainedTokenizerBase = make(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=True, pad_token_id=0, eos_token_id=1,
        bos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config), tokenizer


def supervised(start: Start, rows: Any, settings: Settings, seed: int, steps: int, rate: float | None = None) -> Start:
    """A copy of a model after so many supervised steps, an adapter merged."""
    model, tokenizer = copy.deepcopy(start[0]), start[1]
    if steps == 0:
        return model, tokenizer
    changes = {} if rate is None else {"learning_rate": rate}
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(folder, **{**plain(settings, seed, steps), **changes})
        trainer = SupervisedTrainer(
            model,
            args,
            train_dataset=rows,
            processing_class=tokenizer,
            peft_config=adapter(settings),
            callbacks=silent(),
        )
        trainer.train()
        return finished(trainer.model, folder), tokenizer


def finished(trained: Any, folder: str | Path) -> PreTrainedModel:
    """The trained model as if loaded anew: without adapters, hooks and TRL's changes to its forward pass."""
    whole = trained.merge_and_unload() if hasattr(trained, "merge_and_unload") else trained
    where = Path(folder) / "finished"
    whole.save_pretrained(where)
    loaded: Any = type(whole).from_pretrained(where, dtype=whole.dtype)
    moved: PreTrainedModel = loaded.to(whole.device)
    return moved


def start(settings: Settings, seed: int, rows: Any) -> Start:
    """Where every method of a seed starts.

    Args:
        settings: Which model, and how many supervised steps.
        seed: Of the tiny model's weights and of the order.
        rows: `prompt` and `completion`.
    """
    base = tiny(seed) if settings.model == TINY else load_base(settings.model, "float32")
    to_accelerator(base[0])
    # From random weights a model learns at a higher rate than it is refined at.
    return supervised(base, rows, settings, seed, settings.warm_up, 3e-3 if settings.model == TINY else None)


def undecided(settings: Settings, seed: int) -> Any:
    """Supervised rows that teach the form of both kinds of answer and prefer none."""
    return completions(examples(settings.rows, seed + 10_000, held_out=False), both=True)
