"""Every registered component says what it is, and has a test file of its own."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from defenses import DEFENSES
from sentinel import SIGNALS, Manifest, SignalManifest, Stage, Threat
from sentinel.manifest import Cost

ROOT = Path(__file__).parents[2]
REGISTERED = [
    pytest.param(registry.get(name), id=f"{registry.kind}-{name}")
    for registry in (SIGNALS, DEFENSES)
    for name in registry.names()
    if registry.get(name).__module__.partition(".")[0] in ("sentinel", "defenses")
]


@pytest.mark.parametrize("component", REGISTERED)
def test_every_component_describes_itself(component):
    manifest = component.manifest
    assert manifest.summary.strip()
    assert manifest.source.strip()
    assert manifest.threats
    assert (vars(component).get("__doc__") or "").strip(), "a class docstring of its own"


@pytest.mark.parametrize("component", REGISTERED)
def test_every_component_has_a_test_file_named_after_it(component):
    package, *_, module = component.__module__.split(".")
    assert (ROOT / "tests" / package / f"test_{module}.py").is_file()


@pytest.mark.parametrize("component", REGISTERED)
def test_every_component_lives_in_the_folder_of_its_stage(component):
    if component.__module__.startswith("defenses."):
        assert component.__module__.split(".")[1] == component.manifest.stage.value
    else:
        assert component.__module__ == f"sentinel.signals.{component.manifest.name}"


@pytest.mark.parametrize("name", ["", "Name", "9name", "na me", "näme", "name\n", "-name"])
def test_names_that_cannot_be_typed_are_refused(name):
    with pytest.raises(ValidationError):
        Manifest(name=name, summary="x")


def test_manifests_are_frozen_and_know_their_fields():
    manifest = SignalManifest(name="a", summary="x", stage=Stage.QUERY, threats=frozenset({Threat.JAMMING}))
    assert manifest.source == "ours"
    assert not manifest.per_candidate
    with pytest.raises(ValidationError):
        manifest.name = "b"
    with pytest.raises(ValidationError):
        Manifest(name="a", summary="x", colour="red")
    with pytest.raises(ValidationError):
        Manifest(name="a", summary="")


def test_orders_of_magnitude_are_in_order():
    spent = [cost.milliseconds for cost in Cost]
    assert spent == sorted(set(spent))
    # Not their upper ends: what takes microseconds must not look as dear as what takes a millisecond.
    assert 0.001 < spent[0] < 0.1 < 1.0 < spent[1] < 10.0 < spent[2] < 100.0
