"""What cannot be done rightly is refused before a model is loaded, in words that name the parameter."""

import pytest

from defenses.training import ShaPOConfig, ShaPOTrainer
from sentinel.errors import ConfigurationError
from tests.defenses.tiny_trainer import PLAIN, language_model, preferences, shapo, tokenizer


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"subspace": "attention"}, "subspace = 'attention'"), ({"percentage": 0.0}, "percentage = 0.0"),
        ({"percentage": 101.0}, "percentage = 101.0"), ({"percentage": float("nan")}, "percentage = nan"),
        ({"perturbation": "sam"}, "perturbation = 'sam'"), ({"rho": -0.1}, "rho = -0.1"),
        ({"rho": float("inf")}, "rho = inf"), ({"gamma": [2e-6]}, "gamma = "), ({"gamma": [2.0, 1.0]}, "gamma = "),
        ({"interval": 0}, "interval = 0"), ({"perturb_over": "epoch"}, "perturb_over = 'epoch'"),
        ({"probe_pairs": 3}, "probe_pairs = 3"), ({"aggregation": "max"}, "aggregation = 'max'"),
        ({"mode_weight": 0.0}, "mode_weight = 0.0"), ({"simpo_gamma": -1.0}, "simpo_gamma = -1.0"),
        ({"loss_type": ["cdpo"], "label_smoothing": 0.5}, "label_smoothing = 0.5"),
        ({"fp16": True, "bf16": False}, "fp16 = True"), ({"torch_compile": True}, "torch_compile = True"),
        ({"gradient_checkpointing_kwargs": {"use_reentrant": True}}, "use_reentrant = True"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_named(tmp_path, wrong, named):
    with pytest.raises(ConfigurationError, match=named):
        ShaPOConfig(str(tmp_path), **{**PLAIN, **wrong})


@pytest.mark.parametrize(
    ("together", "words"),
    [
        ({"aggregation": "dr_dpo", "loss_type": ["ipo"]}, "aggregation = 'dr_dpo' go with one of sigmoid, cdpo"),
        ({"loss_type": ["cdpo", "sft"]}, "soft labels, cdpo and simpo go with one of"),
        ({"soft_label_column": "p", "loss_type": ["cdpo"]}, "soft labels go with 'sigmoid' alone"),
        ({"soft_label_column": "p", "ld_alpha": 0.5}, "ld_alpha = 0.5 goes only with TRL's own losses"),
        ({"loss_type": ["simpo"], "use_weighting": True}, "use_weighting = True goes only"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, together, words):
    with pytest.raises(ConfigurationError, match=words):
        ShaPOConfig(str(tmp_path), **{**PLAIN, **together})


def test_a_quantised_base_is_refused(tmp_path):
    from transformers import BitsAndBytesConfig

    args = ShaPOConfig(str(tmp_path), **PLAIN)
    with pytest.raises(ConfigurationError, match="4- or 8-bit base"):
        ShaPOTrainer(
            "a/path", args=args, train_dataset=preferences(), processing_class=tokenizer(),
            quantization_config=BitsAndBytesConfig(load_in_4bit=True),
        )  # fmt: skip
    model = language_model()
    model.is_loaded_in_4bit = True
    with pytest.raises(ConfigurationError, match="4- or 8-bit base"):
        ShaPOTrainer(model, args=args, train_dataset=preferences(), processing_class=tokenizer())


def test_sharded_parameters_are_refused(tmp_path, monkeypatch):
    from defenses.training import _log_ratio_trainer as base

    trainer = shapo(tmp_path)
    trainer.is_fsdp_enabled = True
    with pytest.raises(ConfigurationError, match=r"needs whole parameters on each rank; FSDP shards them"):
        base.refuse_sharding(trainer, "ShaPO")


def test_a_share_of_less_than_one_column_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="less than one of 96 value vectors"):
        shapo(tmp_path, percentage=1.0).train()
