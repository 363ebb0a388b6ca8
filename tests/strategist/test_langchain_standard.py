"""LangChain's own suite for retrievers, unmodified."""

from typing import Any

from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from strategist import DefendedRetriever
from tests.strategist.world import QUERY, Ranked, faiss, in_memory, planted


class TestOverFaiss(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return DefendedRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"base": faiss(planted(1, 3)), "policy": "rules"}

    @property
    def retriever_query_example(self) -> str:
        return QUERY


class TestOverFaissRetriever(TestOverFaiss):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"base": faiss(planted(1, 3)).as_retriever(search_kwargs={"k": 2}), "policy": "rules"}


class TestOverInMemoryRetriever(TestOverFaiss):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"base": in_memory(planted(1, 3)).as_retriever(), "policy": "rules", "k": 2}


class TestOverRetrieverWithoutVectors(TestOverFaiss):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"base": Ranked(docs=planted(0, 1)), "policy": "rules"}


class TestOverUndefended(TestOverFaiss):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"base": faiss(), "policy": "none"}
