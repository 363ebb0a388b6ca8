"""A prompt as a model reads it: in its chat template or a plain form, and which token is of which document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defenses.generator import Prompt
from sentinel.errors import ComponentError, ConfigurationError, DataError

OUTSIDE = -1
"""The document of a token that is of none."""
_USER, _SYSTEM, _ANSWER = "\u27e6u\u27e7", "\u27e6s\u27e7", "\u27e6a\u27e7"
# What templates may ask for. A date that stands still: the same prompt is the same tokens on every day.
_TEMPLATE_VARIABLES: Mapping[str, Any] = {"date_string": "1 Jan 2025", "enable_thinking": False}
PLAIN_START = "Answer:"
"""How an answer begins for a model without chat template, where the prompt does not say."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt in tokens.

    Attributes:
        ids: Shape (tokens,), int64.
        documents: The position of the document that each token is of, or `OUTSIDE`; shape (tokens,), int64.
    """

    ids: NDArray[np.int64]
    documents: NDArray[np.int64]


class PromptEncoder:
    """Writes prompts for one tokenizer. Not safe for threads, as Rust tokenizers are not.

    What a prompt says cannot end a turn or begin one: a special token's name within it is broken by a space.

    Args:
        tokenizer: A fast transformers tokenizer.
        name: What the generator is called, for errors.
        plain: Use the plain form although there is a chat template.
    """

    def __init__(self, tokenizer: Any, name: str, plain: bool = False) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ConfigurationError(f"generator {name}: its tokenizer gives no character offsets; use a fast one")
        self.tokenizer = tokenizer
        self.name = name
        self.chat = bool(getattr(tokenizer, "chat_template", None)) and not plain

    def encode(self, prompt: Prompt, answer: str = "") -> Encoded:
        """Tokens of a prompt, and of the beginning of an answer to it.

        Raises:
            DataError: The prompt says nothing, or its documents do not stand where it says.
        """
        if not prompt.user.strip() and not prompt.system.strip():
            raise DataError("a prompt is empty")
        self._check(prompt)
        text, documents = self._write(prompt, answer)
        made = self.tokenizer(text, add_special_tokens=not self.chat, return_offsets_mapping=True, verbose=False)
        ids = np.asarray(made["input_ids"], dtype=np.int64)
        labels = np.full(len(ids), OUTSIDE, dtype=np.int64)
        offsets = np.asarray(made["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        most = np.zeros(len(ids), dtype=np.int64)
        for number, (start, end) in enumerate(documents):
            # A token across a border is of the document that has more of it.
            shared = np.minimum(offsets[:, 1], end) - np.maximum(offsets[:, 0], start)
            labels[shared > most] = number
            np.maximum(most, shared, out=most)
        return Encoded(ids, labels)

    @staticmethod
    def _check(prompt: Prompt) -> None:
        at = 0
        for start, end in prompt.documents:
            if not at <= start <= end <= len(prompt.user):
                raise DataError(
                    f"a document of a prompt stands at {start}-{end}: outside its {len(prompt.user)} characters, "
                    f"or out of order"
                )
            at = end

    def _write(self, prompt: Prompt, answer: str) -> tuple[str, list[tuple[int, int]]]:
        """The text that is tokenised, and where each document stands in it."""
        user, spans = self._literal(prompt.user, prompt.documents)
        system, _ = self._literal(prompt.system)
        start = self._literal(prompt.start)[0].rstrip() + self._literal(answer)[0]
        if not self.chat:
            head = f"{system}\n\n" if system else ""
            # A model that only continues text needs to see that an answer comes now.
            tail = f"\n{start if prompt.start else PLAIN_START + start}"
        elif not system:
            head, tail = self._frame[0], self._frame[1] + start
        elif self._system_frame is None:
            head, tail = f"{self._frame[0]}{system}\n\n", self._frame[1] + start
        else:
            before, between, after = self._system_frame
            head, tail = before + system + between, after + start
        return head + user + tail, [(a + len(head), b + len(head)) for a, b in spans]

    def _literal(self, text: str, spans: tuple[tuple[int, int], ...] = ()) -> tuple[str, list[tuple[int, int]]]:
        """Text in which no special token's name is left, and its documents' new places."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        marks = list(spans)
        # A second round for names that the first one's spaces leave behind, such as one within another.
        for _ in range(2):
            found = [match.start() + 1 for match in self._special.finditer(text)] if self._special.pattern else []
            if not found:
                break
            pieces = (text[a:b] for a, b in zip([0, *found], [*found, len(text)], strict=True))
            text = " ".join(pieces)
            places = np.asarray(found)
            marks = [(a + int((places < a).sum()), b + int((places < b).sum())) for a, b in marks]
        return text, marks

    @cached_property
    def _special(self) -> re.Pattern[str]:
        added = getattr(self.tokenizer, "added_tokens_decoder", {}).values()
        names = {str(token) for token in self.tokenizer.all_special_tokens}
        names |= {str(token) for token in added if getattr(token, "special", False)}
        return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if len(name) > 1))

    @cached_property
    def _frame(self) -> tuple[str, str]:
        """What the template writes before and after the user's words."""
        text = self._render([{"role": "user", "content": _USER}])
        head, found, tail = text.partition(_USER)
        if not found:
            raise ConfigurationError(f"generator {self.name}: its chat template leaves the user's words out")
        return head, tail

    @cached_property
    def _system_frame(self) -> tuple[str, str, str] | None:
        """What it writes around the system's words and the user's; None where it refuses or drops the system's."""
        try:
            text = self._render([{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}])
        except ConfigurationError:
            return None
        head, found, rest = text.partition(_SYSTEM)
        between, also, tail = rest.partition(_USER)
        return (head, between, tail) if found and also else None

    def _render(self, messages: list[dict[str, str]], open_turn: bool = True) -> str:
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=open_turn, **_TEMPLATE_VARIABLES
                )
            )
        except Exception as error:  # a template may raise what it likes
            raise ConfigurationError(f"generator {self.name}: its chat template fails ({error})") from None

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer: the tokenizer's own, and the one that the template closes a turn with."""
        found = {self.tokenizer.eos_token_id}
        if self.chat:
            turns = [{"role": "user", "content": _USER}, {"role": "assistant", "content": _ANSWER}]
            after = self._render(turns, open_turn=False).rpartition(_ANSWER)[2]
            ids = self.tokenizer(after.lstrip(), add_special_tokens=False)["input_ids"]
            if ids and self._special.fullmatch(str(self.tokenizer.convert_ids_to_tokens(ids[0]))):
                found.add(ids[0])
        return frozenset(int(one) for one in found if one is not None)

    def decode(self, ids: list[int]) -> str:
        """Generated tokens as text, special ones left out."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    @cached_property
    def vocabulary(self) -> list[str]:
        """Each entry as the text that it adds after other text; "" for special ones, such as the end."""
        try:
            (anchor,) = self.tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
        except ValueError:
            raise ComponentError(self.name, "the tokenizer makes no token of a letter") from None
        shown = len(self.decode([anchor]))
        size = len(self.tokenizer)
        pairs = self.tokenizer.batch_decode(
            [[anchor, token] for token in range(size)], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return [text[shown:] for text in pairs]
