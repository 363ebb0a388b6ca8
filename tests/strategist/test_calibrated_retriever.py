"""Models and calibration belong together: what a retriever is given, finds beside the file, or refuses."""

import warnings
from dataclasses import replace

import pytest

from sentinel import ConfigurationError
from sentinel.errors import UncalibratedWarning
from sentinel.threat_models import shipped_models
from strategist import DefendedRetriever
from strategist.calibration import Calibration, shipped_calibration
from tests.strategist.world import faiss

OTHER = replace(shipped_models(), fitted_on="another corpus")


def written(folder, models=None):
    calibration = shipped_calibration().model_copy(update={"models": OTHER.hash})
    (folder / "calibration.json").write_text(calibration.dumps(), encoding="utf-8")
    if models is not None:
        (folder / "models.json").write_text(models.dumps(), encoding="utf-8")
    return folder / "calibration.json"


def test_the_shipped_two_belong_together():
    assert shipped_calibration().models == shipped_models().hash
    assert shipped_calibration().price is not None


def test_models_beside_the_calibration_are_taken(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UncalibratedWarning)
        wrapped = DefendedRetriever.wrap(faiss(), policy="adaptive", calibration=written(tmp_path, OTHER))
    assert wrapped._runtime.engine.sentinel.models.hash == OTHER.hash


def test_a_calibration_without_its_models_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=OTHER.hash):
        DefendedRetriever.wrap(faiss(), policy="adaptive", calibration=written(tmp_path))
    with pytest.raises(ConfigurationError, match="calibrate anew"):
        DefendedRetriever.wrap(faiss(), policy="adaptive", calibration=written(tmp_path), models=shipped_models())


def test_a_policy_that_reads_no_calibration_does_not_mind(tmp_path):
    wrapped = DefendedRetriever.wrap(faiss(), policy="rules", calibration=written(tmp_path), models=shipped_models())
    assert wrapped._runtime.engine.sentinel.models is shipped_models()


def test_a_calibration_that_names_no_models_goes_with_any():
    free = Calibration(options=shipped_calibration().options)
    assert DefendedRetriever.wrap(faiss(), policy="adaptive", calibration=free, models=OTHER)


def test_adaptive_is_the_default():
    assert DefendedRetriever.wrap(faiss()).policy == "adaptive"
