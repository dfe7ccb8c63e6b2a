"""What may not be deleted, whose it is, where it may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from policy.guardrails.rule import UNKNOWN, Config, Resource, ResourceGuardrail, StackGuardrail

CA_KEY = re.compile(r"ca@\d+-key")
TAGGED = (
    "resources:ResourceGroup",
    "operationalinsights:Workspace",
    "containerregistry:Registry",
    "managedidentity:UserAssignedIdentity",
    "containerinstance:ContainerGroup",
    "keyvault:Vault",
)


def _protected(resource: Resource, config: Config) -> Iterator[str]:
    if config["protect"] and not resource.protected:
        yield f"{resource.name} can be deleted by a slip"


def _signing_key(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    keys = [r for r in resources if r.type.endswith("PrivateKey") and CA_KEY.fullmatch(r.name)]
    if config["protect"] and keys and not any(key.protected for key in keys):
        yield "the key of the CA that signs can be deleted by a slip"


def _tags(resource: Resource, config: Config) -> Iterator[str]:
    tags = resource.props.get("tags")
    if tags is UNKNOWN:
        return
    if missing := [tag for tag in config["required"] if tag not in (tags or {})]:
        yield f"{resource.name} is without the tag {', '.join(missing)}"


def _location(resource: Resource, config: Config) -> Iterator[str]:
    if resource.type.startswith("pulumi:providers:"):
        return  # nowhere itself: it only says where others are
    location = resource.props.get("location")
    if isinstance(location, str) and config["allowed"]:
        name = location.replace(" ", "").lower()
        if name not in config["allowed"]:
            yield f"{resource.name} is in {name}"


GUARDRAILS = [
    StackGuardrail(
        name="signing-key-protected",
        description="Where it is asked for, the key of the CA that signs is protected.",
        severity="high",
        remedy="Set environment to prod, or protect it in the program",
        url="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
        config={"protect": {"type": "boolean", "default": False}},
        check=_signing_key,
    ),
    ResourceGuardrail(
        name="protected-against-deletion",
        description="Where it is asked for, what cannot be brought back is protected.",
        severity="high",
        remedy="Set environment to prod, or protect it in the program",
        url="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
        config={"protect": {"type": "boolean", "default": False}},
        types=["resources:ResourceGroup", "containerregistry:Registry"],
        check=_protected,
    ),
    ResourceGuardrail(
        name="tags",
        description="Resources say whose they are.",
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
        types=TAGGED,
        check=_tags,
    ),
    ResourceGuardrail(
        name="allowed-locations",
        description="Where it is asked for, resources are in certain regions only.",
        severity="medium",
        remedy="Change azure-native:location, or the rule's list `allowed`",
        url="https://learn.microsoft.com/azure/governance/policy/samples/built-in-policies#general",
        config={"allowed": {"type": "array", "items": {"type": "string"}, "default": []}},
        types=[],
        check=_location,
    ),
]
