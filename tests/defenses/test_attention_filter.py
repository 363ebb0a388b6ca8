"""The attention filter: golden scores, what is dropped when, and a threshold that keeps its promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses import DEFENSES, Resources, build
from defenses.base import Asked
from defenses.generation.attention_filter import ROUNDING, attention_scores, calibrated_threshold
from defenses.generator import Prompt
from sentinel import ConfigurationError, DataError, Request
from sentinel.manifest import Need, Stage
from strategist.generators import TransformersGenerator
from tests.strategist.tiny_generators import build as build_model
from tests.strategist.tiny_generators import write

REQUEST = Request("who?", time=0.0)
SEVEN = ("bbb", "a", "LOUD", "cc", "LOUDER")


class Staring:
    """Attends to each document by its letters: capitals draw nine times as much."""

    name = "staring"

    def __init__(self):
        self.asked = []

    def generate(self, prompts, *, max_tokens=None):
        self.asked += [("generate", prompt) for prompt in prompts]
        return [f"answer from {self.documents(prompt)}" for prompt in prompts]

    def generate_isolated(self, prompts, *, max_tokens=None):
        raise AssertionError("never asked")

    next_token_probabilities = generate_isolated

    def document_attention(self, prompts, *, max_tokens=None):
        self.asked += [("watch", prompt) for prompt in prompts]
        return [
            (
                f"answer from {self.documents(prompt)}",
                [np.float32([9.0 if c.isupper() else 1.0 for c in text]) for text in self.documents(prompt)],
            )
            for prompt in prompts
        ]

    @staticmethod
    def documents(prompt):
        return [prompt.user[start:end] for start, end in prompt.documents]


def run(generator, documents, **parameters):
    what = Asked("who?", tuple(documents), write(documents), write)
    return build("attention_filter", parameters).generate(what, generator, REQUEST, Resources())


def test_scores_golden():
    attention = [np.float32([1, 3]), np.float32([2, 4, 6]), np.float32([])]
    np.testing.assert_allclose(attention_scores(attention), [25.0, 75.0, 0.0])
    np.testing.assert_allclose(attention_scores(attention, 1), [100 / 3, 200 / 3, 0.0])
    np.testing.assert_allclose(attention_scores([np.zeros(2), np.zeros(3)]), [50.0, 50.0])
    assert attention_scores([]).shape == (0,)


@given(st.lists(st.lists(st.floats(0.0, 1.0, width=32), max_size=6), min_size=1, max_size=6), st.integers(1, 8))
def test_scores_add_up_to_a_hundred(attention, alpha):
    scores = attention_scores([np.float32(one) for one in attention], alpha)
    np.testing.assert_allclose(scores.sum(), 100.0)
    assert (scores >= 0).all()


def test_below_the_threshold_the_first_answer_stands():
    generator = Staring()
    made = run(generator, ["aaa", "bbb", "ccc"])
    assert (made.calls, made.dropped) == (1, {})
    assert made.text == "answer from ['aaa', 'bbb', 'ccc']"
    assert [kind for kind, _ in generator.asked] == ["watch"]


def test_the_loudest_goes_and_the_rest_keeps_its_order():
    generator = Staring()
    made = run(generator, SEVEN, threshold=50.0)
    assert made.text == "answer from ['bbb', 'a', 'LOUD', 'cc']"
    assert list(made.dropped) == [4]
    assert "LOUDER" not in made.dropped[4]
    watched = [generator.documents(prompt) for kind, prompt in generator.asked if kind == "watch"]
    assert watched == [list(SEVEN), ["a", "cc", "bbb", "LOUD", "LOUDER"]]  # sorted once; it was in order then
    assert made.calls == len(generator.asked) == 3


def test_several_go_until_the_rest_is_alike():
    made = run(Staring(), SEVEN, threshold=200.0, max_dropped=4)
    assert made.text == "answer from ['bbb', 'a', 'cc']"
    assert list(made.dropped) == [4, 2]
    assert list(run(Staring(), SEVEN, threshold=200.0, max_dropped=1).dropped) == [4]
    # Never the last one.
    assert len(run(Staring(), ["a", "LOUD"], threshold=1e-6, max_dropped=20).dropped) == 1


def test_alpha_looks_at_the_top_tokens_alone():
    long = ["a" * 40, "b", "c"]
    assert list(run(Staring(), long).dropped) == [0]
    assert run(Staring(), long, alpha=1).dropped == {}


@pytest.mark.parametrize("documents", [[], ["LOUD"]])
def test_nothing_to_compare(documents):
    made = run(Staring(), documents, threshold=0.001)
    assert (made.calls, made.dropped, made.text) == (1, {}, f"answer from {documents}")


def test_a_prompt_that_marks_no_documents():
    what = Asked("who?", ("a", "b"), Prompt("a b who?"), write)
    with pytest.raises(DataError, match="0 documents marked of 2"):
        build("attention_filter").generate(what, Staring(), REQUEST, Resources())


class Varying(Staring):
    """Prompt number n has a first document that draws n times what the second does."""

    def document_attention(self, prompts, *, max_tokens=None):
        return [("x", [np.float32([int(self.documents(prompt)[0])]), np.float32([1])]) for prompt in prompts]


def test_calibration_takes_the_conformal_quantile():
    prompts = [write([str(number), "x"]) for number in range(1, 40)]
    variances = sorted(np.var(np.float64([n, 1]) * 100 / (n + 1)) for n in range(1, 40))
    assert calibrated_threshold(Varying(), prompts) == pytest.approx(variances[37] * (1.0 + ROUNDING))
    assert calibrated_threshold(Varying(), prompts, 0.5) == pytest.approx(variances[19] * (1.0 + ROUNDING))
    assert calibrated_threshold(Varying(), prompts[:19]) == pytest.approx(variances[18] * (1.0 + ROUNDING))
    with pytest.raises(DataError, match=r"18 clean prompts are too few for the quantile 0.95: 19 are needed"):
        calibrated_threshold(Varying(), prompts[:18])


@given(st.integers(1, 200), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_the_smallest_number_that_is_named_is_enough(count, quantile):
    prompts = [write([str(number + 1), "x"]) for number in range(count)]
    try:
        calibrated_threshold(Varying(), prompts, quantile)
    except DataError as error:
        least = int(str(error).split(": ")[1].split()[0])
        assert least > count
        prompts = [write([str(number + 1), "x"]) for number in range(least)]
        calibrated_threshold(Varying(), prompts, quantile)


def test_bad_calibration():
    with pytest.raises(ConfigurationError, match="quantile"):
        calibrated_threshold(Varying(), [write(["1", "x"])] * 30, 1.0)
    with pytest.raises(DataError, match=r"\[2, 3\] documents"):
        calibrated_threshold(Varying(), [write(["1", "x"]), write(["1", "x", "y"])] * 20)
    with pytest.raises(DataError, match=r"\[1\] documents"):
        calibrated_threshold(Varying(), [write(["1"])] * 30)
    with pytest.raises(DataError, match="0 clean prompts"):
        calibrated_threshold(Varying(), [])


def test_on_a_model_a_calibrated_threshold_lets_its_share_of_clean_prompts_pass(tmp_path):
    generator = TransformersGenerator(build_model(tmp_path / "m"), max_tokens=3, stop=[], device="cpu")
    rng = np.random.default_rng(5)
    clean = [["w" * int(n) for n in rng.integers(3, 12, 3)] for _ in range(59)]
    threshold = calibrated_threshold(generator, [write(documents) for documents in clean[:29]], 0.9)
    dropped = [bool(run(generator, documents, threshold=threshold).dropped) for documents in clean[:29]]
    assert sum(dropped) <= 2  # 29 - ceil(30 * .9): the same prompts, so no luck is involved
    assert sum(bool(run(generator, documents, threshold=threshold).dropped) for documents in clean[29:]) <= 9


def test_a_generator_without_attention_is_refused():
    class Plain:
        name = "plain"

        def generate(self, prompts, *, max_tokens=None):
            raise AssertionError("never asked")

    with pytest.raises(ConfigurationError, match=r"attention_filter needs .* plain is none"):
        run(Plain(), SEVEN)
    manifest = DEFENSES.get("attention_filter").manifest
    assert manifest.stage is Stage.GENERATION
    assert manifest.needs == {Need.GENERATOR, Need.ATTENTION}


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"alpha": 0}, {"max_dropped": 0}, {"sortings": 9}, {"x": 1}])
def test_bad_parameters(wrong):
    with pytest.raises(ConfigurationError):
        build("attention_filter", wrong)
