"""Stand-in for pulumi-random: the two resources that the program uses.

As with the real plugin every change of an input replaces the resource.
https://www.pulumi.com/registry/packages/random/api-docs/
"""

from __future__ import annotations

import secrets
import string
import uuid
from importlib.metadata import version

from common.refusal import Refusal
from localcloud.plugins.base import Diff, Plugin, Properties, changed_properties, type_token

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


class Random(Plugin):
    """RandomString and RandomUuid."""

    name = "random"
    version = version("pulumi-random")

    def check(self, urn: str, old: Properties, new: Properties) -> Properties:
        if type_token(urn) == "random:index/randomString:RandomString":
            defaults = {"lower": True, "upper": True, "numeric": True, "special": True}
            return {**defaults, **new}
        return new

    def diff(self, urn: str, old: Properties, new: Properties, state: Properties) -> Diff:
        changed = changed_properties(old, new)
        return Diff(changed=changed, replaces=changed)

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        match type_token(urn):
            case "random:index/randomString:RandomString":
                result = random_string(inputs)
            case "random:index/randomUuid:RandomUuid":
                result = str(uuid.uuid4())
            case token:
                raise Refusal(f"random: there is no resource {token} in this stand-in")
        return result, {**inputs, "result": result}


def random_string(inputs: Properties) -> str:
    """A string of `length` characters of the chosen kinds."""
    kinds = {
        "lower": string.ascii_lowercase,
        "upper": string.ascii_uppercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or _SPECIAL,
    }
    alphabet = "".join(characters for kind, characters in kinds.items() if inputs.get(kind))
    return "".join(secrets.choice(alphabet) for _ in range(int(inputs["length"])))
