"""Configuration files for one test, and where the documentation's own ones stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinel import ConfigurationError
from strategist import DefendedRetriever
from strategist.configuration import SentinelConfig
from tests.strategist.world import Ranked, corpus

DOCUMENTS = corpus()
ROOT = Path(__file__).parents[2]


def written(folder, text, name="sentinel.yaml"):
    """A file of a test's own; a test module makes it a fixture with its folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def wrapped(config, base=None, **given):
    """A retriever under a configuration."""
    return DefendedRetriever.from_config(base or Ranked(docs=DOCUMENTS), config, **given)


def assert_refused(path, said):
    """The file is refused in one line that begins with the place and what is wrong there."""
    with pytest.raises(ConfigurationError) as error:
        SentinelConfig.load(path)
    message = str(error.value)
    assert message.startswith(f"{path}:{said}"), message
    assert "\n" not in message, message


def configuration_page():
    """docs/configuration.md."""
    return (ROOT / "docs/configuration.md").read_text()


def page_example():
    """The one example file of docs/configuration.md."""
    (text,) = re.findall(r"^```yaml\n(.+?)^```", configuration_page(), re.MULTILINE | re.DOTALL)
    return text


def example_file():
    """examples/sentinel.yaml."""
    return (ROOT / "examples/sentinel.yaml").read_text()
