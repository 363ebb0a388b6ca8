"""Only the positions of responses are held against the vocabulary, and the numbers stay what they were."""

from __future__ import annotations

import contextlib
import threading

import pytest

pytest.importorskip("trl")

import torch
from trl.trainer import utils

import defenses.training._guards as guards
import defenses.training._log_ratio_trainer as log_ratio
from defenses.training._scored import responses_alone
from tests.defenses.tiny_trainer import language_model, shapo


@pytest.fixture
def scored(monkeypatch):
    """How many positions each call scored."""
    found = []
    real = utils._ChunkedLogProbFunction

    class Counting:
        @staticmethod
        def apply(hidden, *given):
            found.append(len(hidden))
            return real.apply(hidden, *given)

    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", Counting)
    return found


def _trained(folder, **changes):
    trainer = shapo(folder, language_model(), **changes)
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return losses, [p.detach().clone() for p in trainer.model.parameters()]


@pytest.mark.parametrize("changes", [{}, {"rho": 0.0}, {"loss_type": "simpo"}, {"precompute_ref_log_probs": True}])
def test_training_is_the_same_and_scores_less(changes, tmp_path, scored, monkeypatch):
    losses, weights = _trained(tmp_path / "a", **changes)
    few = scored.copy()
    scored.clear()
    for module in (guards, log_ratio):
        monkeypatch.setattr(module, "responses_alone", contextlib.nullcontext)
    plain_losses, plain_weights = _trained(tmp_path / "b", **changes)
    assert losses == pytest.approx(plain_losses, rel=1e-5)
    for own, plain in zip(weights, plain_weights, strict=True):
        torch.testing.assert_close(own, plain, rtol=1e-4, atol=1e-6)
    assert len(few) == len(scored)
    assert sum(few) < 0.7 * sum(scored)


def test_it_ends_with_the_last_of_several(monkeypatch):
    before = utils._use_triton
    inside, leave = threading.Event(), threading.Event()

    def other():
        with responses_alone():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with contextlib.suppress(RuntimeError), responses_alone():
        thread.start()
        inside.wait(10)
        assert utils._use_triton(torch.device("cpu"))
        raise RuntimeError
    assert utils._use_triton(torch.device("cpu"))
    leave.set()
    thread.join(10)
    assert utils._use_triton is before
    assert not utils._use_triton(torch.device("cpu"))


def test_other_devices_are_asked_as_before(monkeypatch):
    monkeypatch.setattr(utils, "_use_triton", lambda device: device.type == "cuda")
    with responses_alone():
        assert utils._use_triton(torch.device("cuda"))
        assert not utils._use_triton(torch.device("meta"))
