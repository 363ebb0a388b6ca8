"""A language model of two layers, its tokenizer and a few preferences: trained in a second, made from a seed."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("trl")

import torch
import torch.nn.functional as F
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from defenses.training import IRISConfig, IRISTrainer, ShaPOConfig, ShaPOTrainer

WORDS = "<pad> <eos> <unk> ask tell say what is the good bad sky sea blue red green yes no one two three four".split()


def tokenizer() -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )


def language_model(seed: int = 0, tied: bool = False, spread: float = 0.3) -> LlamaForCausalLM:
    """Float32; weights wide enough that its answers differ and its gradients are of the order of one."""
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, initializer_range=spread,
        pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def preferences(n: int = 8) -> Dataset:
    starts, colours, numbers = ("ask", "tell", "say"), ("blue", "red", "green"), ("one", "two", "three", "four")
    return Dataset.from_dict(
        {
            "prompt": [f"{starts[i % 3]} what is the {'sky sea'.split()[i % 2]}" for i in range(n)],
            "chosen": [f" the good {colours[i % 3]}" for i in range(n)],
            "rejected": [f" bad {numbers[i % 4]}" + " no" * (i % 3) for i in range(n)],
        }
    )


def with_soft_labels(values):
    return preferences().add_column("better", [float(v) for v in values])


PLAIN = {
    "bf16": False, "use_cpu": True, "report_to": [], "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True,
    "optim": "sgd", "learning_rate": 0.1, "lr_scheduler_type": "constant", "max_steps": 2, "max_grad_norm": 0.0,
    "per_device_train_batch_size": 4, "gradient_checkpointing": False, "weight_decay": 0.0, "seed": 3,
}  # fmt: skip
"""Steps of plain gradient descent, so that equal gradients are equal steps and nothing amplifies a rounding."""


def shapo(
    folder, model=None, data=None, probe=None, trainer=None, ref_model=None, peft=None, **changes
) -> ShaPOTrainer:
    args = ShaPOConfig(str(folder), **{**PLAIN, "interval": 1, "percentage": 25.0, "rho": 0.3, **changes})
    return (trainer or ShaPOTrainer)(
        copy.deepcopy(model) if model is not None else language_model(), ref_model, args,
        train_dataset=preferences() if data is None else data, processing_class=tokenizer(), peft_config=peft,
        **({} if probe is None else {"probe_dataset": probe}),
    )  # fmt: skip


def iris(folder, model=None, data=None, peft=None, ref_model=None, **changes) -> IRISTrainer:
    args = IRISConfig(str(folder), **{**PLAIN, "beta": 0.5, "alpha_schedule": "constant", **changes})
    return IRISTrainer(
        copy.deepcopy(model) if model is not None else language_model(), ref_model, args,
        train_dataset=preferences() if data is None else data, processing_class=tokenizer(), peft_config=peft,
    )  # fmt: skip


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def log_probabilities(model, data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Of chosen and rejected, each shape (n,): one sequence at a time and from the logits, as nothing else here."""
    encode = tokenizer()
    sides = []
    for side in ("chosen", "rejected"):
        sums = []
        for row in data:
            prompt = encode(row["prompt"])["input_ids"]
            ids = torch.tensor([prompt + encode(row[side] + " <eos>")["input_ids"]])
            logits = model(input_ids=ids).logits[0, :-1]
            tokens = F.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None])[:, 0]
            sums.append(tokens[len(prompt) - 1 :].sum())
        sides.append(torch.stack(sums))
    return sides[0], sides[1]


def dpo_loss(model, reference, data: Dataset, beta: float = 0.1) -> torch.Tensor:
    chosen, rejected = log_probabilities(model, data)
    with torch.no_grad():
        ref_chosen, ref_rejected = log_probabilities(reference, data)
    return -F.logsigmoid(beta * ((chosen - ref_chosen) - (rejected - ref_rejected))).mean()
