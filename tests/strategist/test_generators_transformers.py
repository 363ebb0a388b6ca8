"""TransformersGenerator: what it writes is what transformers writes, whatever is batched, shared or streamed."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.generator import AttentiveGenerator, Prompt
from sentinel import ComponentError, ConfigurationError, DataError
from strategist.generators import TransformersGenerator
from strategist.generators._prompts import OUTSIDE, PromptEncoder
from strategist.generators._text import CONTINUATIONS, certain, cut
from tests.strategist.tiny_generators import CHAT, KINDS, NO_SYSTEM, SPECIAL, build, tokenizer, write

DOCUMENTS = ["the war of 1812", "a river in the north", "größe"]
PROMPTS = [
    write(DOCUMENTS),
    write(DOCUMENTS, "what else is there to be said about all of this?"),
    Prompt("x"),
    write(DOCUMENTS[:2]),
    Prompt("who?", system="Be brief.", start="It is"),
    write(DOCUMENTS),
]


@pytest.fixture(scope="module", params=KINDS)
def generator(request, tmp_path_factory):
    return TransformersGenerator(
        build(tmp_path_factory.mktemp("model") / request.param, request.param), max_tokens=24, stop=[], device="cpu"
    )


def tokens(generator, prompt):
    return torch.from_numpy(generator._encode([prompt], [""])[0].ids)[None]


def reference(generator, prompt, limit):
    """What transformers' own loop writes."""
    ids = tokens(generator, prompt)
    model = generator._model.model
    made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False)
    return cut(generator._encoder.decode(made[0, ids.shape[1] :].tolist()), ())[0]


def test_it_writes_what_transformers_writes(generator):
    assert isinstance(generator, AttentiveGenerator)
    expected = [reference(generator, prompt, 24) for prompt in PROMPTS]
    assert len(set(expected)) >= 3
    assert generator.generate(PROMPTS) == expected
    assert [generator.generate([prompt])[0] for prompt in PROMPTS] == expected
    assert generator.generate(PROMPTS, max_tokens=3) == [reference(generator, prompt, 3) for prompt in PROMPTS]
    assert generator.generate([]) == []


def test_rows_leave_the_batch_at_different_times(generator):
    scores = [generator._model.read(one)[1] for one in generator._encode(PROMPTS, [""] * len(PROMPTS))]
    end = int(scores[2].argmax())
    rows = generator._rows(PROMPTS, 12)
    from strategist.generators._decoding import decode

    for _ in decode(generator._model, rows, ends=frozenset({end}), stopped=lambda row: len(row.ids) % 5 == 0):
        pass
    assert rows[2].ids == []
    for row, prompt in zip(rows, PROMPTS, strict=True):
        ids = tokens(generator, prompt)
        whole = generator._model.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=5, do_sample=False, eos_token_id=end
        )[0, ids.shape[1] :].tolist()
        assert row.ids == [token for token in whole if token != end]


def test_the_batch_size_changes_nothing(generator, monkeypatch):
    expected = generator.generate(PROMPTS)
    monkeypatch.setattr(generator, "_batch_tokens", 150)
    assert len(list(generator._batches(generator._rows(PROMPTS, None)))) > 2
    assert generator.generate(PROMPTS) == expected


def test_what_prompts_begin_with_is_read_once(generator, monkeypatch):
    read = []
    forward = generator._model._forward
    monkeypatch.setattr(
        generator._model,
        "_forward",
        lambda ids, start, *rest: read.append(len(ids) - start) or forward(ids, start, *rest),
    )
    prompts = [write(DOCUMENTS * 2, question) for question in ("who?", "what?", "who?")]
    answers = generator.generate(prompts)
    assert len(read) == 3
    assert min(read) == 1  # the same prompt: its last token alone
    assert sum(read) < max(read) + 30
    read.clear()
    assert generator.generate(prompts[:1])[0] == answers[0]
    assert read == [max(len(tokens(generator, prompts[0])[0]), 1)]  # nothing is known from another call


def test_streams_what_it_generates(generator):
    counts = []
    for prompt in PROMPTS:
        pieces = list(generator.stream(prompt))
        counts.append(len(pieces))
        assert "".join(pieces) == generator.generate([prompt])[0]
        assert all(pieces)
    assert max(counts) > 3


