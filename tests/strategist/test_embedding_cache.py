"""EmbeddingCache: what is embedded once, what survives, and what a broken disk may not break."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from sentinel._files import cache_folder
from sentinel.errors import DataError
from strategist.embedding_cache import EmbeddingCache
from strategist.embeddings import fingerprint, unit_rows


class Counting(Embeddings):
    """Unscaled deterministic vectors; what was asked for is kept."""

    def __init__(self, size: int = 6, fingerprint: str = "counting") -> None:
        self.inner = DeterministicFakeEmbedding(size=size)
        self.fingerprint = fingerprint
        self.texts: list[str] = []
        self.queries: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return self.inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.queries.append(text)
        return [-x for x in self.inner.embed_query(text)]


def expected(texts: list[str]) -> np.ndarray:
    return np.array(DeterministicFakeEmbedding(size=6).embed_documents(texts), dtype=np.float32)


def test_a_text_is_embedded_once_by_any_process(tmp_path: Path) -> None:
    model = Counting()
    cache = EmbeddingCache(model, tmp_path)
    texts = ["b", "a", "b", "c"]
    np.testing.assert_array_equal(np.float32(cache.embed_documents(texts)), expected(texts))
    assert model.texts == ["b", "a", "c"]
    second = Counting()
    np.testing.assert_array_equal(EmbeddingCache(second, tmp_path).embed_array(texts), unit_rows(expected(texts)))
    assert second.texts == []
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_embedding_cache import Counting, EmbeddingCache
model = Counting()
EmbeddingCache(model, {str(tmp_path)!r}).embed_documents(["a", "new"])
assert model.texts == ["new"]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    third = Counting()
    EmbeddingCache(third, tmp_path).embed_documents(["new"])
    assert third.texts == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.text(), max_size=5), max_size=4))
def test_the_cache_never_changes_a_vector(tmp_path_factory: pytest.TempPathFactory, calls: list[list[str]]) -> None:
    cache = EmbeddingCache(Counting(), tmp_path_factory.mktemp("cache"))
    for texts in calls:
        if texts:
            np.testing.assert_array_equal(np.float32(cache.embed_documents(texts)), expected(texts))
        assert cache.embed_array(texts).shape[0] == len(texts)


def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    one, other = Counting(), Counting(fingerprint="other")
    EmbeddingCache(one, tmp_path).embed_documents(["a"])
    EmbeddingCache(other, tmp_path).embed_documents(["a"])
    assert (one.texts, other.texts) == (["a"], ["a"])
    assert len(list(tmp_path.glob("*.sqlite3"))) == 2
    cache = EmbeddingCache(one, tmp_path)
    assert fingerprint(cache) == fingerprint(one)
    assert EmbeddingCache(one, tmp_path, fingerprint="mine").path != cache.path


async def test_queries_stay_off_the_disk_unless_asked_for(tmp_path: Path) -> None:
    model = Counting()
    cache = EmbeddingCache(model, tmp_path)
    assert cache.embed_query("q") == model.inner.embed_query("q") or model.queries == ["q"]
    await cache.aembed_query("q")
    assert model.queries == ["q", "q"]
    assert not list(tmp_path.iterdir())
    keeping = EmbeddingCache(model, tmp_path, cache_queries=True)
    first = keeping.embed_query("q")
    assert await keeping.aembed_query("q") == first
    assert model.queries == ["q", "q", "q"]
    # A query's vector is not the passage's vector of the same words.
    assert keeping.embed_documents(["q"])[0] == [-x for x in first]
    np.testing.assert_array_equal(keeping.embed_queries(["q", "p"])[0], unit_rows([first])[0])
    assert model.queries[3:] == ["p"]


async def test_async_twins(tmp_path: Path) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    np.testing.assert_array_equal(await cache.aembed_array(["a"]), cache.embed_array(["a"]))
    assert await cache.aembed_documents(["a"]) == cache.embed_documents(["a"])


def test_progress_counts_the_misses_and_an_interruption_keeps_what_is_done(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    texts = [f"text {i}" for i in range(600)]
    cache = EmbeddingCache(Counting(), tmp_path, progress=lambda done, total: seen.append((done, total)))
    cache.embed_array(texts[:10])
    cache.embed_array(texts)
    cache.embed_array(texts)
    assert seen == [(10, 10), (256, 590), (512, 590), (590, 590)]

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        EmbeddingCache(Counting(), tmp_path, progress=interrupt).embed_array([f"other {i}" for i in range(600)])
    model = Counting()
    EmbeddingCache(model, tmp_path).embed_array([f"other {i}" for i in range(600)])
    assert len(model.texts) == 600 - 256


def test_many_texts_are_looked_up_in_several_selects(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(1700)]
    EmbeddingCache(Counting(), tmp_path).embed_array(texts)
    model = Counting()
    got = EmbeddingCache(model, tmp_path).embed_array(texts)
    assert model.texts == []
    np.testing.assert_array_equal(got, unit_rows(expected(texts)))


@pytest.mark.slow
def test_threads_and_processes_at_once(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    code = f"""
import sys, warnings; sys.path.insert(0, {str(Path(__file__).parent)!r}); warnings.simplefilter("error")
from test_embedding_cache import *
cache = EmbeddingCache(Counting(), {str(tmp_path)!r})
for i in range(40):
    texts = [f"text {{j}}" for j in range(i, i + 9)]
    np.testing.assert_array_equal(cache.embed_array(texts), unit_rows(expected(texts)))
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) for _ in range(3)]
    cache, errors = EmbeddingCache(Counting(), tmp_path), []

    def work() -> None:
        try:
            for i in range(60):
                texts = [f"text {j}" for j in range(i, i + 9)]
                np.testing.assert_array_equal(cache.embed_array(texts), unit_rows(expected(texts)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert not errors
    assert not [one for one in recwarn if issubclass(one.category, RuntimeWarning)]
    # All of it is there: nothing was rebuilt or done without on the way.
    with sqlite3.connect(cache.path) as database:
        assert database.execute("SELECT count(*) FROM vectors").fetchone()[0] == 68
    database.close()


def damage_header(path: Path) -> None:
    path.write_bytes(b"this is not a database at all" * 400)


def damage_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 600] = os.urandom(600)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def another_schema(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE strange (x)")
    database.close()


def another_model(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE about SET value = 'somebody else'")
    database.close()


def lost_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE vectors")
    database.close()


@pytest.mark.parametrize("damage", [damage_header, damage_pages, truncate, another_schema, another_model, lost_table])
def test_a_corrupt_file_is_rebuilt_with_a_warning(damage: object, tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(300)]
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.embed_array(texts)
    damage(cache.path)  # type: ignore[operator]
    model = Counting()
    with pytest.warns(RuntimeWarning, match="rebuilding the embedding cache"):
        got = EmbeddingCache(model, tmp_path).embed_array(texts)
    np.testing.assert_array_equal(got, unit_rows(expected(texts)))
    assert model.texts
    after = Counting()
    np.testing.assert_array_equal(EmbeddingCache(after, tmp_path).embed_array(texts), got)
    assert after.texts == []


def test_a_flipped_bit_in_a_vector_is_a_miss(tmp_path: Path) -> None:
    cache = EmbeddingCache(Counting(), tmp_path)
    cache.embed_array(["a", "b"])
    with sqlite3.connect(cache.path) as database:
        database.execute("UPDATE vectors SET vector = zeroblob(24)")
    database.close()
    model = Counting()
    np.testing.assert_array_equal(EmbeddingCache(model, tmp_path).embed_array(["a"]), unit_rows(expected(["a"])))
    assert model.texts == ["a"]


def test_a_folder_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(Counting(), tmp_path / "file" / "sub")
    with pytest.warns(RuntimeWarning, match="no embedding cache"):
        np.testing.assert_array_equal(cache.embed_array(["a"]), unit_rows(expected(["a"])))
    np.testing.assert_array_equal(cache.embed_array(["a"]), unit_rows(expected(["a"])))


def test_bad_vectors_are_errors_and_are_not_kept(tmp_path: Path) -> None:
    class Zero(Counting):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[0.0] * 6 for _ in texts]

    with pytest.raises(DataError, match="no direction"):
        EmbeddingCache(Zero(), tmp_path).embed_array(["a"])
    np.testing.assert_array_equal(EmbeddingCache(Counting(), tmp_path).embed_array(["a"]), unit_rows(expected(["a"])))
    with pytest.raises(DataError, match="fingerprint of its own"):
        EmbeddingCache(Counting(size=5), tmp_path).embed_array(["a", "b"])


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTINEL_CACHE", str(tmp_path / "there"))
    cache = EmbeddingCache(Counting())
    cache.embed_array(["a"])
    assert cache.path.parent == tmp_path / "there"
    assert (tmp_path / "there").stat().st_mode & 0o077 == 0
    monkeypatch.delenv("SENTINEL_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "sentinel-strategist"
