"""Components become known by their file or entry point alone, and a broken one takes nobody down."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from defenses import DEFENSES
from sentinel import SIGNALS, ConfigurationError, Signal, SignalManifest, Stage, Threat
from sentinel import registry as registry_module
from sentinel.registry import Registry

ROOT = Path(__file__).parents[2]
MODULE = """
from sentinel import Signal, SignalManifest, Stage, Threat

class Base(Signal):
    "No manifest of its own: not a component."

class Component(Base):
    "A signal."
    manifest = SignalManifest(name="{name}", summary="x", stage=Stage.QUERY, threats=frozenset({{Threat.JAMMING}}))
    def measure(self, evidence):
        return 1.0

class Heir(Component):
    "Inherits its manifest: not a component either."

Alias = Component
"""


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    """An empty package on disk, of a name that no other test uses, and a function that adds modules to it."""
    name = "package_of_" + request.node.name.partition("[")[0]
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def add(path, text):
        target = tmp_path / name / path
        target.parent.mkdir(exist_ok=True)
        if target.parent != tmp_path / name:
            (target.parent / "__init__.py").touch()
        target.write_text(text)

    yield name, add
    for loaded in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[loaded]


class Point:
    """An entry point that loads to a value or raises."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def load(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def plugins(monkeypatch):
    """Replace the installed entry points."""

    def install(*points):
        def entry_points(*, group):
            return list(points) if group == "sentinel_strategist.plugins" else []

        monkeypatch.setattr(registry_module, "entry_points", entry_points)
        registry_module._plugins.cache_clear()

    yield install
    monkeypatch.undo()
    registry_module._plugins.cache_clear()


class Plugged(Signal):
    """A third party's signal."""

    manifest = SignalManifest(name="plugged", summary="x", stage=Stage.QUERY, threats=frozenset({Threat.JAMMING}))

    def measure(self, evidence):
        return 0.0


def test_a_module_in_the_folder_is_all_it_takes(package):
    name, add = package
    add("second.py", MODULE.format(name="second"))
    add("folder/first.py", MODULE.format(name="first"))
    known = Registry("signal", name, Signal)
    assert known.names() == ["first", "second"]
    assert known.get("first").__module__ == f"{name}.folder.first"
    assert known.get("first")().measure(None) == 1.0
    assert known.manifests()["second"].name == "second"


def test_underscore_modules_are_not_looked_at(package):
    name, add = package
    add("_private.py", "raise RuntimeError('imported')")
    add("public.py", MODULE.format(name="public"))
    assert Registry("signal", name, Signal).names() == ["public"]


def test_components_of_another_kind_and_imported_ones_are_not_taken(package):
    name, add = package
    add("other.py", "from sentinel.signals.verbatim_run import VerbatimRun\nclass Free: pass\n")
    assert Registry("signal", name, Signal).names() == []
    add("mine.py", MODULE.format(name="mine"))
    assert Registry("number", name, int).names() == []


def test_two_of_one_name_are_refused(package):
    name, add = package
    add("one.py", MODULE.format(name="same"))
    add("two.py", MODULE.format(name="same"))
    with pytest.raises(ConfigurationError, match=r"two signal components are named 'same': .*one and .*two"):
        Registry("signal", name, Signal).names()


def test_a_plugin_is_known_to_the_registry_of_its_kind_only(package, plugins):
    name, _ = package
    plugins(Point("plugged", Plugged))
    assert Registry("signal", name, Signal).get("plugged") is Plugged
    assert Registry("number", name, int).names() == []


def test_a_plugin_cannot_take_the_name_of_a_component(package, plugins):
    name, add = package
    add("plugged.py", MODULE.format(name="plugged"))
    plugins(Point("mine", Plugged))
    with pytest.raises(ConfigurationError, match=r"plug-in 'mine'"):
        Registry("signal", name, Signal).names()


def test_broken_plugins_are_isolated_and_named_when_asked_for(package, plugins, caplog):
    name, add = package
    add("good.py", MODULE.format(name="good"))
    plugins(Point("raises", ImportError("no module named x")), Point("thing", 3), Point("plugged", Plugged))
    known = Registry("signal", name, Signal)
    assert known.names() == ["good", "plugged"]
    assert "raises" in caplog.text
    with pytest.raises(ConfigurationError, match=r"'raises' could not be loaded: ImportError: no module named x"):
        known.get("raises")
    with pytest.raises(ConfigurationError, match="'thing' could not be loaded: the entry point is not a class"):
        known.get("thing")


@pytest.mark.parametrize(
    ("registry", "typed", "meant"),
    [(SIGNALS, "verbatim-run", "verbatim_run"), (DEFENSES, "trust_rag", "trustrag")],
)
def test_an_unknown_name_suggests_the_nearest(registry, typed, meant):
    with pytest.raises(ConfigurationError, match=f"unknown {registry.kind} '{typed}'; did you mean '{meant}'"):
        registry.get(typed)


def test_an_unlike_name_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"known: .*hide_probed"):
        DEFENSES.get("?")


def test_listing_imports_nothing_heavy():
    heavy = (
        *("torch", "transformers", "sentence_transformers", "trl", "sklearn", "scipy", "faiss", "redis"),
        *("opentelemetry", "langchain.agents"),
    )
    script = (
        "import sys, sentinel, defenses\n"
        "assert sentinel.SIGNALS.manifests() and defenses.DEFENSES.manifests()\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
