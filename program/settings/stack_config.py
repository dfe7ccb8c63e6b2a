"""The stack's config before any value of it is looked at: what the engine, or nobody, would tell.

A key that stands twice, a list in quotes, a namespace that nobody reads, a key or password in the
open.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pulumi

from common.names import PROJECT
from common.refusal import Refusal
from common.stack_file import read, stacks, written
from program.settings import key_material
from program.settings.authority import SET_KEY
from program.settings.refusals import Section, instead
from program.settings.remedies import command

STACK_FILES = PROJECT
NAMESPACES = ("azure-native", "docker", "tls", "random", "pulumi")
"""What is read beside the program's own keys: by its providers, and by the engine."""


class SettingsError(pulumi.RunError):
    """The stack file holds values that cannot be deployed; one sentence for each."""

    def __init__(self, *sentences: str) -> None:
        stack = pulumi.get_stack()
        # Without its name a command changes the stack that happens to be selected.
        typed = (
            re.sub(
                r"(\. (?:Rename|Write)): ",
                rf"\g<1> in Pulumi.{stack}.yaml: ",
                re.sub("Type: pulumi config (set|rm)", rf"\g<0> --stack {stack}", sentence),
            )
            for sentence in sentences
        )
        super().__init__(f"Pulumi.{stack}.yaml cannot be deployed:\n  " + "\n  ".join(typed))


def said_once() -> dict[str, Any]:
    """What stands in the stack file, if there is one, and it says nothing twice.

    The engine takes one of two values without a word.
    """
    stack = pulumi.get_stack()
    if stack not in stacks(STACK_FILES):
        return {}
    try:
        return read(STACK_FILES, stack).config
    except Refusal as error:
        raise SettingsError(str(error)) from None


def require_yaml(readable: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse a list or map that stands in the stack file as a text, as `config set` writes it.

    In it a key may stand twice, and one would count without a word; and `config set --path`, which
    every other refusal advises, would put one value in the place of all that are in the text.
    """
    own = pulumi.get_project()
    sentences = [
        f"{key}: a list or map in quotes is not allowed; it takes the same as YAML. "
        f"Write: {key}: {key_material.hidden(' '.join(value.split()))}"
        for key, value in ((k, readable.get(f"{own}:{k}")) for k in keys)
        if isinstance(value, str) and isinstance(parse(value), dict | list)
    ]
    if sentences:
        raise SettingsError(*sentences)


def require_readers(config: Iterable[str], keys: list[str]) -> None:
    """Refuse keys of a namespace that nobody reads: `environment: prod` would be ignored there."""
    own = pulumi.get_project()
    namespaces = [own, *NAMESPACES]
    sentences = []
    for key in config:
        namespace, _, name = key.rpartition(":")
        if namespace in namespaces:
            continue
        meant = f"{own}:{name}" if name in keys else None
        if f"azure-native:{name}" in keys:
            meant = f"azure-native:{name}"
        elif close := difflib.get_close_matches(namespace, namespaces, n=1):
            meant = f"{close[0]}:{name}"
        hint = f"did you mean {meant}? " if meant else ""
        typed = f"Rename: {key} to {meant}" if meant else f"Type: pulumi config rm {key}"
        sentences.append(
            f"{key}: nobody reads this namespace; {hint}allowed are {', '.join(namespaces)}. "
            + typed
        )
    if sentences:
        raise SettingsError(*sentences)


def keys_in_the_open(
    model: type[Section], config: Mapping[str, str], readable: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Refuse what everybody who can read the file, or what is deployed, could use.

    The engine only tells that there is a secret somewhere in a value, and that may be
    another.
    """
    own = f"{pulumi.get_project()}:"
    for name, value in config.items():
        is_secret = pulumi.runtime.config.is_config_secret(name)
        key = name.removeprefix(own)
        seen = [readable.get(name)] if is_secret else [parse(value)]
        if is_secret and "'secure':" not in str(seen):
            seen.append({"secure": ""})
        places = [place for each in seen for place in key_material.found(each, (key,))]
        for place, is_encrypted in places:
            path = written(*place)
            told = "a secret" if is_encrypted else "a key or password in plain text"
            allowed = "a secret, encrypted in the file"
            typed = f"Type: {command('set', path)}".replace("set", "set --secret")
            if place == key_material.PRIVATE_KEY:
                told, typed = "a value in plain text", f"Type: {SET_KEY}"
            elif ":" not in key:
                allowed = (
                    "what everybody may read who may read the resources and the image (make "
                    "another in its place: this one is no secret any more)"
                )
                typed = (
                    f"Type: {command('rm', path)}"
                    if place[0] in ("tags", "modelImage")
                    else instead(model, place)
                )
            yield path, f"{path}: {told} is not allowed; it takes {allowed}. {typed}"


def parse(value: str) -> Any:
    """Lists and objects come from the engine as JSON, everything else as text."""
    if value[:1] in "[{":
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
