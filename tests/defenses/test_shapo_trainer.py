"""ShaPO against references written here: DPO where nothing is perturbed, SAM where everything is."""

import math

import pytest
import torch
from trl import DPOConfig, DPOTrainer

from defenses.training import flip_preferences
from defenses.training.losses import preference_loss
from defenses.training.subspace import value_modules
from tests.defenses.tiny_trainer import (
    PLAIN,
    distance,
    dpo_loss,
    language_model,
    log_probabilities,
    preferences,
    shapo,
    tokenizer,
    weights,
    with_soft_labels,
)

CLOSE = 2e-5


def trained(trainer):
    trainer.train()
    return weights(trainer.model)


def trl_dpo(folder, **changes):
    args = DPOConfig(str(folder), **{**PLAIN, **changes})
    return DPOTrainer(
        language_model(), language_model(), args, train_dataset=preferences(), processing_class=tokenizer()
    )


def sharpness_aware(steps, rho, only=None):
    """SAM on the whole data in plain gradient descent, on losses from the logits."""
    model, reference, data = language_model(), language_model(), preferences()
    chosen = [p for n, p in model.named_parameters() if only is None or only in n]
    for _ in range(steps):
        ascent = torch.autograd.grad(dpo_loss(model, reference, data), chosen)
        norm = torch.sqrt(sum(part.square().sum() for part in ascent))
        kept = [p.detach().clone() for p in chosen]
        with torch.no_grad():
            for p, part in zip(chosen, ascent, strict=True):
                p += rho * part / norm
        descent = torch.autograd.grad(dpo_loss(model, reference, data), list(model.parameters()))
        with torch.no_grad():
            for p, saved in zip(chosen, kept, strict=True):
                p.copy_(saved)
            for p, part in zip(model.parameters(), descent, strict=True):
                p -= 0.1 * part
    return weights(model)


@pytest.mark.parametrize("changes", [{"rho": 0.0}, {"interval": 10}, {"perturbation": "gamma", "gamma": [0.0, 0.0]}])
def test_without_a_perturbation_it_is_dpo_step_for_step(tmp_path, changes):
    ours, theirs = shapo(tmp_path, max_steps=3, **changes), trl_dpo(tmp_path, max_steps=3)
    assert distance(trained(ours), trained(theirs)) == 0.0
    assert [log.get("loss") for log in ours.state.log_history] == [log.get("loss") for log in theirs.state.log_history]


def test_a_vanishing_radius_tends_to_dpo(tmp_path):
    dpo = trained(trl_dpo(tmp_path))
    off = [distance(trained(shapo(tmp_path, rho=rho)), dpo) for rho in (0.1, 0.01, 1e-6)]
    assert off[0] > 4 * off[1] > 0.0
    assert off[2] < 1e-6


def test_dpo_is_dpo_on_the_logits(tmp_path):
    expected = sharpness_aware(2, 0.0)
    assert distance(trained(shapo(tmp_path, rho=0.0, per_device_train_batch_size=8)), expected) < CLOSE


def test_all_weights_are_sam_and_all_columns_sam_on_the_down_projections(tmp_path):
    everything = trained(shapo(tmp_path, subspace="all", per_device_train_batch_size=8))
    assert distance(everything, sharpness_aware(2, 0.3)) < CLOSE
    columns = trained(shapo(tmp_path, subspace="probe", percentage=100.0, per_device_train_batch_size=8))
    assert distance(columns, sharpness_aware(2, 0.3, only="down_proj")) < CLOSE
    assert distance(columns, everything) > 1e-3
    head = trained(shapo(tmp_path, subspace="lm_head", per_device_train_batch_size=8))
    assert distance(head, sharpness_aware(2, 0.3, only="lm_head")) < CLOSE


def test_the_interval_counts_optimiser_steps(tmp_path):
    trainer = shapo(tmp_path, interval=2, max_steps=5, gradient_accumulation_steps=2, per_device_train_batch_size=2)
    trainer.train()
    assert [i for i, log in enumerate(trainer.state.log_history[:5], 1) if "shapo/clean_loss" in log] == [2, 4]


