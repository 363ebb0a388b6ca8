"""Held-out measures against log-probabilities computed one sequence at a time, and sharpness against its definition."""

import copy
import math

import pytest
import torch
from datasets import Dataset

from defenses.training.evaluation import (
    evaluate,
    margins,
    preference_margins,
    response_log_probabilities,
    sharpness,
    tokenise,
)
from sentinel.errors import ConfigurationError, DataError
from tests.defenses.tiny_trainer import (
    distance,
    dpo_loss,
    language_model,
    log_probabilities,
    preferences,
    tokenizer,
    weights,
)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_log_probabilities_are_those_of_each_sequence_alone(batch_size):
    model, data = language_model(), preferences()
    for side, expected in zip(("chosen", "rejected"), log_probabilities(model, data), strict=True):
        pairs = tokenise(data, side, tokenizer(), None)
        found = response_log_probabilities(model, pairs, batch_size)
        assert torch.allclose(found.log_probabilities, expected, atol=1e-4)
        assert found.tokens.tolist() == [len(row[side].split()) + 1 for row in data]


def test_preferences_are_measured():
    model, reference, data = language_model(1), language_model(2), preferences()
    (chosen, rejected), (ref_chosen, ref_rejected) = (log_probabilities(m, data) for m in (model, reference))
    tokens = sum(len(row["chosen"].split()) + 1 for row in data)
    alone = evaluate(model, tokenizer(), data)
    assert alone["n"] == 8
    assert alone["nll"] == pytest.approx(-float(chosen.sum()) / tokens, rel=1e-4)
    assert alone["accuracy"] == pytest.approx(float((chosen > rejected).float().mean()))
    assert alone["margin"] == pytest.approx(float((chosen - rejected).mean()), rel=1e-4)
    rewards = 0.5 * ((chosen - rejected) - (ref_chosen - ref_rejected))
    against = evaluate(model, tokenizer(), data, reference=reference, beta=0.5)
    assert against["accuracy"] == pytest.approx(float((rewards > 0).float().mean()))
    assert against["margin"] == pytest.approx(float(rewards.mean()), rel=1e-3)


def test_a_reference_may_be_given_by_its_margins():
    model, reference, data = language_model(1), language_model(2), preferences()
    base = preference_margins(reference, tokenizer(), data, batch_size=3)
    chosen, rejected = log_probabilities(reference, data)
    assert torch.allclose(base, chosen - rejected, atol=1e-4)
    expected = evaluate(model, tokenizer(), data, reference=reference, rho=0.1)
    assert evaluate(model, tokenizer(), data, reference=base, rho=0.1) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ConfigurationError, match=r"\(7,\) margins of a reference for 8 preferences"):
        evaluate(model, tokenizer(), data, reference=base[:7])


def test_a_model_is_as_good_as_a_coin_against_itself():
    found = evaluate(language_model(), tokenizer(), preferences(), reference=language_model())
    assert (found["accuracy"], found["margin"]) == (0.5, 0.0)


def test_completions_have_a_likelihood_alone():
    data = preferences()
    rows = Dataset.from_dict({"prompt": data["prompt"], "completion": data["chosen"]})
    found = evaluate(language_model(), tokenizer(), rows)
    assert found == {"n": 8.0, "nll": pytest.approx(evaluate(language_model(), tokenizer(), data)["nll"])}


@pytest.mark.parametrize("batch_size", [3, 8])
def test_sharpness_is_the_rise_of_the_loss_uphill(batch_size):
    model, reference, data = language_model(1), language_model(2), preferences()
    model.model.embed_tokens.weight.requires_grad_(False)
    before = weights(model)
    sides = [tokenise(data, side, tokenizer(), None) for side in ("chosen", "rejected")]
    base = margins(reference, *sides, batch_size)
    found = sharpness(model, base, *sides, beta=0.1, rho=0.2, batch_size=batch_size)
    assert distance(weights(model), before) == 0.0
    assert not model.model.embed_tokens.weight.requires_grad
    moved = copy.deepcopy(model).requires_grad_(True)
    clean = dpo_loss(moved, reference, data)
    slopes = torch.autograd.grad(clean, list(moved.parameters()))
    norm = math.sqrt(sum(float(part.square().sum()) for part in slopes))
    with torch.no_grad():
        for parameter, part in zip(moved.parameters(), slopes, strict=True):
            parameter += 0.2 * part / norm
        assert found == pytest.approx(float(dpo_loss(moved, reference, data) - clean), rel=1e-3)
    assert found > 0.0


def test_what_cannot_be_measured_is_refused():
    data = preferences()
    with pytest.raises(DataError, match="8 of 8 rows are longer than the window of max_length = 5"):
        evaluate(language_model(), tokenizer(), data, max_length=5)
    with pytest.raises(ConfigurationError, match="rho goes with preferences and a reference"):
        evaluate(language_model(), tokenizer(), data, rho=0.1)
    asked, said = [{"role": "user", "content": "ask"}], [{"role": "assistant", "content": "no"}]
    chat = Dataset.from_list([{"prompt": asked, "completion": said}])
    with pytest.raises(DataError, match="no chat template"):
        evaluate(language_model(), tokenizer(), chat)
