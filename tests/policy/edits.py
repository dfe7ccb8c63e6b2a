"""What is changed about the program's resources, or in its functions, to give it a defect."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pulumi

from common import names
from components.certificates import Issuer
from components.nginx_sidecar import listed_as
from program.continuity import accepted
from tests.unit.cas import make_ca

GROUP = names.CONTAINER_GROUP
REGISTRY = names.REGISTRY
ASSIGNMENT = names.ROLE_ASSIGNMENT
VAULT = names.VAULT
KEY = names.PRIVATE_KEY
LEAF = names.LOCALLY_SIGNED_CERT
CA = names.SELF_SIGNED_CERT
CONTRIBUTOR = (
    "/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"
)
ANY_KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security#key-vault-secrets-officer
SECRETS_OFFICER = (
    "/providers/Microsoft.Authorization/roleDefinitions/b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
)
ANY_VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
SOMEBODY = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
READERS = {"clients": [{"name": "alice", "readers": [SOMEBODY]}]}

DEV = {"validityDays": {"ca": 365, "server": 90, "client": 90}, "clockSkewMinutes": 0}
OTHER_CA = make_ca("another CA")

Edit = Callable[[dict[str, Any], pulumi.ResourceOptions], None]


def put(**values: Any) -> Edit:
    return lambda props, _: props.update(values)


def container(index: int, **values: Any) -> Edit:
    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        for name, value in values.items():
            setattr(props["containers"][index], name, value)

    return edit


def address(**values: Any) -> Edit:
    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        for name, value in values.items():
            setattr(props["ip_address"], name, value)

    return edit


def credential(**values: Any) -> Edit:
    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        for name, value in values.items():
            setattr(props["image_registry_credentials"][0], name, value)

    return edit


def file(name: str, change: Callable[[str], str]) -> Edit:
    """Another content of a file in the volume."""

    def again(content: str) -> str:
        text = base64.b64decode(content).decode()
        return base64.b64encode(change(text).encode()).decode()

    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        secret = props["volumes"][0].secret
        secret[name] = pulumi.Output.from_input(secret[name]).apply(again)

    return edit


def vault(**values: Any) -> Edit:
    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        for name, value in values.items():
            setattr(props["properties"], name, value)

    return edit


def reader_at(scope: str) -> Edit:
    def edit(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
        if props["principal_id"] == SOMEBODY:
            props["scope"] = scope

    return edit


def in_nginx(old: str, new: str) -> Edit:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return file("nginx.conf", change)


def ca_certificate_as_server(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
    secret = props["volumes"][0].secret
    secret["server.crt"] = secret["ca.crt"]


def unprotected(_: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
    opts.protect = False


def unprotected_ca(_: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
    opts.protect = False


def other_registry(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
    """With its own credentials, which the rule on images takes for permission."""
    props["image_registry_credentials"][0].server = "other.azurecr.io"
    for one in props["containers"]:
        one.image = f"other.azurecr.io/any@sha256:{'0' * 64}"


def without_tag(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
    props["tags"] = {k: v for k, v in props["tags"].items() if k != "owner"}


def with_mallory(records: Any) -> dict[str, str]:
    return {**accepted(records), listed_as("AB", "ab" * 20): "mallory"}


def with_another_of_alices(records: Any) -> dict[str, str]:
    return {**accepted(records), listed_as("AB", "ab" * 20): "alice"}


def ca_with_its_key(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
    """Known as late as the keys of the program's own."""
    secret, own = props["volumes"][0].secret, props["volumes"][0].secret["server.key"]
    for name, text in {"ca.crt": OTHER_CA.pem, "server.key": OTHER_CA.key_pem}.items():
        content = base64.b64encode(text.encode()).decode()
        secret[name] = own.apply(lambda _, content=content: content)


def another_issuer(*_: Any) -> Issuer:
    return Issuer(
        certificate_pem=OTHER_CA.pem, private_key_pem=pulumi.Output.secret(OTHER_CA.key_pem)
    )


def nothing(*_: Any, **__: Any) -> None:
    """Where a resource should be made."""


def with_a_key(*_: Any, **__: Any) -> dict[str, Any]:
    return {"url": "https://localhost", "key": pulumi.Output.secret(ANY_KEY)}
