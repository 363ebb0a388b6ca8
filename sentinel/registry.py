"""Components known by name: one module in the right folder, or one entry point, and nothing else to touch."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from functools import cached_property, lru_cache
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from sentinel.errors import ConfigurationError, unknown_name
from sentinel.manifest import Manifest

ENTRY_POINT_GROUP = "sentinel_strategist.plugins"

logger = logging.getLogger(__name__)

T = TypeVar("T")


@lru_cache(maxsize=1)
def _plugins() -> tuple[dict[str, type], dict[str, str]]:
    """Load every third-party entry point once: classes by entry name, and why the others failed."""
    loaded: dict[str, type] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            component = point.load()
        except Exception as error:  # a stranger's module may raise anything; it must not take the host down
            broken[point.name] = f"{type(error).__name__}: {error}"
            logger.warning("plugin %r could not be loaded: %s", point.name, broken[point.name])
            continue
        if isinstance(component, type):
            loaded[point.name] = component
        else:
            broken[point.name] = "the entry point is not a class"
            logger.warning("plugin %r is not a class", point.name)
    return loaded, broken


class Registry(Generic[T]):
    """All components of one kind: the modules of a package's folders, then third parties' plug-ins.

    A component is a class that derives from `base`, is defined in the module itself and carries a `manifest` of
    its own. Modules whose name starts with an underscore are not looked at. Nothing heavy may be imported at a
    component module's top level: listing imports them all.

    Args:
        kind: For messages: "signal", "defense", "policy", "attack".
        package: The dotted name of the package that holds the modules.
        base: The class that every component derives from.
        without: Sub-packages that hold no components; their modules are not imported.
    """

    def __init__(self, kind: str, package: str, base: type[T], without: frozenset[str] = frozenset()) -> None:
        self.kind = kind
        self.package = package
        self.base = base
        self.without = tuple(f"{package}.{name}." for name in sorted(without))

    @cached_property
    def _classes(self) -> dict[str, type[T]]:
        found: dict[str, type[T]] = {}
        root = importlib.import_module(self.package)
        for info in pkgutil.walk_packages(root.__path__, f"{self.package}."):
            if any(part.startswith("_") for part in info.name.split(".")) or info.name.startswith(self.without):
                continue
            module = importlib.import_module(info.name)
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == info.name:
                    self._add(found, value, info.name)
        for name, plugin in _plugins()[0].items():
            self._add(found, plugin, f"plug-in {name!r}")
        return dict(sorted(found.items()))

    def _add(self, found: dict[str, type[T]], component: type, where: str) -> None:
        if not issubclass(component, self.base) or not isinstance(vars(component).get("manifest"), Manifest):
            return
        name = component.manifest.name  # type: ignore[attr-defined]
        if name in found and found[name] is not component:
            raise ConfigurationError(
                f"two {self.kind} components are named {name!r}: {found[name].__module__} and {where}"
            )
        found[name] = component

    def names(self) -> list[str]:
        """Every known name, sorted."""
        return list(self._classes)

    def manifests(self) -> dict[str, Manifest]:
        """What each component says of itself, by name."""
        return {name: component.manifest for name, component in self._classes.items()}  # type: ignore[attr-defined]

    def get(self, name: str) -> type[T]:
        """The class of a component.

        Raises:
            ConfigurationError: Nobody registered the name, or the plug-in of that name failed to load.
        """
        if name in self._classes:
            return self._classes[name]
        if name in _plugins()[1]:
            raise ConfigurationError(f"plug-in {name!r} could not be loaded: {_plugins()[1][name]}")
        raise unknown_name(self.kind, name, self._classes)
