"""SDAG: one call with the mask, and never a generator without one."""

import numpy as np
import pytest

from defenses import DEFENSES, Resources, build
from defenses.base import Asked
from defenses.generator import Prompt
from sentinel import ConfigurationError, Request
from sentinel.manifest import Need, Stage
from strategist.generators import TransformersGenerator, cached
from tests.strategist.tiny_generators import KINDS, write
from tests.strategist.tiny_generators import build as build_model

REQUEST = Request("who?", time=0.0)
DOCUMENTS = ("the war of 1812 was long", "a river in the north flows to the sea", "B" * 40)


def asked(documents=DOCUMENTS):
    return Asked("who?", tuple(documents), write(documents), write)


@pytest.fixture(scope="module", params=KINDS)
def generator(request, tmp_path_factory):
    folder = build_model(tmp_path_factory.mktemp("sdag") / request.param, request.param)
    return TransformersGenerator(folder, max_tokens=12, stop=[], device="cpu")


def run(generator, what):
    return build("sdag").generate(what, generator, REQUEST, Resources())


def test_one_isolated_call(generator):
    made = run(generator, asked())
    assert made.text == generator.generate_isolated([write(DOCUMENTS)])[0]
    assert (made.calls, made.dropped, made.spent) == (1, {}, None)


def test_it_works_through_a_cache_of_answers(generator, tmp_path):
    kept = cached(generator, tmp_path)
    assert run(kept, asked()).text == run(generator, asked()).text
    assert run(kept, asked()).text == run(generator, asked()).text


@pytest.mark.parametrize("count", [0, 1])
def test_with_nothing_to_isolate_it_is_the_plain_answer(generator, count):
    prompt = write(DOCUMENTS[:count])
    assert run(generator, asked(DOCUMENTS[:count])).text == generator.generate([prompt])[0]


def test_what_one_document_says_is_not_in_what_is_read_of_another(generator):
    def read(first, isolated):
        text = f"Read. {first} the sea who?"
        prompt = Prompt(text, documents=((6, 6 + len(first)), (6 + len(first), 14 + len(first))))
        (encoded,) = generator._encode([prompt], [""])
        cache, _ = generator._model.read(encoded, isolated=isolated)
        return cache.layers[1].values[:, :, np.flatnonzero(encoded.documents == 1)].numpy()

    np.testing.assert_allclose(read("x" * 30, True), read("y" * 30, True), atol=1e-5)
    assert np.abs(read("x" * 30, False) - read("y" * 30, False)).max() > 1e-3


class Plain:
    name = "plain"

    def generate(self, prompts, *, max_tokens=None):
        raise AssertionError("never asked")


@pytest.mark.parametrize("wrong", [Plain(), None])
def test_a_generator_without_attention_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="sdag needs a generator whose attention"):
        run(wrong, asked())


def test_manifest():
    manifest = DEFENSES.get("sdag").manifest
    assert manifest.stage is Stage.GENERATION
    assert manifest.needs == {Need.GENERATOR, Need.ATTENTION}
    assert "2602.04711" in manifest.source
