"""Preferences and checkpoints that ShaPO refuses, each by a named error and before anything is lost."""

import copy
import math

import pytest
from datasets import Dataset

from sentinel.errors import ComponentError, DataError
from tests.defenses.tiny_trainer import distance, language_model, preferences, shapo, weights, with_soft_labels


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (preferences().select([]), "train preferences are empty"),
        (preferences().remove_columns("rejected"), "one-sided: no column 'rejected'"),
        (Dataset.from_list([{"prompt": "ask", "chosen": " yes", "rejected": "  "}]), "row 0 has an empty 'rejected'"),
        (Dataset.from_list([{"prompt": "ask", "chosen": None, "rejected": " no"}]), "row 0 has an empty 'chosen'"),
        (Dataset.from_list([{"prompt": "ask", "chosen": " no", "rejected": " no"}]), "prefer nothing"),
        (preferences().to_iterable_dataset(), "IterableDataset; a datasets.Dataset is needed"),
    ],
)
def test_preferences_that_train_nothing_are_refused(tmp_path, data, words):
    with pytest.raises(DataError, match=words):
        shapo(tmp_path, data=data)


def test_prompts_longer_than_the_window_are_refused(tmp_path):
    with pytest.raises(DataError, match="8 of 8 train prompts fill the window of max_length = 5"):
        shapo(tmp_path, max_length=5)
    with pytest.raises(DataError, match="fill the window"):
        shapo(tmp_path).evaluate(Dataset.from_list([{"prompt": "ask " * 1100, "chosen": " yes", "rejected": " no"}]))


@pytest.mark.parametrize("value", [1.5, -0.1, math.nan])
def test_soft_labels_that_are_no_probabilities_are_refused(tmp_path, value):
    with pytest.raises(DataError, match=r"better of row 2 is .*, no probability"):
        shapo(tmp_path, data=with_soft_labels([1, 1, value, 1, 1, 1, 1, 1]), soft_label_column="better")
    with pytest.raises(DataError, match="no column 'absent'"):
        shapo(tmp_path, soft_label_column="absent")


def test_a_loss_that_is_no_number_stops_before_the_update(tmp_path):
    model = language_model()
    reference = copy.deepcopy(model)
    reference.lm_head.weight.data[1] = math.nan
    trainer = shapo(tmp_path, model=model, ref_model=reference)
    before = weights(trainer.model)
    with pytest.raises(ComponentError, match=r"the loss is \[nan\] at step 0; nothing is updated"):
        trainer.train()
    assert distance(weights(trainer.model), before) == 0.0


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    shapo(tmp_path, save_strategy="steps", save_steps=1).train()
    other = shapo(tmp_path, model=language_model(seed=9), max_steps=4)
    with pytest.raises(DataError, match="checkpoint of another model"):
        other.train(resume_from_checkpoint=True)
    with pytest.raises(DataError, match="no checkpoint of this trainer"):
        other.train(resume_from_checkpoint=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="holds no checkpoint"):
        shapo(tmp_path / "new").train(resume_from_checkpoint=True)
    (tmp_path / "checkpoint-2" / "sentinel_reference.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        other.train(resume_from_checkpoint=True)
