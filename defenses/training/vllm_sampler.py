"""Synthetic responses drawn by vLLM, for models whose sampling would take longer than their training."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from defenses.training.iris_config import IRISConfig
from sentinel.errors import ConfigurationError


class VLLMSampler:
    """Draws responses with an engine that holds a copy of the current iterate; a `Sampler` of `self_play`.

    Each iteration's weights are written to a folder of their own and an engine is started on them; batches of one
    iteration share it, and `close` gives its memory back before the iteration trains. The law is that of
    `self_play_loop.sample`: temperature and nucleus, none of the model's own generation settings. The draws are not:
    a run that was begun with one sampler and is gone on with by the other mixes both, which is sound.

    Args:
        memory: Share of the accelerator's memory for the engine, in (0, 1): the model to be trained stays where it is.
        **engine: Further arguments of `vllm.LLM`, for instance `tensor_parallel_size`.

    Raises:
        ConfigurationError: vLLM is not installed, or `memory` is out of range.
    """

    def __init__(self, memory: float = 0.4, **engine: Any) -> None:
        if not 0.0 < memory < 1.0:
            raise ConfigurationError(f"memory = {memory!r}: a share in (0, 1) is needed")
        try:
            import vllm  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise ConfigurationError(
                f"sampler = 'vllm' needs vLLM ({error.name or 'vllm'} is missing): pip install vllm, or sampler = "
                "'transformers'"
            ) from None
        self._vllm: Any = vllm
        self._options = {"gpu_memory_utilization": memory, **engine}
        self._engine: Any = None
        self._of: PreTrainedModel | None = None
        self._iteration = -1

    def __call__(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], args: IRISConfig, seed: int
    ) -> list[list[int]]:
        """Draw one response to each prompt; see `self_play_loop.sample`."""
        if self._engine is None or self._of is not model or self._iteration != args.iteration:
            self._start(model, args)
        ends = model.generation_config.eos_token_id
        stops = [ends] if isinstance(ends, int) else sorted(ends or ())
        settings = [
            self._vllm.SamplingParams(
                n=1,
                temperature=args.temperature,
                top_p=args.top_p,
                max_tokens=args.max_new_tokens,
                stop_token_ids=stops,
                # One seed for all would give equal prompts equal responses.
                seed=(seed + row) % 2**31,
                detokenize=False,
            )
            for row in range(len(prompts))
        ]
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        found = [answer.outputs[0] for answer in self._engine.generate(asked, settings, use_tqdm=False)]
        return [_ended(list(one.token_ids), one.finish_reason, one.stop_reason, stops) for one in found]

    def close(self) -> None:
        """Give the engine's memory back."""
        self._engine = self._of = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _start(self, model: PreTrainedModel, args: IRISConfig) -> None:
        self.close()
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            self._engine = self._vllm.LLM(
                model=folder,
                skip_tokenizer_init=True,
                dtype=str(model.dtype).removeprefix("torch."),
                generation_config="vllm",
                seed=args.seed,
                **self._options,
            )
        self._of, self._iteration = model, args.iteration


def _ended(tokens: list[int], finished: str | None, reason: Any, stops: Sequence[int]) -> list[int]:
    """The response with its end token, as the model set it: engines differ in whether they hand it out."""
    if finished == "stop" and stops and (not tokens or tokens[-1] not in stops):
        tokens.append(reason if reason in stops else stops[0])
    return tokens
