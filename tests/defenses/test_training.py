"""The package of trainers loads nothing until a name of it is used, and says which extra is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import defenses.training
from sentinel.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def run(script: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_neither_importing_nor_listing_loads_a_trainer():
    heavy = ("torch", "transformers", "trl", "datasets", "peft", "accelerate", "defenses.training.losses")
    found = run(
        "import sys, defenses, defenses.training\n"
        "assert defenses.DEFENSES.names()\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])"
    )
    assert found == ""


def test_every_exported_name_is_there():
    assert {"ShaPOTrainer", "ShaPOConfig", "IRISTrainer", "IRISConfig", "self_play"} <= set(dir(defenses.training))
    for name in defenses.training.__all__:
        assert getattr(defenses.training, name).__name__ == name
    assert callable(defenses.training.self_play)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = defenses.training.absent


def test_trainers_are_those_of_trl():
    from trl import DPOConfig, DPOTrainer

    assert issubclass(defenses.training.ShaPOTrainer, DPOTrainer)
    assert issubclass(defenses.training.IRISTrainer, DPOTrainer)
    assert issubclass(defenses.training.ShaPOConfig, DPOConfig)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.delitem(vars(defenses.training), "ShaPOConfig", raising=False)
    monkeypatch.delitem(sys.modules, "defenses.training.shapo_config", raising=False)
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(ConfigurationError, match=r"ShaPOConfig needs trl; install the extra: .*\[train\]"):
        _ = defenses.training.ShaPOConfig


def test_what_the_trainers_share_is_no_trainer():
    from defenses.training._log_ratio_trainer import LogRatioTrainer

    with pytest.raises(TypeError, match="abstract"):
        LogRatioTrainer(None)
    assert LogRatioTrainer.__abstractmethods__ == {"_is_own", "_own_loss", "_pooled_values"}
    assert not defenses.training.ShaPOTrainer.__abstractmethods__
    assert not defenses.training.IRISTrainer.__abstractmethods__
