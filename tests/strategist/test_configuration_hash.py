"""The hash of a configuration: every change of behaviour shows in it, and no secret does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from defenses import Resources
from sentinel import ConfigurationError, CorpusProfile
from strategist import DefendedRetriever
from tests.strategist.config_files import DOCUMENTS
from tests.strategist.world import Broken, Ranked, faiss


class Named(Broken):
    """An embedding model with a name."""

    def __init__(self, name):
        self.model_name = name


def test_the_hash_tells_every_change_of_behaviour_apart(tmp_path):
    store = faiss(DOCUMENTS)
    sample = np.eye(16, dtype=np.float32)
    CorpusProfile(30, sample, "m").save(tmp_path / "one")
    CorpusProfile(31, sample, "m").save(tmp_path / "two")
    CorpusProfile(30, sample[::-1].copy(), "m").save(tmp_path / "three")

    def hashed(**options):
        return DefendedRetriever.wrap(options.pop("base", store), **options).config_hash

    changed = [
        {},
        {"policy": "none"},
        {"k": 3},
        {"base": store.as_retriever(search_kwargs={"k": 7})},
        {"profile": tmp_path / "one"},
        {"profile": tmp_path / "two"},
        {"profile": tmp_path / "three"},
        {"base": Ranked(docs=DOCUMENTS)},
        {"prevalence": 0.5},
        {"exact": False},
        {"on_error": "open"},
        {"history": None},
        {"sample": 0.5},
        {"callers": {"trust": 0.5}},
        {"callers": {"tenants": {"a": {"k": 3}}}},
        {"resilience": {"failures": 2}},
    ]
    found = [hashed(**options) for options in changed]
    assert len(set(found)) == len(changed)
    assert found == [hashed(**options) for options in changed]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in found)


def test_the_hash_knows_the_embedding_model_and_no_secret(tmp_path):
    def hashed(**options):
        return DefendedRetriever.wrap(Ranked(docs=DOCUMENTS), **options).config_hash

    assert len({hashed(), *(hashed(embeddings=Named(name)) for name in ("a", "b"))}) == 3
    same = {hashed(), hashed(hash_key="a"), hashed(hash_key="b"), hashed(sinks=[print]), hashed(attach="none")}
    assert len(same) == 1
    urls = {hashed(state=f"sqlite:///{tmp_path}/{name}") for name in ("a.db", "b.db")}
    assert len(urls) == 1
    assert urls != same
    assert hashed(resources=Resources()) == hashed()


def test_a_policy_that_never_looks_is_not_asked_for_a_model_s_name():
    class Unnameable(Named):
        @property
        def fingerprint(self):
            raise ConfigurationError("no such model")

    options = {"base": Ranked(docs=DOCUMENTS), "embeddings": Unnameable("a")}
    DefendedRetriever(**options, policy="none")
    with pytest.raises(ConfigurationError, match="no such model"):
        DefendedRetriever(**options, policy="rules")
