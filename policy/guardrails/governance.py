"""What may not be deleted, whose it is, where it may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from common.names import (
    CONTAINER_GROUP,
    IDENTITY,
    PRIVATE_KEY,
    REGISTRY,
    RESOURCE_GROUP,
    VAULT,
    WORKSPACE,
)
from policy.guardrails.rule import UNKNOWN, Config, Resource, of_resource, of_stack

CA_KEY = re.compile(r"ca@\d+-key")
TAGGED = (
    RESOURCE_GROUP,
    WORKSPACE,
    REGISTRY,
    IDENTITY,
    CONTAINER_GROUP,
    VAULT,
)


@of_resource(
    "protected-against-deletion",
    RESOURCE_GROUP,
    REGISTRY,
    severity="high",
    remedy="Set environment to prod, or protect it in the program",
    url="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
    config={"protect": {"type": "boolean", "default": False}},
)
def _protected(resource: Resource, config: Config) -> Iterator[str]:
    """Where it is asked for, what cannot be brought back is protected."""
    if config["protect"] and not resource.protected:
        yield f"{resource.name} can be deleted by a slip"


@of_stack(
    "signing-key-protected",
    severity="high",
    remedy="Set environment to prod, or protect it in the program",
    url="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
    config={"protect": {"type": "boolean", "default": False}},
)
def _signing_key(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """Where it is asked for, the key of the CA that signs is protected."""
    keys = [r for r in resources if r.type == PRIVATE_KEY and CA_KEY.fullmatch(r.name)]
    if config["protect"] and keys and not any(key.protected for key in keys):
        yield "the key of the CA that signs can be deleted by a slip"


@of_resource(
    "tags",
    *TAGGED,
    severity="low",
    remedy="Set it in tags of the stack file",
    url="https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-tagging",
    config={
        "required": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["project", "stack", "environment"],
        }
    },
)
def _tags(resource: Resource, config: Config) -> Iterator[str]:
    """Resources say whose they are."""
    tags = resource.props.get("tags")
    if tags is UNKNOWN:
        return
    if missing := [tag for tag in config["required"] if tag not in (tags or {})]:
        yield f"{resource.name} is without the tag {', '.join(missing)}"


@of_resource(
    "allowed-locations",
    severity="medium",
    remedy="Change azure-native:location, or the rule's list `allowed`",
    url="https://learn.microsoft.com/azure/governance/policy/samples/built-in-policies#general",
    config={"allowed": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def _location(resource: Resource, config: Config) -> Iterator[str]:
    """Where it is asked for, resources are in certain regions only."""
    if resource.type.startswith("pulumi:providers:"):
        return  # nowhere itself: it only says where others are
    location = resource.props.get("location")
    if isinstance(location, str) and config["allowed"]:
        name = location.replace(" ", "").lower()
        if name not in config["allowed"]:
            yield f"{resource.name} is in {name}"