def test_a_perturbation_raises_the_loss_by_about_its_slope(tmp_path):
    trainer = shapo(tmp_path, subspace="all", rho=1e-3, max_steps=1, per_device_train_batch_size=8)
    trainer.train()
    log = trainer.state.log_history[0]
    assert log["shapo/clean_loss"] == pytest.approx(math.log(2.0), abs=1e-6)
    assert log["shapo/perturbation_norm"] == pytest.approx(1e-3)
    model = language_model()
    slope = torch.autograd.grad(dpo_loss(model, language_model(), preferences()), list(model.parameters()))
    norm = math.sqrt(sum(float(part.square().sum()) for part in slope))
    assert log["shapo/perturbed_loss"] - log["shapo/clean_loss"] == pytest.approx(1e-3 * norm, rel=0.05)


def test_the_released_form_scales_the_gradient_itself(tmp_path):
    changes = {"perturbation": "gamma", "subspace": "all", "max_steps": 1, "per_device_train_batch_size": 8}
    trainer = shapo(tmp_path, gamma=[0.02, 0.04], **changes)
    trainer.train()
    model = language_model()
    slope = torch.autograd.grad(dpo_loss(model, language_model(), preferences()), list(model.parameters()))
    norm = math.sqrt(sum(float(part.square().sum()) for part in slope))
    drawn = trainer.state.log_history[0]["shapo/perturbation_norm"] / norm
    assert 0.02 <= drawn <= 0.04
    again = shapo(tmp_path, gamma=[0.02, 0.04], **changes)
    assert distance(trained(again), weights(trainer.model)) == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subspace": "all"},
        {"subspace": "lm_head"},
        {"aggregation": "dr_dpo", "mode_weight": 0.3},
        {"loss_type": ["robust"], "label_smoothing": 0.1},
        {"perturbation": "gamma", "gamma": [0.5, 1.0]},
    ],
)
def test_accumulation_gives_the_step_of_the_whole_batch(tmp_path, changes):
    whole = trained(shapo(tmp_path, per_device_train_batch_size=8, probe=preferences(), **changes))
    parts = trained(shapo(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4, **changes))
    assert distance(whole, parts) < CLOSE
    assert distance(whole, weights(language_model())) > 1e-3


def test_checkpointing_changes_nothing(tmp_path):
    plain, saved = (trained(shapo(tmp_path, gradient_checkpointing=on)) for on in (False, True))
    assert distance(plain, saved) < 1e-6


def test_a_micro_batch_can_perturb_by_itself(tmp_path):
    changes = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    alone = trained(shapo(tmp_path, perturb_over="micro_batch", **changes))
    assert 1e-5 < distance(alone, trained(shapo(tmp_path, **changes))) < 1.0
    single = {"per_device_train_batch_size": 8}
    one = trained(shapo(tmp_path, perturb_over="micro_batch", **single))
    assert distance(one, trained(shapo(tmp_path, **single))) < 1e-6


def test_reward_level_with_hard_labels_is_token_level(tmp_path):
    token = trained(shapo(tmp_path))
    reward = trained(shapo(tmp_path, data=with_soft_labels([1.0] * 8), soft_label_column="better"))
    assert distance(token, reward) < 1e-6


def test_reward_level_follows_the_column(tmp_path):
    labels = [1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 0.1, 0.9]
    changes = {"soft_label_column": "better", "rho": 0.0, "max_steps": 1, "per_device_train_batch_size": 8}
    found = trained(shapo(tmp_path, data=with_soft_labels(labels), **changes))
    model = language_model()
    chosen, rejected = log_probabilities(model, preferences())
    margin = (chosen - chosen.detach()) - (rejected - rejected.detach())
    gradients = torch.autograd.grad(preference_loss(margin, 0.1, torch.tensor(labels)).mean(), list(model.parameters()))
    for parameter, part in zip(model.parameters(), gradients, strict=True):
        parameter.data -= 0.1 * part
    assert distance(found, weights(model)) < CLOSE


def test_dr_dpo_of_infinite_weight_is_the_mean_and_of_a_small_one_is_not(tmp_path):
    mean = trained(shapo(tmp_path))
    assert distance(trained(shapo(tmp_path, aggregation="dr_dpo", mode_weight=math.inf)), mean) < 1e-6
    assert distance(trained(shapo(tmp_path, aggregation="dr_dpo", mode_weight=0.01)), mean) > 1e-4


