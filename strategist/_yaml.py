"""A small YAML reader that remembers on which line each key stands, and reads nothing that a program could hide in.

Anchors and aliases are refused (a few lines of them can grow to gigabytes), and so are duplicate keys and tags that
name a type: of two values for one key a person sees the first and YAML takes the last.
"""

from __future__ import annotations

from typing import Any

import yaml

from sentinel.errors import ConfigurationError

Key = tuple[str | int, ...]
"""Where something stands: keys and places in lists, from the outside in."""

MAX_CHARACTERS = 100_000
MAX_DEPTH = 20


def read(text: str, where: str) -> tuple[Any, dict[Key, int]]:
    """A document's values, and the line (from 1) of every key and list item.

    Args:
        text: YAML, one document.
        where: What to call it in messages.

    Raises:
        ConfigurationError: Not YAML, more than one document, or something that is refused.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(f"{where}: longer than {MAX_CHARACTERS:,} characters")
    lines: dict[Key, int] = {}
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
                what = "nested too deep" if depth > MAX_DEPTH else "aliases are not read; write it out"
                raise ConfigurationError(f"{where}{_line(event.start_mark)}: {what}")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, (), lines, where), lines
    except yaml.MarkedYAMLError as error:  # its own text quotes the line, which may hold a secret
        raise ConfigurationError(
            f"{where}{_line(error.problem_mark or error.context_mark)}: not YAML ({error.problem or error.context})"
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(f"{where}: not YAML ({type(error).__name__})") from None


def _line(mark: Any) -> str:
    return "" if mark is None else f":{mark.line + 1}"


def _value(loader: yaml.SafeLoader, node: yaml.Node, at: Key, lines: dict[Key, int], where: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigurationError(f"{where}:{line}: a key must be a word")
            name = str(key.value)  # as it is written: `on` and `null` are words here
            if name in made:
                raise ConfigurationError(f"{where}:{line}: {name!r} stands there twice")
            lines[(*at, name)] = line
            made[name] = _value(loader, value, (*at, name), lines, where)
        return made
    if isinstance(node, yaml.SequenceNode):
        items = []
        for place, item in enumerate(node.value):
            lines[(*at, place)] = item.start_mark.line + 1
            items.append(_value(loader, item, (*at, place), lines, where))
        return items
    return loader.construct_object(node)
