"""The loop of self-play: what it samples, what it trains against, and that a cut loses nothing."""

import json

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, TrainerCallback

from defenses.training import IRISConfig, self_play
from defenses.training.self_play_loop import sample
from sentinel.errors import ComponentError, ConfigurationError, DataError
from tests.defenses.tiny_trainer import (
    PLAIN,
    WORDS,
    distance,
    language_model,
    log_probabilities,
    preferences,
    tokenizer,
    weights,
)


def data(n=6):
    rows = preferences(n)
    return Dataset.from_dict({"prompt": rows["prompt"], "completion": rows["chosen"]})


def config(folder, **changes):
    own = {"iterations": 2, "max_new_tokens": 4, "generation_batch_size": 4, "beta": 0.5, "max_steps": 4}
    own |= {"optim": "adamw_torch", "learning_rate": 5e-3, "per_device_train_batch_size": 3}
    return IRISConfig(str(folder), **{**PLAIN, **own, **changes})


def play(folder, model=None, rows=None, draw=None, callbacks=None, peft=None, **changes):
    return self_play(
        language_model() if model is None else model, config(folder, **changes), data() if rows is None else rows,
        tokenizer(), sampler=draw, callbacks=callbacks, peft_config=peft,
    )  # fmt: skip


class Stopped(Exception):
    pass


class StopAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Stopped

    def on_save(self, args, state, control, **kwargs):
        if -state.global_step == self.step:
            raise Stopped


def test_each_iteration_leaves_a_model_its_samples_and_its_order(tmp_path):
    last = play(tmp_path)
    for iteration in (0, 1):
        folder = tmp_path / f"iteration-{iteration}"
        lines = [json.loads(line) for line in (folder / "synthetic.jsonl").read_text().splitlines()]
        assert len(lines) == 6
        assert all(1 <= len(line["ids"]) <= 4 and max(line["ids"]) < len(WORDS) for line in lines)
        state = json.loads((folder / "state.json").read_text())
        assert 0.5 <= state["alpha"] <= 2.0
        assert not (folder / "trainer").exists()
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "iteration-1" / "model")
    assert distance(weights(saved), weights(last)) == 0.0
    first = AutoModelForCausalLM.from_pretrained(tmp_path / "iteration-0" / "model")
    assert distance(weights(first), weights(last)) > 1e-3


def test_a_finished_run_is_loaded_and_carried_on(tmp_path):
    two = weights(play(tmp_path))
    assert distance(weights(play(tmp_path, callbacks=[StopAt(1)])), two) == 0.0
    three = weights(play(tmp_path, iterations=3))
    assert distance(three, two) > 1e-3
    assert distance(three, weights(play(tmp_path / "at once", iterations=3))) < 1e-6


def test_the_reference_of_an_iteration_is_where_it_starts(tmp_path):
    seen = []

    class Watch(TrainerCallback):
        def on_train_begin(self, args, state, control, train_dataloader=None, **kwargs):
            seen.append(list(train_dataloader.dataset["ref_chosen_logps"]))

    play(tmp_path, callbacks=[Watch()])
    starts = (language_model(), AutoModelForCausalLM.from_pretrained(tmp_path / "iteration-0" / "model"))
    for model, found in zip(starts, seen, strict=True):
        expected = log_probabilities(model, preferences(6))[0].detach()
        assert torch.allclose(torch.tensor(found), expected, atol=1e-4)
    assert seen[0] != seen[1]