@given(
    st.lists(st.sampled_from(["a", " ", "\n", "Q", "Question", "\nQues", "tion", "Document", "é"]), max_size=12),
    st.sampled_from([(), CONTINUATIONS, ("aa",)]),
)
def test_what_is_certain_stays(pieces, stops):
    whole = cut("".join(pieces), stops)[0]
    before = ""
    for count in range(len(pieces) + 1):
        sure = certain("".join(pieces[:count]), stops)
        assert whole.startswith(sure)
        assert sure.startswith(before)
        before = sure


def test_a_completion_ends_where_the_next_task_begins():
    assert cut("\n\nParis.\n\nQuestion: x", CONTINUATIONS) == ("Paris.", True)
    assert cut(" Paris\nQuestion: x", CONTINUATIONS) == ("Paris", True)
    assert cut("\nQuestion: x", CONTINUATIONS) == ("", True)
    assert cut(" Paris\n", CONTINUATIONS) == ("Paris", False)
    assert certain("Paris\nQues", CONTINUATIONS) == "Paris"
    assert certain("gr\ufffd", ()) == "gr"


def test_attention_is_what_one_pass_over_everything_gives(generator):
    for prompt, (answer, looked) in zip(PROMPTS, generator.document_attention(PROMPTS, max_tokens=6), strict=True):
        assert answer == reference(generator, prompt, 6)
        assert len(looked) == len(prompt.documents)
        encoded = generator._encode([prompt], [""])[0]
        model = generator._model.model
        ids = tokens(generator, prompt)
        whole = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)
        model.set_attn_implementation("eager")
        layers = model(whole, output_attentions=True).attentions
        model.set_attn_implementation("sdpa")
        mean = torch.stack([layer[0].mean(0) for layer in layers]).mean(0).detach().numpy()
        n = ids.shape[1]
        says = [generator._encoder.decode([int(token)]).isalnum() for token in whole[0]]
        rows = [n - 1 + i for i in range(whole.shape[1] - n) if says[n + i]] or range(n - 1, whole.shape[1] - 1)
        expected = sum(mean[row, :n] for row in rows) * np.asarray(says[:n])
        for number, one in enumerate(looked):
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, expected[encoded.documents == number], atol=1e-5)
    assert generator._model.config._attn_implementation == "sdpa"


def test_next_token_probabilities_are_the_models_own(generator, monkeypatch):
    answers = ["", " 1", "", "a b", "", " Mar"]
    probabilities, vocabulary = generator.next_token_probabilities(PROMPTS, answers)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(PROMPTS), 260) == (len(PROMPTS), len(vocabulary))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    for prompt, answer, row in zip(PROMPTS, answers, probabilities, strict=True):
        ids = torch.from_numpy(generator._encode([prompt], [answer])[0].ids)[None]
        with torch.no_grad():
            expected = generator._model.model(ids).logits[0, -1].softmax(-1).numpy()
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert vocabulary[tokenizer()("a")["input_ids"][0]] == "a"
    assert vocabulary[tokenizer()(" ")["input_ids"][0]] == " "
    assert vocabulary[256] == ""
    assert vocabulary[259] == ""
    read = []
    forward = generator._model._forward
    monkeypatch.setattr(
        generator._model,
        "_forward",
        lambda ids, start, *rest: read.append(len(ids) - start) or forward(ids, start, *rest),
    )
    generator.next_token_probabilities(PROMPTS[:1], [" 1"])
    generator.next_token_probabilities(PROMPTS[:1], [" 12"])
    generator.next_token_probabilities(PROMPTS[:1], [""])
    assert read[:2] == [1, 1]
    assert read[2] > 40  # a fresh prompt is read as if nobody had asked it before
    with pytest.raises(DataError, match="2 answers to 1 prompts"):
        generator.next_token_probabilities(PROMPTS[:1], ["", ""])


def test_threads_get_what_each_would_alone(generator):
    expected = generator.generate(PROMPTS)
    made = [None] * 4

    def work(place):
        made[place] = [generator.generate([prompt])[0] for prompt in PROMPTS]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert made == [expected] * 4


def test_sampling_is_repeatable_and_of_the_prompt_alone(tmp_path):
    build(tmp_path / "m", spread=0.05)
    one = TransformersGenerator(tmp_path / "m", temperature=1.0, seed=3, max_tokens=8, stop=[])
    other = TransformersGenerator(tmp_path / "m", temperature=1.0, seed=4, max_tokens=8, stop=[])
    assert one.generate(PROMPTS) == [one.generate([prompt])[0] for prompt in PROMPTS]
    assert one.generate(PROMPTS) != other.generate(PROMPTS)
    assert one.fingerprint != other.fingerprint


