"""What the documentation says of the configuration: every key with its default, and files that work."""

from __future__ import annotations

import re
from functools import partial
from typing import get_args

import pytest
import yaml

from strategist.answer_configuration import AnswerSpec, DefenseSpec
from strategist.callers import CallerDefaults, TenantDefaults
from strategist.configuration import JsonlSpec, PolicySpec, SentinelConfig, SinkSpec
from strategist.rag_prompt import RagTemplate
from strategist.resilience import Resilience
from tests.strategist.config_files import configuration_page, example_file, page_example, wrapped, written
from tests.strategist.world import QUERY


@pytest.fixture
def write(tmp_path):
    return partial(written, tmp_path)


def keys(model, prefix=""):
    """Every key of a configuration, as docs/configuration.md writes it."""
    for name in model.model_fields:
        yield f"{prefix}{name}"
        nested = {"policy": (PolicySpec, "."), "resilience": (Resilience, "."), "callers": (CallerDefaults, ".")}
        nested |= {"tenants": (TenantDefaults, ".NAME."), "answer": (AnswerSpec, "."), "template": (RagTemplate, ".")}
        nested |= dict.fromkeys(("prompt_defenses", "answer_defenses"), (DefenseSpec, "[]."))
        nested["generation"] = (DefenseSpec, ".")
        if name in nested:
            inner, joint = nested[name]
            yield from keys(inner, f"{prefix}{name}{joint}")
        if name == "sinks":
            for spec in get_args(get_args(SinkSpec)[0]):
                yield from keys(spec, f"{prefix}sinks[].")


def test_every_key_is_documented_with_its_default():
    page = configuration_page()
    rows = dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|", page, re.MULTILINE))
    assert set(rows) == set(keys(SentinelConfig))
    for name, value in Resilience().model_dump().items():
        assert float(rows[f"resilience.{name}"]) == value
    for name in ("max_bytes", "backups", "daily", "flush"):
        assert rows[f"sinks[].{name}"].strip("`") == str(JsonlSpec.model_fields[name].default).lower()


def test_the_page_s_example_is_valid(write, monkeypatch, tmp_path):
    monkeypatch.setenv("SENTINEL_HASH_KEY", "a secret")
    made = wrapped(write(page_example()))
    assert len(made.invoke(QUERY)) == 5
    assert (tmp_path / "sentinel.db").exists()
    made.state.close()


def test_the_example_file_says_every_key_and_its_default(tmp_path, write):
    text = example_file()
    config = SentinelConfig.load(write(text))
    assert set(yaml.safe_load(text)) == set(SentinelConfig.model_fields)
    assert set(yaml.safe_load(text)["resilience"]) == set(Resilience.model_fields)
    assert config.resilience == Resilience()
    same = {"k", "on_error", "shadow", "attach", "profile", "models", "calibration", "prevalence", "exact", "hash_key"}
    default = SentinelConfig()
    assert all(getattr(config, name) == getattr(default, name) for name in same)
    assert len(wrapped(config).invoke(QUERY)) == 4
    assert (tmp_path / "decisions.jsonl").read_text().count("\n") == 1