def test_the_baselines_are_told_apart(tmp_path):
    runs = {
        name: trained(shapo(tmp_path, rho=0.0, loss_type=[name], label_smoothing=0.1))
        for name in ("sigmoid", "cdpo", "robust", "ipo", "simpo")
    }
    names = list(runs)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert all(distance(runs[a], runs[b]) > 1e-5 for a, b in pairs)
    unsmoothed = trained(shapo(tmp_path, rho=0.0, loss_type=["cdpo"], label_smoothing=0.0))
    assert distance(unsmoothed, runs["sigmoid"]) < 1e-6


@pytest.mark.parametrize("perturbed", ["probe", "gradient", "random"])
def test_the_subspace_is_chosen_from_where_training_starts(tmp_path, perturbed):
    first, second = (shapo(tmp_path, subspace=perturbed, percentage=10.0, max_steps=1) for _ in range(2))
    first.train()
    second.train()
    columns = [{name: part.tolist() for name, part in t.subspace.columns.items()} for t in (first, second)]
    assert columns[0] == columns[1]
    assert sum(len(part) for part in columns[0].values()) == 9  # floor(2 * 48 / 10)
    if perturbed == "probe":
        assert 0.0 <= first.probe_accuracy <= 1.0


def test_columns_of_the_largest_gradient_raise_the_loss_most(tmp_path):
    def rise(kind):
        trainer = shapo(tmp_path, subspace=kind, percentage=10.0, max_steps=1, per_device_train_batch_size=8)
        trainer.train()
        return trainer.state.log_history[0]["shapo/perturbed_loss"] - math.log(2.0)

    assert rise("gradient") > max(rise("random"), rise("probe")) > 0.0


def adapter():
    from peft import LoraConfig

    return LoraConfig(r=4, target_modules=["q_proj", "down_proj"], lora_alpha=8)


@pytest.mark.parametrize("perturbed", ["probe", "all", "lm_head"])
def test_an_adapter_learns_and_its_base_stays(tmp_path, perturbed):
    trainer = shapo(tmp_path, peft=adapter(), subspace=perturbed, max_steps=4, learning_rate=1.0)
    before = {name: value for name, value in weights(trainer.model).items() if "lora_" not in name}
    trainer.train()
    after = weights(trainer.model)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert any(value.abs().max() > 0 for name, value in after.items() if "lora_B" in name)
    assert all(part.grad is None for name, part in trainer.model.named_parameters() if "lora_" not in name)
    assert trainer.state.log_history[3]["shapo/clean_loss"] < math.log(2.0) - 0.01
    expected = log_probabilities(language_model(), preferences().select(range(4)))
    rows = [trainer.train_dataset[i] for i in range(4)]
    found = trainer.compute_ref_log_probs(trainer.model, trainer.data_collator(rows))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found, expected, strict=True))


def test_the_reference_of_an_adapter_is_not_perturbed_with_it(tmp_path):
    trainer = shapo(tmp_path, peft=adapter(), percentage=100.0, max_steps=1, rho=1.0)
    trainer.train()
    log = trainer.state.log_history[0]
    # An adapter starts at nothing: unperturbed every margin is 0, and a perturbed reference would keep it there.
    assert abs(log["shapo/perturbed_loss"] - math.log(2.0)) > 1e-3


@pytest.mark.parametrize("perturbed", ["probe", "all", "lm_head"])
def test_a_step_that_raises_leaves_the_weights(tmp_path, perturbed):
    class Stops(Exception):
        pass

    model = language_model()
    trainer = shapo(tmp_path, model=model, subspace=perturbed)
    before = weights(trainer.model)
    plain = trainer.accelerator.backward

    def backward(*given, **named):
        plain(*given, **named)
        raise Stops

    trainer.accelerator.backward = backward
    with pytest.raises(Stops):
        trainer.train()
    assert distance(weights(trainer.model), before) == 0.0
    assert not any(module._forward_hooks for module in value_modules(trainer.model).values())
    assert "get_output_embeddings" not in vars(trainer.model)


