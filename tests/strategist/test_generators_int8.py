"""Eight-bit layers: what they calculate, which ones are replaced, and that a generator of them answers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.generator import Prompt
from sentinel import ConfigurationError
from strategist.generators import TransformersGenerator
from strategist.generators._int8 import Int8Linear, quantise
from tests.strategist.tiny_generators import build, write


def layer(seed, inner, outer, bias=True):
    torch.manual_seed(seed)
    return torch.nn.Linear(inner, outer, bias=bias)


def test_the_numbers_are_those_of_the_formula():
    linear = torch.nn.Linear(2, 1)
    with torch.no_grad():
        linear.weight[:] = torch.tensor([[1.27, -0.63]])
        linear.bias[:] = 0.5
        # 127 and -63 hundredths; 100 and 127 of 2.54 / 127: (127 * 100 - 63 * 127) * .01 * .02 + .5.
        made = Int8Linear(linear)(torch.tensor([[2.0, 2.54]]))
    assert made.item() == pytest.approx(0.01 * 0.02 * (127 * 100 - 63 * 127) + 0.5, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    inner=st.integers(2, 70),
    outer=st.integers(1, 40),
    tokens=st.integers(1, 9),
    size=st.sampled_from([1e-6, 1.0, 1e4]),
    bias=st.booleans(),
)
def test_no_value_is_further_off_than_rounding_allows(seed, inner, outer, tokens, size, bias):
    linear = layer(seed, inner, outer, bias)
    values = torch.randn(1, tokens, inner) * size
    with torch.inference_mode():
        exact = linear(values)
        made = Int8Linear(linear)(values)
        # Half a step of the input times the weights' size, and the other way round.
        step = values.abs().amax(-1, keepdim=True) / 127
        steps = linear.weight.abs().amax(-1) / 127
        bound = 0.5 * step * (linear.weight.abs().sum(-1) + 0.5 * inner * steps) + 0.5 * steps * values.abs().sum(
            -1, keepdim=True
        )
    assert made.shape == exact.shape
    assert bool(((made - exact).abs() <= bound * 1.001 + 1e-5 * exact.abs() + 1e-6).all())


def test_each_token_has_a_scale_of_its_own():
    linear = layer(0, 16, 8)
    quiet, loud = torch.randn(1, 16), torch.randn(1, 16) * 1e4
    with torch.inference_mode():
        made = Int8Linear(linear)
        torch.testing.assert_close(made(torch.cat([quiet, loud]))[:1], made(quiet))
        assert made(torch.zeros(3, 16)).equal(linear.bias.expand(3, 8))


def test_layers_that_read_inner_activations_and_the_output_layer_stay(tmp_path):
    generator = TransformersGenerator(build(tmp_path / "model"), device="cpu", dtype="int8")
    model = generator._model.model
    kinds = {name.rpartition(".")[2]: type(module) for name, module in model.named_modules()}
    for name in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"):
        assert kinds[name] is Int8Linear
    assert kinds["down_proj"] is torch.nn.Linear  # reads 48 values where the model is 32 wide
    assert kinds["lm_head"] is torch.nn.Linear


def test_it_writes_nearly_what_floats_write(tmp_path):
    folder = build(tmp_path / "model")
    exact, made = (TransformersGenerator(folder, device="cpu", dtype=kind, stop=[]) for kind in (None, "int8"))
    prompts = [write([f"document {number}", "a river"], "who?") for number in range(12)]
    first, second = (
        torch.tensor(one.next_token_probabilities(prompts, [""] * len(prompts))[0]) for one in (exact, made)
    )
    assert float((first - second).abs().sum(-1).max()) < 0.2
    assert float((first - second).abs().max()) > 0.0
    assert sum(map(str.__eq__, exact.generate(prompts, max_tokens=1), made.generate(prompts, max_tokens=1))) >= 10


def test_one_prompt_alone_is_answered_as_in_a_batch(tmp_path):
    made = TransformersGenerator(build(tmp_path / "model"), device="cpu", dtype="int8", stop=[], max_tokens=8)
    prompts = [write(["the war of 1812", "größe"]), Prompt("x"), write(["a river in the north"], "what else?")]
    assert made.generate(prompts) == [made.generate([prompt])[0] for prompt in prompts]
    isolated = made.generate_isolated(prompts)
    assert len(isolated) == 3


def test_answers_are_told_apart_by_what_they_were_calculated_in(tmp_path):
    folder = build(tmp_path / "model")
    usual, float32, int8 = (TransformersGenerator(folder, device="cpu", dtype=d) for d in (None, "float32", "int8"))
    assert usual.fingerprint == float32.fingerprint != int8.fingerprint


def test_what_cannot_be_is_said(tmp_path):
    folder = build(tmp_path / "model")
    with pytest.raises(ConfigurationError, match="int8"):
        TransformersGenerator(folder, dtype="int4")
    elsewhere = TransformersGenerator(folder, device="meta", dtype="int8")
    with pytest.raises(ConfigurationError, match="int8 is for a processor"):
        elsewhere.generate([Prompt("x")])
    narrow = TransformersGenerator(folder, device="cpu")._model.model
    assert quantise(narrow, 8) == 0  # every layer reads more
