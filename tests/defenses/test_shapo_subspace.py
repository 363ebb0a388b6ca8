"""A step within a subspace is a step of the weights, its gradient theirs, and afterwards nothing has moved."""

import copy

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from trl.trainer.utils import add_fused_lm_head

from defenses.training.subspace import (
    Columns,
    Everything,
    Head,
    lowest,
    probe_direction,
    value_modules,
    value_vectors,
)
from sentinel.errors import ConfigurationError
from tests.defenses.tiny_trainer import distance, language_model, weights

IDS = torch.tensor([[3, 6, 7, 8, 11, 13, 1]])


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=22, n_embd=16, n_layer=2, n_head=2, n_positions=32, initializer_range=0.3)
    ).eval()


def loss(model, **named):
    return model(input_ids=IDS, labels=IDS, **named).loss


def test_the_lowest_are_taken_over_all_layers_together():
    scores = [torch.tensor([0.3, -0.9, 0.1]), torch.tensor([-0.5, -0.8, 0.2])]
    assert [part.tolist() for part in lowest(scores, 50.0)] == [[1], [0, 1]]
    assert [part.tolist() for part in lowest(scores, 100.0)] == [[0, 1, 2], [0, 1, 2]]
    assert [part.tolist() for part in lowest(scores, 17.0)] == [[1], []]
    with pytest.raises(ConfigurationError, match="less than one of 6"):
        lowest(scores, 16.0)


def test_value_vectors_are_what_a_neuron_writes():
    for model in (language_model(), gpt2()):
        modules = value_modules(model)
        assert len(modules) == 2
        module = next(iter(modules.values()))
        vectors = value_vectors(module)
        one = torch.zeros(len(vectors))
        one[5] = 1.0
        bias = module.bias if module.bias is not None else 0.0
        assert torch.allclose(module(one), vectors[5] + bias, atol=1e-6)


@pytest.mark.parametrize("make", [language_model, gpt2])
def test_columns_have_the_gradient_of_the_weights_and_move_like_them(make):
    model = make()
    before = weights(model)
    modules = value_modules(model)
    chosen = [torch.tensor([0, 7, 9]), torch.tensor([], dtype=torch.int64)]
    subspace = Columns(modules, chosen)
    with subspace.ascending() as leaves:
        (found,) = torch.autograd.grad(loss(model), leaves)
    module = next(iter(modules.values()))
    (whole,) = torch.autograd.grad(loss(model), module.weight)
    columns = whole[[0, 7, 9]].T if make is gpt2 else whole[:, [0, 7, 9]]
    assert torch.allclose(found, columns, atol=1e-6)

    step = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    changed = copy.deepcopy(model)
    target = next(iter(value_modules(changed).values())).weight.data
    if make is gpt2:
        target[[0, 7, 9]] += step.T
    else:
        target[:, [0, 7, 9]] += step
    with subspace.moved([step]):
        here = loss(model)
        gradients = torch.autograd.grad(here, list(model.parameters()))
    there = loss(changed)
    assert torch.allclose(here, there, atol=1e-5)
    assert abs((there - loss(model)).item()) > 1e-2
    expected = torch.autograd.grad(there, list(changed.parameters()))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(gradients, expected, strict=True))
    assert distance(weights(model), before) == 0.0
    assert not module._forward_hooks


def test_a_head_moves_without_the_embeddings_that_share_its_weight():
    model = language_model(tied=True)
    add_fused_lm_head(model)
    subspace = Head(model)
    step = 0.2 * torch.randn(len(model.lm_head.weight), 32, generator=torch.Generator().manual_seed(1))
    hidden = model.model(input_ids=IDS).last_hidden_state[0, :-1]
    logits = hidden @ (model.lm_head.weight + step).T
    expected = torch.nn.functional.cross_entropy(logits, IDS[0, 1:])
    with subspace.moved([step]):
        here = loss(model, fused_lm_head=True)
    assert torch.allclose(here, expected, atol=1e-5)
    with subspace.ascending() as leaves:
        (found,) = torch.autograd.grad(loss(model, fused_lm_head=True), leaves)
    head = model.lm_head.weight.detach().clone().requires_grad_()
    plain = torch.nn.functional.cross_entropy(hidden.detach() @ head.T, IDS[0, 1:])
    assert torch.allclose(found, torch.autograd.grad(plain, head)[0], atol=1e-6)
    assert model.get_output_embeddings() is model.lm_head


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_everything_is_put_back_to_the_bit(dtype):
    model = language_model().to(dtype)
    before = weights(model)
    subspace = Everything(model)
    steps = [torch.full(p.shape, 0.037) for p in model.parameters()]
    with subspace.moved(steps):
        assert distance(weights(model), before) > 0.03
    assert distance(weights(model), before) == 0.0
    with pytest.raises(RuntimeError, match="shape"), subspace.moved(steps):
        model(input_ids=IDS).logits.reshape(3)
    assert distance(weights(model), before) == 0.0
    with pytest.raises(ValueError), subspace.moved(steps[:-1]):
        pass
    assert distance(weights(model), before) == 0.0


def test_columns_reach_the_base_under_an_adapter():
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(language_model(), LoraConfig(target_modules=["down_proj"], r=2))
    modules = value_modules(model)
    assert len(modules) == 2
    subspace = Columns(modules, [torch.arange(48)] * 2)
    with subspace.ascending() as leaves:
        gradients = torch.autograd.grad(loss(model), leaves)
    assert all(part.shape == (32, 48) and part.abs().max() > 0 for part in gradients)
    assert not any(module.weight.requires_grad for module in modules.values())


def test_an_unknown_architecture_is_refused():
    with pytest.raises(ConfigurationError, match="no MLP down-projection"):
        value_modules(torch.nn.Linear(2, 2))


def test_the_probe_finds_a_planted_direction():
    random = np.random.default_rng(0)
    planted = random.normal(size=16)
    planted /= np.linalg.norm(planted)
    chosen = random.normal(size=(400, 16)) - planted
    found = probe_direction(chosen.astype(np.float32), (random.normal(size=(400, 16)) + planted).astype(np.float32))
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert found @ planted > 0.9
    assert np.isfinite(probe_direction(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32))).all()
