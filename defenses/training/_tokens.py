"""Where a response starts in its tokens, as TRL counts it."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizerBase

from sentinel.errors import DataError


def split_tokens(
    prompt: Any, completion: Any, tokenizer: PreTrainedTokenizerBase, row: int
) -> tuple[list[int], list[int]]:
    """Tokens of a prompt and of the response to it, the end token after the response.

    Args:
        prompt: A text, or chat messages.
        completion: The same kind.
        tokenizer: With a chat template where messages are given.
        row: For messages.

    Raises:
        DataError: The completion is empty, or one of the two has no token.
    """
    if not completion or (isinstance(completion, str) and not completion.strip()):
        raise DataError(f"training data is one-sided: row {row} has an empty completion")
    if isinstance(prompt, str):
        end = str(tokenizer.eos_token or "")
        texts = (prompt, prompt + (completion if completion.endswith(end) else completion + end))
    else:
        if not tokenizer.chat_template:
            raise DataError(f"row {row} holds chat messages, and the tokenizer has no chat template")
        texts = (
            str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)),
            str(tokenizer.apply_chat_template(prompt + completion, tokenize=False)),
        )
    special = isinstance(prompt, str)
    head, whole = (list(tokenizer(text, add_special_tokens=special)["input_ids"]) for text in texts)
    # As TRL does: the response starts where the two part, which merging tokens can move before the prompt's end.
    start = next((i for i, (a, b) in enumerate(zip(head, whole, strict=False)) if a != b), min(len(head), len(whole)))
    if start == 0 or start == len(whole):
        raise DataError(f"row {row} of the training data has an empty prompt or completion after tokenisation")
    return whole[:start], whole[start:]
