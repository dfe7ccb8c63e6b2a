"""A stack file as the engine reads it: for all who have to know what it says without an engine.

Owns what Go's yaml.v3 makes of a text, which Python's YAML 1.1 reads otherwise (`no`, `12:30`), the
namespaces of keys, and the environment. Values are for program/settings/ to judge. What two readers
could understand differently is refused. Held to `pulumi config` by tests/engine/test_stack_file.py.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from common.refusal import Refusal

Environment = Literal["dev", "test", "prod"]


@dataclass
class StackFile:
    """What a stack file says."""

    name: str
    config: dict[str, Any]
    """Each key with its namespace."""
    others: dict[str, Any]
    """What stands beside `config:`, as how secrets are encrypted."""
    lines: dict[str, int] = field(default_factory=dict)
    """Where each value stands, by its path, as `clients[0].name`."""


def stacks(folder: Path) -> list[str]:
    """The stacks that have a file."""
    files = folder.glob("Pulumi.*.yaml")
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in files)


def read(folder: Path, stack: str) -> StackFile:
    """Read the file of a stack.

    Raises:
        Refusal: if there is none, it is no stack file, or it says something twice.
    """
    name = f"Pulumi.{stack}.yaml"
    if stack not in (known := stacks(folder)):
        raise Refusal(f"there is no {name}; the stacks are {', '.join(known)}")
    reader = _Reader(name)
    top = reader.read((folder / name).read_bytes()) or {}
    given = (top.pop("config", None) or {}) if isinstance(top, dict) else None
    if not isinstance(given, dict):
        raise Refusal(f"{name} has no `config:` with the stack's keys below it, one line for each")
    project = _project(folder)["name"]
    config: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in given.items():
        qualified = _qualified(key, project)
        shown = qualified.removeprefix(f"{project}:")
        line = reader.lines[written("config", key)]
        if qualified in config:
            raise Refusal(_twice(name, shown, lines[shown], line))
        config[qualified] = value
        prefix = written("config", key)
        for path, at in reader.lines.items():
            if path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")):
                lines[shown + path.removeprefix(prefix)] = at
    return StackFile(name, config, top, lines)


def environment(folder: Path, stack: str) -> Environment:
    """The environment of a stack, as the program will take it.

    Raises:
        Refusal: if the file does not say for certain which one that is.
    """
    file, project = read(folder, stack), _project(folder)
    key = f"{project['name']}:environment"
    if key not in file.config and "environment" in file.others:
        raise Refusal(
            f"environment: {file.name} takes values from elsewhere, which may name another than "
            f"the default; it has to say so itself. Type: pulumi config set --stack {stack} "
            "environment <dev, test or prod>"
        )
    given = file.config.get(key, project["config"]["environment"]["default"])
    known: tuple[Environment, ...] = get_args(Environment)
    for one in known:
        if given == one:
            return one
    shown = json.dumps(given) if isinstance(given, str) else "this"
    raise Refusal(
        f"environment: {shown} is not allowed in {file.name}; it takes one of {', '.join(known)}, "
        f"and `make preview S={stack}` says what to type"
    )


def written(*steps: str | int) -> str:
    """A path as Pulumi writes it: `clients[0].name`, `tags["cost.centre"]`."""
    first, *others = steps
    return str(first) + "".join(
        f".{step}" if re.fullmatch(r"[A-Za-z_][\w-]*", str(step)) else f"[{json.dumps(step)}]"
        for step in others
    )


def _project(folder: Path) -> dict[str, Any]:
    return dict(_Reader("Pulumi.yaml").read((folder / "Pulumi.yaml").read_bytes()))


def _qualified(key: str, project: str) -> str:
    """The engine takes `name`, `namespace:name` and `namespace:config:name`."""
    namespace, _, name = key.rpartition(":")
    return f"{namespace.removesuffix(':config') or project}:{name}"


def _twice(name: str, key: str, first: int, second: int) -> str:
    return (
        f"{key}: a second one is not allowed in {name}: lines {first} and {second} have it, and "
        f"one would be ignored; it takes each key once. Put into line {first} what both say."
    )


class _Loader(yaml.SafeLoader):
    """Composes what is written, and leaves open what it means."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        return "plain" if kind is yaml.ScalarNode and implicit[0] else "text"


_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TIME = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


def _number(text: str) -> int | float | None:
    """What the engine takes for one: `017` and `0o17` are 15, `1_000` is 1000, `08` is 8."""
    plain = text.replace("_", "")
    if text[:1] not in "+-.0123456789":
        return None
    if _WHOLE.fullmatch(plain):
        old_octal = re.fullmatch(r"[-+]?0[0-7]+", plain)
        whole = int(plain, 8 if old_octal else 0)
        if -(2**63) <= whole < 2**64:
            return whole
    return float(plain) if _DECIMAL.fullmatch(plain) else None


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}

    def read(self, data: bytes) -> Any:
        try:
            node = yaml.compose(data.decode("utf-8-sig"), Loader=_Loader)
            return None if node is None else self._value(node, ())
        except UnicodeDecodeError:
            raise Refusal(f"{self.name} is no text in UTF-8") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise Refusal(f"{self.name} is no YAML: line {line}: {error.problem}") from None
        except yaml.YAMLError:
            raise Refusal(
                f"{self.name} is no YAML, or has characters in it that cannot be printed"
            ) from None
        except RecursionError:
            raise Refusal(f"{self.name} holds itself, or too many levels") from None

    def _value(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        if path:
            self.lines.setdefault(written(*path), node.start_mark.line + 1)
        if node.tag not in ("plain", "text"):
            raise self._refused(node, "a tag (`!…`)", "values without one")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, at)) for at, item in enumerate(node.value)]
        return node.value if node.tag == "text" else self._plain(node)

    def _plain(self, node: yaml.Node) -> Any:
        text = str(node.value)
        if text in _WORDS:
            return _WORDS[text]
        if _TIME.fullmatch(text):
            # `2026-01-02` would be deployed as `2026-01-02 00:00:00 +0000 UTC`.
            raise self._refused(node, "a date without quotes", f'text. Type: "{text}"')
        if _INFINITE.fullmatch(text):
            raise self._refused(node, "a number without end", f'text. Type: "{text}"')
        number = _number(text)
        return text if number is None else number

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in first:
                shown = written(*path, key).removeprefix("config.")
                raise Refusal(_twice(self.name, shown, first[key], line))
            first[key] = line
            if key == "<<" and key_node.tag == "plain":
                several = isinstance(value_node, yaml.SequenceNode)
                for each in value_node.value if several else [value_node]:
                    if not isinstance(each, yaml.MappingNode):
                        raise self._refused(each, "`<<` of this", "an alias of a mapping")
                    merged = {**self._mapping(each, path), **merged}
            else:
                self.lines[written(*path, key)] = line
                own[key] = self._value(value_node, (*path, key))
        return {**merged, **own}

    def _key(self, node: yaml.Node) -> str:
        """The engine makes text of every key."""
        value = self._plain(node) if node.tag == "plain" else node.value
        if isinstance(node, yaml.ScalarNode) and node.tag in ("plain", "text"):
            if isinstance(value, str):
                return value
            if isinstance(value, int):
                return str(value).lower() if isinstance(value, bool) else str(value)
        raise self._refused(node, "this as a key", "text in quotes")

    def _refused(self, node: yaml.Node, what: str, allowed: str) -> Refusal:
        line = node.start_mark.line + 1
        return Refusal(f"{self.name}, line {line}: {what} is not allowed; it takes {allowed}")
