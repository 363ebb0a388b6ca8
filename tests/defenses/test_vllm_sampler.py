"""Responses by vLLM. It needs a GPU and is not installed where this runs: a stand-in with its interface, as
documented, draws with transformers from the folder that it is given; all around it is real.
"""

import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
import torch
from transformers import AutoModelForCausalLM

from defenses.training.self_play_loop import sample
from defenses.training.vllm_sampler import VLLMSampler
from sentinel.errors import ConfigurationError
from tests.defenses.test_self_play import config, data, play
from tests.defenses.tiny_trainer import distance, language_model, weights

PROMPTS = [[4, 5, 6], [7, 8], [4, 5, 6]]


class Params:
    def __init__(self, **given):
        known = {"n", "temperature", "top_p", "max_tokens", "stop_token_ids", "seed", "detokenize"}
        assert set(given) <= known
        self.__dict__.update(given)


class Engine:
    """`vllm.LLM`: reads its weights at once, and may keep the end token to itself."""

    made: ClassVar[list] = []
    hands_out_ends = True

    def __init__(self, model, *, skip_tokenizer_init, dtype, generation_config, seed, gpu_memory_utilization):
        assert skip_tokenizer_init
        assert generation_config == "vllm"
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        self.memory = gpu_memory_utilization
        Engine.made.append(self)

    def generate(self, prompts, sampling_params, *, use_tqdm):
        return [self._one(p["prompt_token_ids"], s) for p, s in zip(prompts, sampling_params, strict=True)]

    def _one(self, prompt, params):
        assert 0 <= params.seed < 2**31
        self.model.generation_config.eos_token_id = params.stop_token_ids or None
        like = SimpleNamespace(temperature=params.temperature, top_p=params.top_p, max_new_tokens=params.max_tokens)
        (drawn,) = sample(self.model, [prompt], like, params.seed)
        stopped = drawn[-1] in params.stop_token_ids
        kept = drawn if Engine.hands_out_ends or not stopped else drawn[:-1]
        reason = "stop" if stopped else "length"
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=tuple(kept), finish_reason=reason, stop_reason=None)])


@pytest.fixture(autouse=True)
def vllm(monkeypatch):
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = Engine, Params
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(Engine, "made", [])
    monkeypatch.setattr(Engine, "hands_out_ends", True)


@pytest.fixture
def model():
    made = language_model()
    made.generation_config.eos_token_id = 1
    return made


def test_one_response_a_prompt_within_its_length_and_the_same_again(model, tmp_path):
    args = config(tmp_path, max_new_tokens=5)
    draw = VLLMSampler()
    found = draw(model, PROMPTS, args, 11)
    assert [1 <= len(one) <= 5 for one in found] == [True] * 3
    assert VLLMSampler()(model, PROMPTS, args, 11) == found
    assert draw(model, PROMPTS, args, 12) != found
    assert found[0] != found[2], "equal prompts draw for themselves"


@pytest.mark.parametrize("hands_out", [True, False])
def test_a_response_that_ended_holds_its_end(model, tmp_path, hands_out, monkeypatch):
    monkeypatch.setattr(Engine, "hands_out_ends", hands_out)
    found = VLLMSampler()(model, [[4, 5]] * 30, config(tmp_path, max_new_tokens=12), 1)
    ended = [one for one in found if len(one) < 12]
    assert ended
    assert all(one[-1] == 1 and 1 not in one[:-1] for one in ended)


def test_an_engine_serves_one_iteration_and_gives_its_memory_back(model, tmp_path):
    draw = VLLMSampler(0.25)
    for iteration in (0, 0, 1):
        args = config(tmp_path)
        args.iteration = iteration
        draw(model, PROMPTS, args, 1)
    assert len(Engine.made) == 2
    assert Engine.made[0].memory == 0.25
    draw.close()
    draw.close()
    draw(model, PROMPTS, args, 1)
    assert len(Engine.made) == 3


def test_a_run_of_self_play_samples_from_each_iterate(tmp_path):
    play(tmp_path, sampler="vllm")
    assert len(Engine.made) == 2, "one an iteration, not one a batch"
    first = AutoModelForCausalLM.from_pretrained(tmp_path / "iteration-0" / "model")
    assert distance(weights(Engine.made[1].model), weights(first)) == 0.0
    assert distance(weights(Engine.made[0].model), weights(Engine.made[1].model)) > 0.0
    assert len(data()) == len((tmp_path / "iteration-1" / "synthetic.jsonl").read_text().splitlines())


def test_without_vllm_it_is_said_before_anything_is_sampled(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ConfigurationError, match="pip install vllm, or sampler = 'transformers'"):
        play(tmp_path, sampler="vllm")
    assert not (tmp_path / "iteration-0" / "synthetic.jsonl").exists()


@pytest.mark.parametrize("wrong", [{"sampler": "vlm"}, {"vllm_memory": 1.0}, {"vllm_memory": 0.0}])
def test_bad_options(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        config(tmp_path, **wrong)
    with pytest.raises(ConfigurationError, match="memory"):
        VLLMSampler(1.5)
