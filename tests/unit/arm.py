"""Bodies of Azure Resource Manager requests, and whether Microsoft's SDK models take them.

The models themselves take almost anything: they forget what they do not know. So their field tables
are read here: REST names, types, enums, what is required, and what only Azure may say.
"""

from __future__ import annotations

import datetime
import enum
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from tests.unit.program import Registered
from tests.unit.properties import plain


class Field(NamedTuple):
    """One field of a model, by its place in the JSON."""

    type: Any
    required: bool


Fields = Mapping[tuple[str, ...], Field]


def body(resource: Registered, location: str) -> dict[str, Any]:
    """What the azure-native provider would send to create this resource.

    The provider takes what is in the URL away, puts back the `properties` that Pulumi's schema
    leaves out, and adds the location of its configuration.
    """
    inputs = plain(resource.inputs)
    envelope: tuple[str, ...]
    in_url: tuple[str, ...]
    match resource.type.rpartition(":")[2]:
        case "ContainerGroup":
            names = inputs["identity"]["userAssignedIdentities"]
            inputs["identity"]["userAssignedIdentities"] = {name: {} for name in names}
            inputs["containers"] = [_enveloped(c, "name") for c in inputs["containers"]]
            envelope = ("tags", "identity", "zones")
            in_url = ("resourceGroupName", "containerGroupName")
        case "Registry":
            envelope, in_url = ("tags", "identity", "sku"), ("resourceGroupName", "registryName")
        case "UserAssignedIdentity":
            envelope, in_url = ("tags",), ("resourceGroupName", "resourceName")
        case "RoleAssignment":
            envelope, in_url, location = (), ("scope", "roleAssignmentName"), ""
        case "Vault":
            envelope, in_url = ("tags", "properties"), ("resourceGroupName", "vaultName")
        case "Secret":
            envelope, location = ("tags", "properties"), ""
            in_url = ("resourceGroupName", "vaultName", "secretName")
            attributes = inputs["properties"]["attributes"]
            attributes["exp"] = attributes.pop("expires")
        case other:
            raise AssertionError(f"nobody wrote down how {other} is sent")
    sent = {key: value for key, value in inputs.items() if key not in in_url}
    return {**({"location": location} if location else {}), **_enveloped(sent, *envelope)}


def _enveloped(inputs: dict[str, Any], *outside: str) -> dict[str, Any]:
    inside = {key: value for key, value in inputs.items() if key not in outside}
    envelope = {key: value for key, value in inputs.items() if key in outside}
    return {**envelope, **({"properties": inside} if inside else {})}


def problems(value: object, model: Any, path: str = "") -> list[str]:
    """What is wrong with a value where the SDK says that `model` goes; nothing, when it fits."""
    origin, arguments = typing.get_origin(model), typing.get_args(model)
    if origin in (typing.Union, types.UnionType):
        return _union_problems(value, arguments, path)
    if origin in (list, dict):
        return _collection_problems(value, origin, arguments[-1], path)
    if (fields := fields_of(model)) is not None:
        return _object_problems(value, fields, path)
    return _scalar_problems(value, model, path)


def _union_problems(value: object, choices: tuple[Any, ...], path: str) -> list[str]:
    # `str or Enum` is how the SDKs write an enum that may grow; here the known values count.
    enums = [c for c in choices if isinstance(c, type) and issubclass(c, enum.Enum)]
    chosen = enums or [c for c in choices if c is not type(None)]
    found = [problems(value, choice, path) for choice in chosen]
    return [] if [] in found else found[0]


def _collection_problems(value: object, kind: type, items: Any, path: str) -> list[str]:
    if not isinstance(value, kind):
        return [f"{path}: {value!r} is no {'list' if kind is list else 'object'}"]
    places = (
        {f"{path}.{key}": item for key, item in value.items()}
        if isinstance(value, dict)
        else {f"{path}[{index}]": item for index, item in enumerate(cast("list[Any]", value))}
    )
    return [p for place, item in places.items() for p in problems(item, items, place)]


def _scalar_problems(value: object, expected: Any, path: str) -> list[str]:
    if issubclass(expected, enum.Enum):
        known = [member.value for member in expected]
        return [] if value in known else [f"{path}: {value!r} is not one of {known}"]
    accepted: dict[type, tuple[type, ...]] = {
        str: (str,),
        bool: (bool,),
        int: (int,),
        float: (int, float),
        datetime.datetime: (str,),
    }
    right = isinstance(value, accepted[expected])
    if isinstance(value, bool) and expected is not bool:  # to Python, True is a number
        right = False
    return [] if right else [f"{path}: {value!r} is no {expected.__name__}"]


def _object_problems(value: object, fields: Fields, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    found = []
    for name, item in value.items():
        here = f"{path}.{name}".lstrip(".")
        below = {where[1:]: field for where, field in fields.items() if where[0] == name}
        if () in below:
            found += problems(item, below[()].type, here)
        elif below:
            found += _object_problems(item, below, here)
        else:
            found.append(f"{here}: there is no such field to send")
    needed = {where[0] for where, field in fields.items() if field.required}
    return found + [
        f"{path}.{name}: is missing".lstrip(".") for name in sorted(needed - set(value))
    ]


def fields_of(model: Any) -> Fields | None:
    """The fields that a client may send, if this is a model of an SDK."""
    if not model.__module__.startswith("azure.") or issubclass(model, enum.Enum):
        return None
    package = sys.modules[model.__module__.rpartition(".")[0]]
    names = {**vars(sys.modules[model.__module__]), "_models": package}
    hints = typing.get_type_hints(model.__init__, names)
    return {
        tuple(entry["key"].split(".")): Field(
            # What is sent, whatever Python makes of it.
            int if entry["type"] == "unix-time" else hints[attribute],
            bool(model._validation.get(attribute, {}).get("required")),
        )
        for attribute, entry in model._attribute_map.items()
        if attribute in hints  # what only Azure may say cannot be given
        and not model._validation.get(attribute, {}).get("readonly")
    }


def api_version(model: Any) -> str:
    """The version of Azure's API that a model was generated from."""
    if found := re.search(r"\.v(\d{4})_(\d\d)_(\d\d)(_preview)?\.", model.__module__):
        return "-".join(found.group(1, 2, 3)) + (found[4] or "").replace("_", "-")
    configuration = importlib.import_module(
        model.__module__.partition(".models")[0] + "._configuration"
    )
    (default,) = set(re.findall(r'"api_version", "([^"]+)"', inspect.getsource(configuration)))
    return str(default)