def test_a_resumed_run_is_the_whole_run(tmp_path):
    changes = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "interval": 2, "perturbation": "gamma"}
    changes |= {"gamma": [0.5, 1.0], "optim": "adamw_torch", "learning_rate": 0.01}
    whole = trained(shapo(tmp_path / "whole", **changes))
    again = shapo(tmp_path / "whole", **changes)
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-2"))
    assert distance(weights(again.model), whole) < 1e-6


@pytest.mark.parametrize("keys", [("prompt", "chosen", "rejected"), ("chosen", "rejected")])
def test_trl_formats_are_taken(tmp_path, keys):
    data = preferences()
    if "prompt" not in keys:
        data = data.map(
            lambda row: {"chosen": row["prompt"] + row["chosen"], "rejected": row["prompt"] + row["rejected"]}
        )
        data = data.remove_columns("prompt")
    assert shapo(tmp_path, data=data, max_steps=1).train().training_loss > 0


def test_evaluation_uses_the_same_loss(tmp_path):
    trainer = shapo(tmp_path, data=with_soft_labels([0.5] * 8), soft_label_column="better", rho=0.0)
    assert trainer.evaluate(with_soft_labels([0.5] * 8))["eval_loss"] == pytest.approx(math.log(2.0), abs=1e-5)


def test_a_policy_in_hand_is_its_own_reference(tmp_path):
    model = language_model(seed=5)
    model.config._name_or_path = "a name that leads nowhere"
    trainer = shapo(tmp_path, model=model)
    assert distance(weights(trainer.ref_model), weights(model)) == 0.0
    trainer.train()
    assert distance(weights(trainer.ref_model), weights(model)) == 0.0
    assert distance(weights(trainer.model), weights(model)) > 1e-3


def test_one_step_in_five_costs_at_most_a_quarter_more_arithmetic(tmp_path):
    from torch.utils.flop_counter import FlopCounterMode

    def arithmetic(**changes):
        trainer = shapo(tmp_path, max_steps=5, per_device_train_batch_size=8, **changes)
        trainer.subspace = trainer._choose()  # once for a whole training, not once for five steps
        with FlopCounterMode(display=False) as counter:
            trainer.train()
        return counter.get_total_flops()

    dpo = arithmetic(rho=0.0)
    assert dpo < arithmetic(interval=5) <= 1.25 * dpo
    assert arithmetic(interval=1) > 1.3 * dpo


@pytest.mark.parametrize("perturbed", ["probe", "lm_head"])
def test_bfloat16_rounds_no_perturbation_away(tmp_path, perturbed):
    def rise(dtype):
        changes = {
            "subspace": perturbed,
            "bf16": dtype is torch.bfloat16,
            "gradient_checkpointing": True,
            "max_steps": 1,
        }
        model = language_model(tied=True).to(dtype)
        trainer = shapo(tmp_path, model=model, peft=adapter(), per_device_train_batch_size=8, **changes)
        base = {name: value for name, value in weights(trainer.model).items() if "lora_" not in name}
        trainer.train()
        after = weights(trainer.model)
        assert all(torch.equal(value, after[name]) for name, value in base.items())
        return trainer.state.log_history[0]["shapo/perturbed_loss"] - math.log(2.0)

    assert rise(torch.bfloat16) == pytest.approx(rise(torch.float32), rel=0.1)


@pytest.mark.parametrize("changes", [{"rho": 0.05}, {"rho": 0.05, "aggregation": "dr_dpo"}, {"rho": 0.0}])
def test_a_fifth_of_flipped_labels_does_not_hide_the_preference(tmp_path, changes):
    noisy = flip_preferences(preferences(40), 0.2, seed=1)
    learning = {"max_steps": 25, "optim": "adamw_torch", "learning_rate": 2e-3, "per_device_train_batch_size": 8}
    trainer = shapo(tmp_path, data=noisy, interval=5, **learning, **changes)
    before = dpo_loss(language_model(), language_model(), preferences(12))
    trainer.train()
    chosen, rejected = log_probabilities(trainer.model, preferences(12))
    ref_chosen, ref_rejected = log_probabilities(language_model(), preferences(12))
    margins = (chosen - ref_chosen) - (rejected - ref_rejected)
    assert (margins > 0).float().mean() > 0.9  # one of twelve is flipped in most of its copies
    assert dpo_loss(trainer.model, language_model(), preferences(12)) < before - 0.05
