"""A training of under a minute on the measurements' own task: loss and margins move the right way."""

import copy

import pytest

from defenses.training import IRISConfig, IRISTrainer, ShaPOConfig, ShaPOTrainer
from defenses.training.evaluation import evaluate
from defenses.training.evidence.models import plain, silent, start, undecided
from defenses.training.evidence.settings import Settings
from defenses.training.evidence.tasks import examples, preferences

SETTINGS = Settings.of(
    "noise", "tiny", 1, None, "0", {"rows": 256, "warm_up": 100, "steps": 40, "batch_size": 16, "learning_rate": 5e-4}
)


@pytest.fixture(scope="module")
def begin():
    return start(SETTINGS, 0, undecided(SETTINGS, 0))


def parameters(**changes):
    return {**plain(SETTINGS, 0, SETTINGS.steps), "logging_strategy": "steps", "logging_steps": 1, **changes}


def mean(log, name, part):
    values = [line[name] for line in log if name in line]
    return sum(values[part]) / len(values[part])


@pytest.mark.slow
def test_shapo_learns_what_is_preferred(tmp_path, begin):
    model, tokenizer = begin
    args = ShaPOConfig(str(tmp_path), percentage=10.0, rho=0.5, interval=2, **parameters())
    trainer = ShaPOTrainer(
        copy.deepcopy(model), None, args, train_dataset=preferences(examples(256, 0, held_out=False)),
        processing_class=tokenizer, callbacks=silent(),
    )  # fmt: skip
    trainer.train()
    log = trainer.state.log_history
    first, last = slice(0, 5), slice(-5, None)
    assert mean(log, "loss", last) < mean(log, "loss", first) - 0.1
    assert mean(log, "rewards/margins", last) > mean(log, "rewards/margins", first) + 0.3
    assert mean(log, "rewards/accuracies", last) > 0.65
    assert mean(log, "shapo/perturbed_loss", slice(None)) > mean(log, "shapo/clean_loss", slice(None))
    held_out = preferences(examples(100, 0, held_out=True))
    found = evaluate(trainer.model, tokenizer, held_out, reference=model)
    assert found["accuracy"] > 0.65
    assert found["margin"] > 0.1


@pytest.mark.slow
def test_iris_prefers_the_real_answers_to_its_own(tmp_path, begin):
    model, tokenizer = begin
    rows = examples(256, 0, held_out=False)
    own = preferences(rows)  # the planted answers, which the start gives half the time
    args = IRISConfig(str(tmp_path), alpha_schedule="constant", alpha=1.0, **parameters())
    trainer = IRISTrainer(
        copy.deepcopy(model), None, args, train_dataset=own, processing_class=tokenizer, callbacks=silent()
    )
    trainer.train()
    log = trainer.state.log_history
    assert mean(log, "loss", slice(-5, None)) < mean(log, "loss", slice(0, 5))
    assert mean(log, "rewards/margins", slice(-5, None)) > mean(log, "rewards/margins", slice(0, 5)) + 0.1
    held_out = preferences(examples(100, 0, held_out=True))
    found = evaluate(trainer.model, tokenizer, held_out, reference=model)
    assert found["accuracy"] > 0.65
    assert found["margin"] > 0.1
