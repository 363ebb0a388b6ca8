"""Two processes give the step that one gives on their batches together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.defenses.tiny_trainer import distance, iris, language_model, preferences, shapo, weights

ROOT = Path(__file__).parents[2]

RUNS = {
    "shapo": {"percentage": 25.0},
    "shapo-all": {"subspace": "all"},
    "shapo-dr": {"aggregation": "dr_dpo", "mode_weight": 0.3},
    "shapo-head": {"subspace": "lm_head", "perturb_over": "micro_batch"},
    "shapo-gamma": {"perturbation": "gamma", "gamma": [0.5, 1.0]},
    "iris": {"alpha": 2.0, "learning_rate": 0.02},
}


def trainer(name, folder, **changes):
    make = shapo if name.startswith("shapo") else iris
    return make(folder, max_steps=2, **RUNS[name], **changes)


def main(folder: str) -> None:
    """What each process runs: every configuration on its half of the batches; rank 0 keeps the weights."""
    for name in RUNS:
        each = trainer(name, f"{folder}/{name}", per_device_train_batch_size=2, gradient_accumulation_steps=2)
        if name == "shapo-head":
            each = trainer(name, f"{folder}/{name}", per_device_train_batch_size=4)
        each.train()
        if each.accelerator.is_main_process:
            assert each.accelerator.num_processes == 2
            torch.save(weights(each.model), f"{folder}/{name}.pt")
            Path(f"{folder}/{name}.json").write_text(json.dumps(each.state.log_history))


@pytest.mark.slow
def test_two_processes_give_the_step_of_one(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    code = f"from tests.defenses.test_shapo_iris_distributed import main; main({str(tmp_path)!r})"
    script = tmp_path / "each_process.py"
    script.write_text(code)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    done = subprocess.run(launch, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in RUNS:
        single = trainer(name, tmp_path / "single", per_device_train_batch_size=8)
        single.train()
        both = torch.load(tmp_path / f"{name}.pt")
        assert distance(weights(single.model), both) < 2e-5, name
        assert distance(weights(language_model()), both) > 1e-3, name
        logs = json.loads((tmp_path / f"{name}.json").read_text())
        for key in ("loss", "rewards/margins"):
            pairs = zip(single.state.log_history[:2], logs[:2], strict=True)
            assert all(a[key] == pytest.approx(b[key], abs=1e-4) for a, b in pairs), (name, key)
    assert len(preferences()) == 8
