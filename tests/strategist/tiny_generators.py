"""Randomly initialised models of two layers over bytes, as transformers writes them to disk."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast, Qwen2Config

from defenses.generator import Prompt

CHAT = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + CHAT
SPECIAL = ["<eos>", "<|turn|>", "<|end|>"]
SHAPE = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
KINDS = ["full", "sliding"]


def tokenizer(chat_template=None):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<eos>", additional_special_tokens=SPECIAL[1:], chat_template=chat_template
    )
    assert len(fast) == 259
    return fast


def build(folder, kind="full", chat_template=None, seed=0, spread=0.3):
    """Write one: "sliding" has a layer that sees 16 tokens and one that sees all."""
    # Tied to the embeddings, a random model would repeat its last token for ever, whatever it attends to.
    size = {
        **SHAPE,
        "tie_word_embeddings": False,
        "vocab_size": 260,
        "eos_token_id": 256,
        "pad_token_id": 256,
        "bos_token_id": None,
    }
    config = Qwen2Config(**size, initializer_range=spread)
    if kind == "sliding":
        types = ["sliding_attention", "full_attention"]
        config = Gemma3TextConfig(
            **size, head_dim=8, sliding_window=16, layer_types=types, initializer_range=spread, query_pre_attn_scalar=8
        )
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer(chat_template).save_pretrained(folder)
    return folder


def write(documents, question="who?", lead="Read.\n"):
    """A prompt with its documents marked."""
    user, marks = lead, []
    for number, text in enumerate(documents):
        user += f"[{number}] "
        marks.append((len(user), len(user) + len(text)))
        user += text + "\n"
    return Prompt(user + question, documents=tuple(marks))
