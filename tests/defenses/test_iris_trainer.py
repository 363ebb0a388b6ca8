"""One iteration of IRIS on a tiny model, against gradients taken from its logits."""

import json
import math

import pytest
import torch
from datasets import Dataset

from defenses.training import IRISConfig
from defenses.training.losses import iris_loss
from sentinel.errors import ComponentError, ConfigurationError, DataError
from tests.defenses.tiny_trainer import (
    PLAIN,
    distance,
    iris,
    language_model,
    log_probabilities,
    preferences,
    shapo,
    tokenizer,
    weights,
)

CLOSE = 2e-5
WHOLE = {"per_device_train_batch_size": 8}


def trained(trainer):
    trainer.train()
    return weights(trainer.model)


def descended(steps, alpha, beta=0.5, rate=0.1):
    model, data = language_model(), preferences()
    with torch.no_grad():
        reference = log_probabilities(language_model(), data)
    for _ in range(steps):
        chosen, rejected = log_probabilities(model, data)
        loss = iris_loss(beta * (chosen - reference[0]), beta * (rejected - reference[1]), alpha)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for parameter, part in zip(model.parameters(), gradients, strict=True):
                parameter -= rate * part
    return weights(model)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_a_step_is_the_gradient_of_the_objective(tmp_path, alpha):
    found = trained(iris(tmp_path, alpha=alpha, max_steps=3, learning_rate=0.02, **WHOLE))
    assert distance(found, descended(3, alpha, rate=0.02)) < CLOSE


def test_accumulation_normalises_over_the_whole_step(tmp_path):
    changes = {"alpha": 2.0, "max_steps": 3, "learning_rate": 0.02}
    whole = iris(tmp_path, **changes, **WHOLE)
    parts = iris(tmp_path, per_device_train_batch_size=1, gradient_accumulation_steps=8, **changes)
    assert distance(trained(whole), trained(parts)) < CLOSE
    for name in ("loss", "iris/pool", "iris/ess_real", "iris/ess_synthetic"):
        pairs = zip(whole.state.log_history[:3], parts.state.log_history[:3], strict=True)
        assert all(a[name] == pytest.approx(b[name], abs=1e-4) for a, b in pairs)
    assert parts.state.log_history[0]["iris/pool"] == 8.0


def test_the_order_matters_and_the_weights_sharpen_with_it(tmp_path):
    runs = [iris(tmp_path, alpha=alpha, max_steps=6, learning_rate=0.05, **WHOLE) for alpha in (0.5, 3.0)]
    assert distance(*(trained(run) for run in runs)) > 1e-3
    sizes = [run.state.log_history[5]["iris/ess_synthetic"] for run in runs]
    assert 1.0 <= sizes[1] < sizes[0] <= 8.0


def test_training_moves_the_model_towards_the_data(tmp_path):
    trainer = iris(tmp_path, alpha=0.5, max_steps=15, learning_rate=0.02, **WHOLE)
    trainer.train()
    first, last = trainer.state.log_history[0], trainer.state.log_history[14]
    assert last["logps/chosen"] > first["logps/chosen"] + 1.0
    assert last["rewards/margins"] > 0.5
    assert last["loss"] < first["loss"] == pytest.approx(0.0, abs=1e-4)


def test_reference_log_probabilities_are_those_of_the_start(tmp_path):
    trainer = iris(tmp_path, max_steps=3, **WHOLE)
    expected = log_probabilities(language_model(), preferences())
    for column, values in zip(("ref_chosen_logps", "ref_rejected_logps"), expected, strict=True):
        assert torch.allclose(torch.tensor(trainer.train_dataset[column]), values.detach(), atol=1e-4)
    other = iris(tmp_path, ref_model=language_model(seed=4))
    of_other = log_probabilities(language_model(seed=4), preferences())[0]
    assert torch.allclose(torch.tensor(other.train_dataset["ref_chosen_logps"]), of_other.detach(), atol=1e-4)


def test_the_gap_is_nats_per_token_and_sets_the_order(tmp_path):
    trainer = iris(tmp_path, alpha_schedule="adaptive", gap_scale=0.7)
    chosen, rejected = log_probabilities(language_model(), preferences())
    encode = tokenizer()
    counts = [sum(len(encode(row[s] + " <eos>")["input_ids"]) for row in preferences()) for s in ("chosen", "rejected")]
    gap = float(-chosen.sum().detach() / counts[0] + rejected.sum().detach() / counts[1])
    assert trainer.gap == pytest.approx(gap, abs=1e-4)
    assert trainer.alpha == pytest.approx(0.5 + 1.5 * (1 - math.exp(-max(gap, 0.0) / 0.7)), abs=1e-4)


def test_the_schedules():
    def order(gap, **changes):
        return IRISConfig("unused", **{**PLAIN, "iterations": 5, **changes}).scheduled_alpha(gap)

    assert order(9.0, alpha_schedule="constant", alpha=1.3) == 1.3
    assert [order(0.1, alpha_schedule="linear", iteration=i) for i in (0, 2, 4)] == [2.0, 1.25, 0.5]
    assert order(0.1, alpha_schedule="linear", iterations=1) == 2.0
    falling = [order(gap, gap_scale=0.5) for gap in (50.0, 1.0, 0.5, 0.1, 0.0, -1.0)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] == pytest.approx(2.0)
    assert falling[2] == pytest.approx(0.5 + 1.5 * (1 - 1 / math.e))
    assert falling[4] == falling[5] == 0.5
    assert order(0.3) == pytest.approx(falling[2])  # the first gap is its own scale
    assert order(0.0) == 0.5


