"""What `sentinel-train` is told: files and flags, types, names, and the defaults of a machine without a GPU."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trl import SFTConfig

from defenses.training import IRISConfig, ShaPOConfig
from defenses.training._options import build, gather, parse
from sentinel.errors import ConfigurationError

WHERE = {"model": "m", "data": "d.jsonl", "out": "o"}
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_flags_lie_over_the_file(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("model: m\nbeta: 0.3\nrho: 0.2\nlearning_rate: 1e-6\n")
    values = gather(config, {"model": None, "data": "d"}, ["--beta", "0.5", "--no-bf16", "--max-steps=7", "--packing"])
    assert values == {
        "model": "m", "beta": "0.5", "rho": 0.2, "learning_rate": "1e-6", "data": "d", "bf16": False, "max_steps": "7",
        "packing": True,
    }  # fmt: skip


def test_values_are_brought_to_their_types():
    words = {"learning_rate": "1e-6", "gamma": "[1e-6, 2e-6]", "loss_type": "ipo", "max_length": "null", "bf16": "no"}
    options, parameters = parse({**WHERE, **words, "lora_r": "8", "lora_target_modules": "q_proj,v_proj"}, ShaPOConfig)
    assert parameters == {
        "learning_rate": 1e-6, "gamma": [1e-6, 2e-6], "loss_type": ["ipo"], "max_length": None, "bf16": False,
    }  # fmt: skip
    assert (options.lora_r, options.lora_target_modules) == (8, "q_proj,v_proj")
    assert parse({**WHERE, "lora_target_modules": ["q_proj"]}, SFTConfig)[0].lora_target_modules == ["q_proj"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"learning_rte": 1}, "unknown parameter 'learning_rte'; did you mean 'learning_rate'"),
        ({"intervall": 1}, "did you mean 'interval'"),
        ({"lora_rank": 1}, "unknown parameter 'lora_rank'; did you mean"),
        ({"output_dir": "x"}, "'output_dir' is not set here: write 'out'"),
        ({"trust_remote_code": True}, "no code of a model is run"),
        ({"interval": "many"}, "interval = 'many': input should be a valid integer"),
        ({"interval": 2.5}, "interval = 2.5: input should be a valid integer"),
        ({"dtype": "float16"}, "dtype = 'float16'"),
        ({"lora_r": -1}, "lora_r = -1 is not allowed"),
        ({"lora_dropout": 1.0}, "lora_dropout = 1.0 is not allowed"),
        ({"data": None}, "'data' is missing"),
        ({"model": ""}, "'model' is missing"),
    ],
)
def test_what_is_wrong_is_named(extra, words):
    with pytest.raises(ConfigurationError, match=words):
        parse({**WHERE, **extra}, ShaPOConfig)


def test_parameters_of_one_trainer_are_not_those_of_another():
    with pytest.raises(ConfigurationError, match="unknown parameter 'rho'"):
        parse({**WHERE, "rho": 0.1}, SFTConfig)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "a mapping"),
        ("a: b\n- c\n", "run.yaml:2: not YAML"),
        ("a: !!python/name:os.system x\n", "not YAML"),
        ("", ""),
    ],
)
def test_files_that_are_no_configuration(tmp_path, text, words):
    config = tmp_path / "run.yaml"
    config.write_text(text)
    if not words:
        assert gather(config, {}, []) == {}
        return
    with pytest.raises(ConfigurationError, match=words):
        gather(config, {}, [])
    with pytest.raises(ConfigurationError, match=r"cannot read .*absent\.yaml: No such file"):
        gather(tmp_path / "absent.yaml", {}, [])


@given(st.text(max_size=12).filter(lambda word: not word.startswith("--")))
def test_a_word_that_is_no_flag_is_refused(word):
    with pytest.raises(ConfigurationError, match="every value follows its --name"):
        gather(None, {}, [word])


@given(st.from_regex(r"[a-z]{1,6}(-[a-z]{1,6}){0,2}", fullmatch=True), st.integers(-9, 9))
def test_dashes_are_underscores_in_names_alone(name, value):
    expected = {name.replace("-", "_"): str(value)}
    assert gather(None, {}, [f"--{name}={value}"]) == gather(None, {}, [f"--{name}", str(value)]) == expected
    assert gather(None, {}, [f"--{name}=a-b=c"]) == {name.replace("-", "_"): "a-b=c"}


def test_what_a_trainer_refuses_is_told_in_one_line(tmp_path):
    assert build(ShaPOConfig, {"use_cpu": True}, str(tmp_path)).bf16 is False
    assert build(ShaPOConfig, {"use_cpu": True, "bf16": True}, str(tmp_path)).bf16 is True
    assert build(SFTConfig, {}, str(tmp_path)).report_to == []
    for wrong in ({"rho": -1.0}, {"lr_scheduler_type": "straight"}, {"save_strategy": "often"}):
        with pytest.raises(ConfigurationError) as caught:
            build(ShaPOConfig, {"use_cpu": True, **wrong}, str(tmp_path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "trainer"),
    [("sft", SFTConfig), ("shapo", ShaPOConfig), ("shapo_7b", ShaPOConfig), ("iris", IRISConfig)],
)
def test_the_examples_are_configurations(tmp_path, name, trainer):
    values = gather(EXAMPLES / f"train_{name}.yaml", {"data": "d", "out": str(tmp_path)}, ["--use-cpu"])
    options, parameters = parse(values, trainer)
    assert options.lora_r > 0
    assert build(trainer, parameters, str(tmp_path)).max_length in (512, 1024)