@pytest.mark.parametrize("step", [1, 3, -2])
def test_training_that_is_cut_off_is_resumed(tmp_path, step):
    saves = {"save_strategy": "steps", "save_steps": 2}
    whole = weights(play(tmp_path / "whole", **saves))
    with pytest.raises(Stopped):
        play(tmp_path / "cut", callbacks=[StopAt(step)], **saves)
    assert not (tmp_path / "cut" / "iteration-0" / "model").exists()
    samples = (tmp_path / "cut" / "iteration-0" / "synthetic.jsonl").read_text()
    starts = []

    class Watch(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            starts.append(state.global_step)

    assert distance(weights(play(tmp_path / "cut", callbacks=[Watch()], **saves)), whole) < 1e-6
    assert starts == [0 if step == 1 else 2, 0]
    assert (tmp_path / "cut" / "iteration-0" / "synthetic.jsonl").read_text() == samples


def test_sampling_that_is_cut_off_goes_on_where_it_was(tmp_path):
    drawn = []

    def failing(model, prompts, args, seed):
        if len(drawn) == 1:
            raise Stopped
        drawn.append(seed)
        return sample(model, prompts, args, seed)

    def counting(model, prompts, args, seed):
        drawn.append(seed)
        return sample(model, prompts, args, seed)

    whole = weights(play(tmp_path / "whole", iterations=1))
    with pytest.raises(Stopped):
        play(tmp_path / "cut", draw=failing, iterations=1)
    path = tmp_path / "cut" / "iteration-0" / "synthetic.jsonl"
    path.write_text(path.read_text() + '{"ids": [3, 4')  # a line that was being written
    assert distance(weights(play(tmp_path / "cut", draw=counting, iterations=1)), whole) < 1e-6
    assert len(drawn) == len(set(drawn)) == 2
    expected = (tmp_path / "whole" / "iteration-0" / "synthetic.jsonl").read_text()
    assert path.read_text() == expected


def test_samples_follow_the_model_and_stop_at_its_end():
    model, encode = language_model(), tokenizer()
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, 1
    model.generation_config.repetition_penalty, model.generation_config.top_k = 50.0, 2
    args = config("unused", max_new_tokens=1)
    prompts = [encode(text)["input_ids"] for text in ("ask what is the sky", "say no")]
    state = torch.get_rng_state()
    drawn = [sample(model, prompts * 40, args, seed) for seed in range(10)]
    assert torch.equal(torch.get_rng_state(), state)
    assert drawn[0] == sample(model, prompts * 40, args, 0) != drawn[1]
    for which, prompt in enumerate(prompts):
        # Left padding must not change what follows a prompt: the frequencies are the model's own probabilities.
        with torch.no_grad():
            expected = torch.softmax(model(input_ids=torch.tensor([prompt])).logits[0, -1], -1)
        counts = torch.zeros(len(WORDS))
        for batch in drawn:
            for tokens in batch[which::2]:
                counts[tokens[0]] += 1
        assert (counts / counts.sum() - expected).abs().max() < 0.09
    assert model.generation_config.repetition_penalty == 50.0
    long = sample(model, prompts * 20, config("unused", max_new_tokens=30), 1)
    assert all(tokens.count(1) == (tokens[-1] == 1) for tokens in long)
    assert any(tokens[-1] == 1 and len(tokens) < 30 for tokens in long)


def test_adapters_are_merged_at_the_end_of_each_iteration(tmp_path):
    from peft import LoraConfig

    last = play(tmp_path, peft=LoraConfig(r=2, target_modules=["q_proj"]), learning_rate=0.1)
    assert not any("lora" in name for name in weights(last))
    moved = {name for name, value in weights(last).items() if not torch.equal(value, weights(language_model())[name])}
    assert moved == {f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1)}


def test_spin_can_mix_the_previous_iteration_in(tmp_path):
    sizes = []

    class Count(TrainerCallback):
        def on_train_begin(self, args, state, control, train_dataloader=None, **kwargs):
            sizes.append(len(train_dataloader.dataset))

    play(tmp_path, objective="spin", mix_previous=True, callbacks=[Count()])
    assert sizes == [6, 12]


def test_conversations_are_split_by_the_chat_template(tmp_path):
    encode = tokenizer()
    encode.chat_template = (
        "{% for m in messages %}{{ 'ask ' if m.role == 'user' else 'say ' }}{{ m.content }}"
        "{{ ' <eos> ' if m.role == 'assistant' else ' ' }}{% endfor %}{% if add_generation_prompt %}say {% endif %}"
    )
    rows = Dataset.from_list(
        [{"prompt": [{"role": "user", "content": "what"}], "completion": [{"role": "assistant", "content": "no"}]}] * 2
    )
    prompts = []

    def watching(model, given, args, seed):
        prompts.extend(given)
        return sample(model, given, args, seed)

    self_play(language_model(), config(tmp_path, iterations=1), rows, encode, sampler=watching)
    assert prompts == [encode("ask what say")["input_ids"]] * 2


def test_a_folder_of_something_else_is_refused(tmp_path):
    play(tmp_path, iterations=1)
    for changes, words in (
        ({"model": language_model(seed=9)}, "iterations of another model"),
        ({"rows": data(5)}, "iterations of other data"),
        ({"alpha_max": 3.0}, "with another alpha_max"),
    ):
        with pytest.raises(DataError, match=words):
            play(tmp_path, iterations=2, **changes)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(DataError, match="damaged"):
        play(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (data().select([]), "training data is empty"),
        (data().remove_columns("completion"), "no column 'completion'"),
        (Dataset.from_list([{"prompt": "ask", "completion": " "}]), "row 0 has an empty completion"),
        (Dataset.from_list([{"prompt": "", "completion": "no"}]), "empty prompt or completion after tokenisation"),
        (Dataset.from_list([{"prompt": "ask " * 1100, "completion": "no"}]), "1 of 1 prompts fill the window"),
    ],
)
def test_data_that_cannot_be_played_is_refused_before_anything_is_written(tmp_path, rows, words):
    with pytest.raises(DataError, match=words):
        play(tmp_path / "new", rows=rows)
    assert not (tmp_path / "new").exists()


def test_a_sampler_that_gives_too_few_is_named(tmp_path):
    with pytest.raises(ComponentError, match="sampler: 1 responses to 4 prompts"):
        play(tmp_path, draw=lambda *given: [[3]])


def test_damaged_samples_are_named(tmp_path):
    with pytest.raises(Stopped):
        play(tmp_path, callbacks=[StopAt(1)])
    (tmp_path / "iteration-0" / "synthetic.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"synthetic\.jsonl is damaged"):
        play(tmp_path)


def test_several_processes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(IRISConfig, "world_size", 2)
    with pytest.raises(ConfigurationError, match="runs in one process"):
        play(tmp_path)