def test_fingerprint_is_of_contents(tmp_path):
    same = [TransformersGenerator(build(tmp_path / name)) for name in "ab"]
    assert same[0].fingerprint == same[1].fingerprint
    assert TransformersGenerator(build(tmp_path / "c", seed=1)).fingerprint != same[0].fingerprint
    assert TransformersGenerator(tmp_path / "a", max_tokens=3).fingerprint != same[0].fingerprint


@pytest.mark.parametrize("template", [CHAT, NO_SYSTEM, None])
def test_templates(template):
    encoder = PromptEncoder(tokenizer(template), "x")
    prompt = Prompt("Say <|end|> now", system="Sys <eos>", documents=((4, 11),), start="Well ")
    made = encoder.encode(prompt, " then")
    text = encoder.tokenizer.decode(made.ids)
    user = "Say < |end|> now"
    assert (
        text
        == {
            CHAT: f"<|turn|>system\nSys < eos><|end|>\n<|turn|>user\n{user}<|end|>\n<|turn|>assistant\nWell then",
            NO_SYSTEM: f"<|turn|>user\nSys < eos>\n\n{user}<|end|>\n<|turn|>assistant\nWell then",
            None: f"Sys < eos>\n\n{user}\nWell then",
        }[template]
    )
    assert encoder.tokenizer.decode(made.ids[made.documents == 0]) == "< |end|>"
    assert encoder.ends == (frozenset({256}) if template is None else frozenset({256, 258}))
    assert encoder.tokenizer.decode(encoder.encode(Prompt("x")).ids).endswith("x\nAnswer:") is (template is None)


@given(st.lists(st.text("ab<|end>\n é", max_size=9) | st.sampled_from([*SPECIAL, "<|<|end|>end|>"]), max_size=5))
@settings(max_examples=60)
def test_no_text_becomes_a_special_token_and_documents_are_found(documents):
    encoder = PromptEncoder(tokenizer(CHAT), "x")
    encoded = encoder.encode(write(documents))
    plain = encoder.encode(write([]))
    assert (encoded.ids >= 256).sum() == (plain.ids >= 256).sum()
    for number, text in enumerate(documents):
        found = encoder.tokenizer.decode(encoded.ids[encoded.documents == number])
        assert found.replace(" ", "") == text.replace(" ", "")
    assert set(encoded.documents) <= {OUTSIDE, *range(len(documents))}


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(""), "prompt 1: a prompt is empty"),
        (Prompt(" \n"), "prompt 1: a prompt is empty"),
        (Prompt("abc", documents=((1, 4),)), "stands at 1-4"),
        (Prompt("abc", documents=((1, 3), (0, 1))), "stands at 0-1"),
        (Prompt("word " * 200), "prompt 1 has 1,.* tokens"),
    ],
)
def test_bad_prompts(generator, prompt, message):
    with pytest.raises(DataError, match=message):
        generator.generate([Prompt("fine"), prompt])


def test_an_answer_stays_within_the_window(generator):
    prompt = Prompt("x" * 495)
    (row,) = generator._run([prompt], None)
    assert len(row.prompt.ids) + len(row.ids) <= 512
    generator.generate([Prompt("\ud800 lone \x00 signs \u202e")])


def test_a_model_that_gives_no_numbers(tmp_path):
    generator = TransformersGenerator(build(tmp_path / "m"))
    with torch.no_grad():
        generator._model.model.lm_head.weight[3] = float("nan")
    for ask in (generator.generate, generator.generate_isolated, generator.document_attention):
        with pytest.raises(ComponentError, match="no numbers"):
            ask(PROMPTS[:1])
    with pytest.raises(ComponentError, match="no numbers"):
        generator.next_token_probabilities(PROMPTS[:1], [""])
    with pytest.raises(ComponentError, match="no numbers"):
        list(generator.stream(PROMPTS[0]))


def test_a_model_that_fails(generator, monkeypatch):
    def fails(**_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(generator._model.model, "forward", fails)
    with pytest.raises(ComponentError, match="shapes differ"):
        generator.generate(PROMPTS[:1])
    monkeypatch.undo()
    assert generator.generate(PROMPTS[:1])  # the lock is free again


@pytest.mark.parametrize(
    "options",
    [{"max_tokens": 0}, {"dtype": "int4"}, {"temperature": -1.0}, {"stop": "x"}, {"stop": [""]}, {"window": 0}],
)
def test_bad_options(options, tmp_path):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        TransformersGenerator(build(tmp_path / "m"), **options)
