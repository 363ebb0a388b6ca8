"""`sentinel-train` as a user runs it: each command on a model of two layers, and each mistake in one line."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from defenses.training import cli
from tests.defenses.tiny_trainer import distance, language_model, preferences, tokenizer, weights

ROOT = Path(__file__).parents[2]
QUICK = ("--max-steps", "2", "--per-device-train-batch-size", "4", "--learning-rate", "0.01", "--seed", "3")
QUICK += ("--logging-steps", "1", "--lr-scheduler-type", "constant", "--use-cpu=true")


@pytest.fixture
def model(tmp_path):
    return save(tmp_path / "model", language_model())


def save(folder, made):
    made.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def pairs(tmp_path):
    return write(tmp_path / "pairs.jsonl", list(preferences()))


@pytest.fixture
def answers(tmp_path):
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in preferences()]
    return write(tmp_path / "answers.jsonl", rows)


@pytest.fixture
def run(monkeypatch, capsys):
    def running(*words):
        monkeypatch.setattr(sys, "argv", ["sentinel-train", *map(str, words)])
        capsys.readouterr()  # what making the model said is not the command's
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        return left.value.code, shown.out + shown.err

    return running


def loaded(folder):
    assert any(Path(folder).glob("*.safetensors"))
    AutoTokenizer.from_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.slow
def test_sft_trains_measures_and_resumes(run, tmp_path, model, answers):
    out = tmp_path / "run"
    words = ("sft", "--model", model, "--data", answers, "--eval-data", answers, "--out", out, *QUICK)
    code, said = run(*words, "--save-steps", "1")
    assert code == 0, said
    assert "step 2/2" in said
    assert "loss" in said
    trained = loaded(out / "model")
    assert distance(weights(trained), weights(language_model())) > 1e-3
    metrics = json.loads((out / "training.json").read_text())["metrics"]
    assert math.isfinite(metrics["eval_loss"])
    code, said = run(*words)
    assert (code, "holds a run; add --resume" in said) == (2, True)
    code, said = run(*words, "--save-steps", "1", "--resume", "--max-steps", "4")
    assert code == 0, said
    assert "step 3/4" in said
    assert "step 1/4" not in said
    whole = tmp_path / "whole"
    assert run(*words[:7], "--out", whole, *QUICK, "--max-steps", "4")[0] == 0
    assert distance(weights(loaded(out / "model")), weights(loaded(whole / "model"))) < 1e-5


@pytest.mark.slow
def test_shapo_from_a_file_trains_an_adapter_that_export_merges(run, tmp_path, model, pairs):
    config = tmp_path / "run.yaml"
    config.write_text(
        f"model: {model}\ndata: {pairs}\nlora_r: 4\nlora_target_modules: [q_proj, down_proj]\ninterval: 1\nrho: 0.1\n"
        "percentage: 25\nlearning_rate: 1e-2\nper_device_train_batch_size: 4\nmax_steps: 2\nlogging_steps: 1\n"
    )
    code, said = run("shapo", "--config", config, "--out", tmp_path / "run", "--use-cpu=true")
    assert code == 0, said
    assert "perturbed_loss" in said
    adapter = tmp_path / "run" / "model"
    assert (adapter / "adapter_config.json").is_file()
    code, said = run("export", "--model", tmp_path / "run", "--out", tmp_path / "merged")
    assert code == 0, said
    merged = loaded(tmp_path / "merged")
    assert not any("lora" in name for name in weights(merged))
    both = PeftModel.from_pretrained(language_model(), str(adapter))
    ids = torch.tensor([tokenizer()("ask what is the sky blue")["input_ids"]])
    assert torch.allclose(merged(input_ids=ids).logits, both(input_ids=ids).logits, atol=1e-4)
    assert not torch.allclose(merged(input_ids=ids).logits, language_model()(input_ids=ids).logits, atol=1e-3)
    code, said = run("export", "--model", tmp_path / "run", "--out", tmp_path / "merged")
    assert (code, "is not empty" in said) == (2, True)
    other = save(tmp_path / "other", language_model(seed=9))
    code, said = run("export", "--model", tmp_path / "run", "--base", other, "--out", tmp_path / "wrong")
    assert (code, "checkpoint of another model" in said) == (2, True)
    assert not (tmp_path / "wrong").exists()
    code, said = run("shapo", "--model", adapter, "--data", pairs, "--out", tmp_path / "again", *QUICK)
    assert (code, "is an adapter" in said) == (2, True)


@pytest.mark.slow
def test_evaluate_measures_what_training_moved(run, tmp_path, model, pairs, answers):
    words = (
        "shapo",
        "--model",
        model,
        "--data",
        pairs,
        "--out",
        tmp_path / "run",
        *QUICK,
        "--rho",
        "0",
        "--percentage",
        "25",
    )
    assert run(*words, "--max-steps", "10")[0] == 0
    where = ("--data", pairs, "--reference", model, "--rho", "0.05", "--out", tmp_path / "found.json")
    code, said = run("evaluate", "--model", tmp_path / "run", *where)
    assert code == 0, said
    found = json.loads((tmp_path / "found.json").read_text())["metrics"]
    assert found["accuracy"] > 0.9
    assert found["margin"] > 0.0
    assert found["sharpness"] > 0.0
    code, said = run("evaluate", "--model", model, "--data", answers)
    assert code == 0
    assert "nll" in said
    assert "accuracy" not in said
    code, said = run("evaluate", "--model", model, "--data", pairs, "--rho", "0.1")
    assert (code, "--rho needs --reference" in said) == (2, True)


IRIS = ("--iterations", "2", "--max-new-tokens", "3", "--generation-batch-size", "4", "--beta", "0.5")


@pytest.mark.slow
def test_iris_plays_and_goes_on_where_it_was_cut_off(run, tmp_path, monkeypatch, model, answers):
    out = tmp_path / "run"
    words = ("iris", "--model", model, "--data", answers, "--out", out, *QUICK, *IRIS)

    def cut(*given, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("defenses.training.self_play_loop.IRISTrainer", cut)
        code, said = run(*words)
    assert (code, "with --resume goes on" in said) == (130, True)
    samples = (out / "iteration-0" / "synthetic.jsonl").read_text()
    assert len(samples.splitlines()) == 8
    code, said = run(*words)
    assert (code, "holds a run; add --resume" in said) == (2, True)
    code, said = run("export", "--model", out, "--out", tmp_path / "exported")
    assert (code, "cut off before anything was saved" in said) == (2, True)
    code, said = run(*words, "--resume")
    assert code == 0, said
    assert (out / "iteration-0" / "synthetic.jsonl").read_text() == samples
    code, said = run("export", "--model", out, "--out", tmp_path / "exported")
    assert code == 0, said
    last = weights(loaded(out / "iteration-1" / "model"))
    assert distance(weights(loaded(tmp_path / "exported")), last) == 0.0
    whole = tmp_path / "whole"
    assert run(*words[:5], "--out", whole, *QUICK, *IRIS)[0] == 0
    assert distance(weights(loaded(whole / "iteration-1" / "model")), last) < 1e-6


@pytest.mark.slow
def test_messages_are_prompts_with_an_answer_at_the_end(run, tmp_path, answers):
    encode = tokenizer()
    encode.chat_template = (
        "{% for m in messages %}{{ 'ask ' if m.role == 'user' else 'say ' }}{{ m.content }}"
        "{{ ' <eos> ' if m.role == 'assistant' else ' ' }}{% endfor %}{% if add_generation_prompt %}say {% endif %}"
    )
    language_model().save_pretrained(tmp_path / "chat")
    encode.save_pretrained(tmp_path / "chat")
    talk = [{"role": "user", "content": "what"}, {"role": "assistant", "content": "no"}]
    chats = write(tmp_path / "chats.jsonl", [{"messages": talk}] * 4)
    common = ("--model", tmp_path / "chat", "--data", chats, *QUICK)
    for method, more in (("sft", ()), ("iris", IRIS)):
        code, said = run(method, *common, "--out", tmp_path / method, *more)
        assert code == 0, said
    write(tmp_path / "chats.jsonl", [{"messages": talk[:1]}])
    code, said = run("iris", *common, "--out", tmp_path / "no", *IRIS)
    assert (code, "must be the assistant's" in said) == (2, True)


WRONG = [
    ("shapo", [], "is empty"),
    ("shapo", [{"prompt": "ask", "chosen": " yes"}], "one-sided: only 'chosen' is there"),
    ("shapo", [{"prompt": "ask", "chosen": " yes", "rejected": " "}], "row 0 has an empty 'rejected'"),
    ("shapo", [{"prompt": "ask", "chosen": " no", "rejected": " no"}], "prefer nothing"),
    ("shapo", [{"prompt": "ask " * 1100, "chosen": " yes", "rejected": " no"}], "1 of 1 train prompts fill the window"),
    (
        "shapo",
        [{"prompt": "a", "chosen": " yes", "rejected": " no"}, {"chosen": "x"}],
        "row 1 and row 0 have different",
    ),
    ("sft", [{"prompt": "ask", "completion": ""}], "one-sided: row 0 has an empty 'completion'"),
    ("sft", [{"prompt": "ask " * 1100, "completion": " no"}], "1 of 1 train prompts fill the window"),
    ("sft", [{"question": "ask"}], "prompt\\+completion or messages or text is needed"),
    ("iris", [{"prompt": "ask " * 1100, "completion": " no"}], "1 of 1 prompts fill the window"),
    ("iris", [{"prompt": "ask", "completion": " "}], "row 0 has an empty completion"),
]


@pytest.mark.parametrize(("method", "rows", "words"), WRONG)
def test_data_that_trains_nothing_ends_in_one_line(run, tmp_path, model, method, rows, words):

    data = write(tmp_path / "wrong.jsonl", rows)
    code, said = run(method, "--model", model, "--data", data, "--out", tmp_path / "run", *QUICK)
    assert code == 2
    assert re.search(words, said), said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", r"wrong.jsonl:1: not JSON"), ('\n["a"]\n', ":2: not an object"), ('{"prompt": "\ud800"}', "")],
)
def test_files_that_hold_no_rows(run, tmp_path, model, text, words):
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    code, said = run("sft", "--model", model, "--data", path, "--out", tmp_path / "run", *QUICK)
    assert code == 2
    assert (words or "not UTF-8") in said
    code, said = run("sft", "--model", model, "--data", tmp_path / "absent", "--out", tmp_path / "run", *QUICK)
    assert (code, "absent: No such file" in said.replace("\n", "")) == (2, True)


@pytest.mark.parametrize(("method", "data"), [("sft", "answers"), ("shapo", "pairs"), ("iris", "answers")])
def test_a_loss_that_is_no_number_is_named_and_saves_nothing(run, tmp_path, request, method, data):
    broken = language_model()
    broken.lm_head.weight.data[7] = math.nan
    where = save(tmp_path / "broken", broken)
    more = {"iris": IRIS, "shapo": ("--percentage", "25")}.get(method, ())
    path = request.getfixturevalue(data)
    code, said = run(method, "--model", where, "--data", path, "--out", tmp_path / "run", *QUICK, *more)
    assert code == 2
    assert {"iris": "sampler: iteration 0: probability"}.get(method, "nothing is updated") in said, said
    assert not list((tmp_path / "run").rglob("model"))


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(run, tmp_path, model, pairs, answers):
    words = ("--data", pairs, "--out", tmp_path / "run", *QUICK, "--percentage", "25", "--save-steps", "1")
    assert run("shapo", "--model", model, *words)[0] == 0
    kept = weights(loaded(tmp_path / "run" / "model"))
    other = save(tmp_path / "other", language_model(seed=9))
    code, said = run("shapo", "--model", other, *words, "--resume")
    assert (code, "is a checkpoint of another model" in said) == (2, True)
    code, said = run("sft", "--model", model, "--data", answers, "--out", tmp_path / "run", *QUICK, "--resume")
    assert (code, "holds a run of another method" in said) == (2, True)
    fewer = write(tmp_path / "fewer.jsonl", list(preferences(6)))
    code, said = run("shapo", "--model", model, "--data", fewer, "--out", tmp_path / "run", *QUICK, "--resume")
    assert (code, "holds a run on other data" in said) == (2, True)
    code, said = run("shapo", "--model", model, "--data", pairs, "--out", tmp_path / "new", *QUICK, "--resume")
    assert (code, "holds no run to resume" in said) == (2, True)
    assert distance(weights(loaded(tmp_path / "run" / "model")), kept) == 0.0


@pytest.mark.parametrize(
    ("words", "said_so"),
    [
        (("--intervall", "2"), "unknown parameter 'intervall'; did you mean 'interval'"),
        (("--rho", "-1"), "rho = -1.0"),
        (("--beta", "much"), "beta = 'much'"),
        (("stray",), "unexpected 'stray'"),
        (("--model", "absent/model@"), "no model at 'absent/model@'"),
        (("--model", "./absent"), "no model at './absent'"),
        (("--out", str(ROOT / "tests")), "is not empty"),
        (("--eval-data", "absent.jsonl"), "cannot read absent.jsonl"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(run, tmp_path, model, pairs, words, said_so):
    code, said = run("shapo", "--model", model, "--data", pairs, "--out", tmp_path / "run", *QUICK, *words)
    assert code == 2
    assert said_so in said
    assert len(said.strip().splitlines()) == 1


def test_what_goes_with_another_command_is_refused(run, tmp_path, model, answers):
    words = ("--model", model, "--data", answers, "--out", tmp_path / "run", *QUICK)
    code, said = run("iris", *words, "--eval-data", answers)
    assert (code, "'eval_data' goes with sft and shapo, not with iris" in said) == (2, True)
    code, said = run("evidence", "noize")
    assert (code, "did you mean 'noise'" in said) == (2, True)
    (tmp_path / "empty").mkdir()
    code, said = run("export", "--model", tmp_path / "empty", "--out", tmp_path / "new")
    assert (code, "no config.json" in said) == (2, True)


def test_a_missing_extra_is_named(run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "trl" else object())
    code, said = run("export", "--model", "x", "--out", "y")
    assert (code, "needs trl; install the extra" in said) == (2, True)


def test_the_command_line_loads_no_trainer():
    heavy = "('torch', 'transformers', 'trl', 'datasets', 'peft')"
    script = f"import sys, defenses.training.cli\nprint([name for name in {heavy} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_two_processes_train_what_one_trains(run, tmp_path, model, pairs):
    words = [
        "shapo",
        "--model",
        model,
        "--data",
        pairs,
        "--learning-rate",
        "0.05",
        "--optim",
        "sgd",
        "--max-steps",
        "2",
    ]
    words += ["--use-cpu", "--interval", "1", "--rho", "0.3", "--percentage", "25", "--lr-scheduler-type", "constant"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    launch += ["defenses.training.cli", *words, "--per-device-train-batch-size", "4", "--out", str(tmp_path / "two")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(launch, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("done") == 1
    assert run(*words, "--per-device-train-batch-size", "8", "--out", tmp_path / "one")[0] == 0
    one, two = (weights(loaded(tmp_path / name / "model")) for name in ("one", "two"))
    assert distance(one, two) < 2e-5
    assert distance(one, weights(language_model())) > 1e-3


def test_what_evidence_is_told_is_what_it_measures(run, monkeypatch, tmp_path):
    import defenses.training.evidence as module

    told = []
    monkeypatch.setitem(module.KINDS, "self-play", lambda: lambda settings, out, say: told.append(settings) or "page")
    numbers = {
        "steps": 7, "rows": 9, "held_out": 5, "lora_r": 2, "beta": 0.7, "rho": 0.3, "interval": 2, "percentage": 4.0,
        "learning_rate": 0.01, "batch_size": 3, "seeds": 2,
    }  # fmt: skip
    flags = [word for name, value in numbers.items() for word in ("--" + name.replace("_", "-"), value)]
    code, _ = run("evidence", "self-play", *flags, "--out", tmp_path / "page.md")
    assert code == 0
    assert {name: getattr(told[0], name) for name in numbers} == numbers