@pytest.mark.parametrize(("objective", "beta"), [("spin", 0.1), ("space", 1.0), ("spif", 0.1)])
def test_baselines_are_losses_of_trl(tmp_path, objective, beta):
    name = {"spin": "sigmoid", "space": "bco_pair", "spif": "sppo_hard"}[objective]
    changes = {"beta": beta, "learning_rate": 1e-3}
    ours = iris(tmp_path, objective=objective, **changes)
    assert ours.args.loss_type == [name]
    theirs = shapo(tmp_path, rho=0.0, loss_type=[name], **changes)
    assert distance(trained(ours), trained(theirs)) < 1e-6


def test_length_normalised_ratios_are_per_token(tmp_path):
    changes = {"max_steps": 1, "length_normalised": True, "alpha": 2.0}
    trainer = iris(tmp_path, **changes, **WHOLE)
    trainer.train()
    model, data, encode = language_model(), preferences(), tokenizer()
    chosen, rejected = log_probabilities(model, data)
    lengths = [
        torch.tensor([len(encode(row[s] + " <eos>")["input_ids"]) for row in data]) for s in ("chosen", "rejected")
    ]
    ratios = [0.5 * (v - v.detach()) / n for v, n in zip((chosen, rejected), lengths, strict=True)]
    gradients = torch.autograd.grad(iris_loss(*ratios, 2.0), list(model.parameters()))
    for parameter, part in zip(model.parameters(), gradients, strict=True):
        parameter.data -= 0.1 * part
    assert distance(weights(trainer.model), weights(model)) < CLOSE


def test_a_clamp_is_seen_in_the_log(tmp_path):
    trainer = iris(tmp_path, alpha=2.0, max_steps=4, learning_rate=0.1, exponent_clamp=0.2, **WHOLE)
    trainer.train()
    shares = [log["iris/clamped"] for log in trainer.state.log_history[:4]]
    assert shares[0] == 0.0
    assert shares[3] > 0.5


def test_tokens_are_taken_as_they_are(tmp_path):
    rows = [{"prompt_ids": [3, 6, 7], "chosen_ids": [11, 1], "rejected_ids": [12, 12, 12]}] * 4
    trainer = iris(tmp_path, data=Dataset.from_list(rows), max_steps=1)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    assert batch["input_ids"].tolist() == [[3, 6, 7, 11, 1, 0], [3, 6, 7, 12, 12, 12]]
    trainer.train()
    for bad, words in (
        ([{**rows[0], "chosen_ids": []}], "no token in 'chosen_ids'"),
        ([{**rows[0], "prompt_ids": [3] * 2000}], "fill the window"),
    ):
        with pytest.raises(DataError, match=words):
            iris(tmp_path, data=Dataset.from_list(bad))
    with pytest.raises(DataError, match="empty"):
        iris(tmp_path, data=Dataset.from_list(rows).select([]))


def test_an_adapter_is_trained_against_its_base(tmp_path):
    from peft import LoraConfig

    trainer = iris(tmp_path, peft=LoraConfig(r=4, target_modules=["q_proj"]), max_steps=4, learning_rate=0.2, **WHOLE)
    expected = log_probabilities(language_model(), preferences())[0]
    assert torch.allclose(torch.tensor(trainer.train_dataset["ref_chosen_logps"]), expected.detach(), atol=1e-4)
    trainer.train()
    assert trainer.state.log_history[3]["rewards/margins"] > 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "rlhf"}, {"alpha_schedule": "cosine"}, {"alpha": 0.0}, {"alpha": math.inf}, {"alpha_min": -1.0},
        {"alpha_max": 0.1}, {"gap_scale": 0.0}, {"exponent_clamp": 0.0}, {"iteration": 3}, {"iterations": 0},
        {"max_new_tokens": 0}, {"temperature": 0.0}, {"top_p": 0.0}, {"generation_batch_size": 0},
        {"mix_previous": True}, {"beta": 0.0}, {"loss_type": ["ipo"]}, {"ld_alpha": 0.5}, {"use_weighting": True},
        {"precompute_ref_log_probs": False, "alpha_schedule": "adaptive"},
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_named(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong)) if "iterations" not in wrong else "iteration"):
        IRISConfig(str(tmp_path), **{**PLAIN, **wrong})


def test_space_is_defined_at_beta_one(tmp_path):
    with pytest.raises(ConfigurationError, match="SPACE is defined at beta = 1"):
        IRISConfig(str(tmp_path), **PLAIN, objective="space", beta=0.1)


def test_a_reference_that_is_no_number_trains_nothing(tmp_path):
    broken = language_model(seed=4)
    broken.lm_head.weight.data[1] = math.nan
    with pytest.raises(ComponentError, match="a reference log-probability is not finite"):
        iris(tmp_path, ref_model=broken)


def test_a_resumed_run_is_the_whole_run(tmp_path):
    changes = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "optim": "adamw_torch", "learning_rate": 0.01}
    whole = trained(iris(tmp_path, **changes))
    again = iris(tmp_path, **changes)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert distance(weights(again.model), whole) < 1e-6
    assert json.loads((tmp_path / "checkpoint-2" / "sentinel_reference.json").read_text())["schema"] == 1
    with pytest.raises(DataError, match="checkpoint of another model"):
        iris(tmp_path, model=language_model(seed=9), **changes).train(resume_from_checkpoint=True)


@pytest.mark.parametrize(("objective", "beta"), [("iris", 1.0), ("space", 1.0), ("spin", 0.1), ("spif", 0.1)])
def test_each_objective_has_a_beta_of_its_own(tmp_path, objective, beta):
    assert IRISConfig(str(tmp_path), use_cpu=True, objective=objective).beta == beta
    if objective != "space":
        assert IRISConfig(str(tmp_path), use_cpu=True, objective=objective, beta=0.4).beta == 0.4
