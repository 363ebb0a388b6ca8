"""generate_isolated: token for token what masks made by hand give, and no document reads another one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from defenses.generator import Prompt
from sentinel import ConfigurationError
from strategist.generators import TransformersGenerator, load_generator
from strategist.generators._masks import isolating
from strategist.generators._prompts import OUTSIDE, Encoded
from tests.strategist.tiny_generators import KINDS, build, write

TEXTS = ["the war of 1812 was long", "a river in the north flows to the sea", "größe", "B" * 40]
PROMPTS = [
    write(TEXTS),
    write(TEXTS[:2], "what is it?"),
    write(TEXTS[::-1], "and?"),
    Prompt("no documents"),
    write(TEXTS[:1]),
]


def by_hand(generator, prompt, limit):
    """Greedy decoding with eager attention, nothing cached, and every entry of the mask set by a rule."""
    encoded = generator._encode([prompt], [""])[0]
    model, config = generator._model.model, generator._model.config
    ids, labels = encoded.ids.tolist(), encoded.documents.tolist()
    model.set_attn_implementation("eager")
    try:
        for _ in range(limit):
            n = len(ids)
            allowed = np.zeros((n, n), dtype=bool)
            for i in range(n):
                for j in range(i + 1):
                    allowed[i, j] = labels[i] == labels[j] or OUTSIDE in (labels[i], labels[j])
            near = np.asarray(
                [[i - j < (getattr(config, "sliding_window", None) or n) for j in range(n)] for i in range(n)]
            )
            masks = {
                kind: torch.where(torch.from_numpy(mask)[None, None], 0.0, torch.finfo(torch.float32).min)
                for kind, mask in (("full_attention", allowed), ("sliding_attention", allowed & near))
            }
            # Both models take a mask for each kind of layer.
            with torch.no_grad():
                token = int(model(torch.tensor([ids]), attention_mask=masks).logits[0, -1].argmax())
            if token in generator._encoder.ends:
                break
            ids.append(token)
            labels.append(OUTSIDE)
    finally:
        model.set_attn_implementation("sdpa")
    return ids[len(encoded.ids) :]


@pytest.fixture(scope="module", params=KINDS)
def generator(request, tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("isolated") / request.param, request.param)
    return TransformersGenerator(folder, max_tokens=10, stop=[], device="cpu")


def test_token_for_token_what_masks_by_hand_give(generator):
    expected = [by_hand(generator, prompt, 10) for prompt in PROMPTS]
    assert [row.ids for row in generator._run(PROMPTS, 10, isolated=True)] == expected  # one padded batch
    assert [generator._run([prompt], 10, isolated=True)[0].ids for prompt in PROMPTS] == expected
    plain = [row.ids for row in generator._run(PROMPTS, 10)]
    assert plain[:3] != expected[:3]
    assert plain[3:] == expected[3:]  # nothing to isolate
    assert generator.generate_isolated(PROMPTS) == [
        generator._text(row) for row in generator._run(PROMPTS, 10, isolated=True)
    ]


def test_a_document_is_read_the_same_whatever_the_others_say(generator):
    """Behind the instruction, keys and values of the second document depend on nothing but itself."""
    rng = np.random.default_rng(0)
    labels = np.asarray([OUTSIDE] * 5 + [0] * 30 + [1] * 8 + [OUTSIDE] * 3)
    ids = rng.integers(0, 250, len(labels))
    other = np.where(labels == 0, (ids + 17) % 250, ids)
    caches = [generator._model.read(Encoded(one, labels), isolated=True)[0] for one in (ids, other)]
    plain = [generator._model.read(Encoded(one, labels))[0] for one in (ids, other)]
    for number in range(2):
        for name in ("keys", "values"):
            one, another = (getattr(cache.layers[number], name)[:, :, 35:43] for cache in caches)
            torch.testing.assert_close(one, another, rtol=0, atol=1e-5)
    one, another = (cache.layers[1].keys[:, :, 35:43] for cache in plain)
    assert float((one - another).abs().max()) > 1e-3


@given(st.lists(st.sampled_from([OUTSIDE, 0, 1, 2]), min_size=1, max_size=24), st.data())
def test_the_mask_says_what_the_paper_says(labels, data):
    labels = np.asarray(labels)
    first = data.draw(st.integers(0, len(labels) - 1))
    mask = isolating(labels, first)
    assert mask.shape == (len(labels) - first, len(labels))
    for i in range(first, len(labels)):
        for j in range(len(labels)):
            free = OUTSIDE in (labels[i], labels[j]) or labels[i] == labels[j]
            assert mask[i - first, j] == (j <= i and free)


def test_shared_beginnings_keep_documents_apart(generator):
    prompts = [write([*TEXTS[:2], text]) for text in TEXTS] * 2
    together = [row.ids for row in generator._run(prompts, 10, isolated=True)]
    assert together == [generator._run([prompt], 10, isolated=True)[0].ids for prompt in prompts]


def test_no_more_forward_passes_than_plain(generator, monkeypatch):
    passes = []
    model = generator._model.model
    generator._model.check_isolation()
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda **given: passes.append(given["input_ids"].shape) or forward(**given))
    counts = []
    for ask in (generator.generate, generator.generate_isolated):
        ask(PROMPTS[:1], max_tokens=1)
        counts.append(list(passes))
        passes.clear()
    assert counts[0] == counts[1]
    assert len(counts[0]) == 1


def test_a_model_that_ignores_masks_is_refused(tmp_path, monkeypatch):
    generator = TransformersGenerator(build(tmp_path / "m"), device="cpu")
    forward = generator._model.model.forward
    monkeypatch.setattr(
        generator._model.model, "forward", lambda attention_mask, **given: forward(attention_mask=None, **given)
    )
    with pytest.raises(ConfigurationError, match="cannot be masked"):
        generator.generate_isolated(PROMPTS[:1])
    assert generator.generate(PROMPTS[:1])


@pytest.mark.slow
def test_the_packaged_model_token_for_token():
    """Gemma has layers that slide over 512 tokens: the longest prompt is longer than that."""
    generator = load_generator("local", stop=[], device="cpu")
    text = "Paris is the capital of France and lies on the Seine. "
    prompts = [
        write([text * 20, "Berlin is the capital of Germany. " * 20, "Rome is old. " * 40], "\nWhere lies Paris?"),
        write([text, "Berlin is the capital of Germany. "], "\nWhat is the capital of Germany?"),
    ]
    rows = generator._run(prompts, 6, isolated=True)
    assert len(rows[0].prompt.ids) > 560
    assert [row.ids for row in rows] == [by_hand(generator, prompt, 6) for prompt in prompts]
