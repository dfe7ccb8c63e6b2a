"""Programs with one defect each, many of them from recipes that people follow."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.certificates import Issuer
from components.nginx_sidecar import listed_as
from continuity import accepted
from tests.unit.cas import make_ca

GROUP = "azure-native:containerinstance:ContainerGroup"
REGISTRY = "azure-native:containerregistry:Registry"
ASSIGNMENT = "azure-native:authorization:RoleAssignment"
VAULT = "azure-native:keyvault:Vault"
KEY = "tls:index/privateKey:PrivateKey"
LEAF = "tls:index/locallySignedCert:LocallySignedCert"
CA = "tls:index/selfSignedCert:SelfSignedCert"
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


@dataclass(frozen=True)
class Bad:
    """A program with a defect, and the guardrail that has to stop it."""

    guardrail: str
    words: str
    """In what the user sees."""
    type: str = ""
    edit: Edit | None = None
    config: dict[str, Any] = field(default_factory=dict)
    environment: str = "dev"
    new_certificates: bool = False
    """Whether it has to make certificates to be seen."""
    patches: dict[str, Callable[..., Any]] = field(default_factory=dict)
    """Functions of the program that do something else."""


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


def without_tag(props: dict[str, Any], _: pulumi.ResourceOptions) -> None:
    props["tags"] = {k: v for k, v in props["tags"].items() if k != "owner"}


def with_mallory(records: Any) -> dict[str, str]:
    return {**accepted(records), listed_as("AB", "ab" * 20): "mallory"}


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


def with_a_key(*_: Any) -> dict[str, Any]:
    return {"url": "https://localhost", "key": pulumi.Output.secret(ANY_KEY)}


PROD = "prod"
BAD: dict[str, Bad] = {
    "registry with an admin user": Bad(
        "registry-without-admin-user", "admin user is on", REGISTRY, put(admin_user_enabled=True)
    ),
    "registry for everybody": Bad(
        "registry-without-anonymous-pull",
        "everybody may pull",
        REGISTRY,
        put(anonymous_pull_enabled=True, sku={"name": "Standard"}),
    ),
    "model image by tag": Bad(
        "images-by-digest", "has no digest", GROUP, container(0, image="registry/model:latest")
    ),
    "nginx from Docker Hub": Bad(
        "images-from-own-registry",
        "from another registry",
        GROUP,
        container(1, image=f"docker.io/library/nginx@sha256:{'0' * 64}"),
    ),
    "pull with a password": Bad(
        "images-pulled-by-identity",
        "with a password",
        GROUP,
        credential(username="admin", password="secret"),  # noqa: S106  a defect on purpose
    ),
    "key in an environment variable": Bad(
        "no-key-in-the-open",
        "private key in containers[0].environmentVariables[0].value",
        GROUP,
        container(0, environment_variables=[{"name": "KEY", "value": ANY_KEY}]),
    ),
    "key in an environment variable, encoded": Bad(
        "no-key-in-the-open",
        "private key in containers[0]",
        GROUP,
        container(
            0,
            environment_variables=[
                {"name": "KEY", "value": base64.b64encode(ANY_KEY.encode()).decode()}
            ],
        ),
    ),
    "key in a command": Bad(
        "no-key-in-the-open",
        "private key in containers[0].command[2]",
        GROUP,
        container(0, command=["sh", "-c", f"echo '{ANY_KEY}' > key; serve"]),
    ),
    "key in a tag": Bad(
        "no-key-in-the-open", "private key in tags.note", GROUP, put(tags={"note": ANY_KEY})
    ),
    "key in an output for everybody": Bad(
        "no-key-in-outputs",
        "private key in the output endpoint.key",
        patches={"outputs.endpoint": with_a_key},
    ),
    "CA's key in the volume": Bad(
        "no-ca-key-in-volume",
        "server.key in the volume is the private key of a CA",
        GROUP,
        ca_with_its_key,
    ),
    "signed by a CA that nobody trusts": Bad(
        "accepted-are-signed-by-trusted",
        "no trusted CA signed it",
        config={"certificates": DEV},
        patches={"identities._issuer": another_issuer},
        new_certificates=True,
    ),
    "logs that go nowhere": Bad(
        "logs-are-kept",
        "go nowhere",
        patches={"components.container_group.monitor.DiagnosticSetting": nothing},
    ),
    "CA's certificate as the server's": Bad(
        "server-is-no-ca", "a CA's certificate as its own", GROUP, ca_certificate_as_server
    ),
    "model's port public as well": Bad(
        "one-public-port",
        "ports 443, 8501 are public",
        GROUP,
        address(ports=[{"port": 443, "protocol": "TCP"}, {"port": 8501, "protocol": "TCP"}]),
    ),
    "health port public": Bad(
        "one-public-port",
        "port 8502 is for the platform's probes",
        GROUP,
        address(ports=[{"port": 8502, "protocol": "TCP"}]),
    ),
    "name with a hash": Bad(
        "dns-name-in-certificate",
        "scope is TenantReuse",
        GROUP,
        address(auto_generated_domain_name_label_scope="TenantReuse"),
    ),
    "no name": Bad("dns-name-in-certificate", "no DNS name", GROUP, address(dns_name_label=None)),
    "no liveness probe": Bad(
        "probes-everywhere", "no livenessProbe", GROUP, container(0, liveness_probe=None)
    ),
    "no readiness probe": Bad(
        "probes-everywhere", "no readinessProbe", GROUP, container(1, readiness_probe=None)
    ),
    "more CPU than there is": Bad(
        "within-budget",
        "ask for 4.5 CPU; this environment has 2",
        config={"resources": {"model": {"cpu": 4, "memoryInGB": 1.5}}},
    ),
    "more memory than there is": Bad(
        "within-budget",
        "GB; this environment has 4",
        config={"resources": {"model": {"cpu": 1, "memoryInGB": 8}}},
    ),
    "volume over /etc/nginx": Bad(
        "volume-beside-etc-nginx",
        "hides what is in /etc/nginx",
        GROUP,
        container(1, volume_mounts=[{"name": "nginx-sidecar", "mountPath": "/etc/nginx"}]),
    ),
    "Contributor for the identity": Bad(
        "roles-for-one-thing",
        "another than AcrPull",
        ASSIGNMENT,
        put(role_definition_id=CONTRIBUTOR),
    ),
    "a role for the whole subscription": Bad(
        "roles-for-one-thing",
        "more than one registry",
        ASSIGNMENT,
        put(scope="/subscriptions/00000000-0000-0000-0000-000000000000"),
    ),
    "a reader of the whole vault": Bad(
        "roles-for-one-thing",
        "more than one registry or secret",
        ASSIGNMENT,
        reader_at(ANY_VAULT),
        config=READERS,
    ),
    "a reader who may write": Bad(
        "roles-for-one-thing",
        "another than AcrPull and Key Vault Secrets User",
        ASSIGNMENT,
        put(role_definition_id=SECRETS_OFFICER),
        config=READERS,
    ),
    "vault with access policies": Bad(
        "vault-by-roles",
        "reads all secrets of the vault",
        VAULT,
        vault(enable_rbac_authorization=False, access_policies=[]),
        config=READERS,
    ),
    "vault that can be purged": Bad(
        "vault-keeps-what-is-deleted",
        "nobody can bring them back",
        VAULT,
        vault(enable_purge_protection=None),
        config=READERS,
    ),
    "keys on no curve": Bad(
        "strong-keys", "which handshakes do not take", KEY, put(ecdsa_curve="P224")
    ),
    "RSA keys of 1024 bits": Bad(
        "strong-keys", "RSA key of 1024 bits", KEY, put(algorithm="RSA", rsa_bits=1024)
    ),
    "leaf for server and client": Bad(
        "leaf-for-one-purpose",
        "good for server_auth, client_auth",
        LEAF,
        put(allowed_uses=["digital_signature", "server_auth", "client_auth"]),
    ),
    "leaf for anything": Bad(
        "leaf-for-one-purpose",
        "good for anything",
        LEAF,
        put(allowed_uses=["digital_signature"]),
    ),
    "CA that is none": Bad("ca-only-signs", "is no CA", CA, put(is_ca_certificate=False)),
    "certificate for ten years": Bad(
        "validity-within-limits", "valid for 3650 days", LEAF, put(validity_period_hours=87600)
    ),
    "certificate that nobody renews": Bad(
        "validity-within-limits", "renewed only after its end", LEAF, put(early_renewal_hours=0)
    ),
    "old versions of TLS": Bad(
        "nginx-insists",
        "nginx.conf allows TLSv1",
        GROUP,
        in_nginx("ssl_protocols TLSv1.2", "ssl_protocols TLSv1 TLSv1.2"),
    ),
    "certificate optional": Bad(
        "nginx-insists",
        "does not insist on a client certificate",
        GROUP,
        in_nginx("ssl_verify_client on", "ssl_verify_client optional"),
    ),
    "sessions that outlive a revocation": Bad(
        "nginx-insists",
        "gives out session tickets",
        GROUP,
        in_nginx("ssl_session_tickets off", "ssl_session_tickets on"),
    ),
    "a stranger on the list": Bad(
        "accepted-are-clients",
        "mallory is let in",
        patches={"continuity.accepted": with_mallory},
    ),
    "certificates too short to hand out": Bad(
        "clients-can-keep-up",
        "valid for 20 days",
        config={
            "certificates": {
                **DEV,
                "validityDays": {"ca": 365, "server": 90, "client": 20},
                "renewBeforeDays": {"client": 10},
            }
        },
        new_certificates=True,
    ),
    "plain HTTP": Bad("tls-required", "without TLS", config={"tls": "none"}, environment="test"),
    "production in the wrong place": Bad(
        "allowed-locations",
        "is in eastus",
        config={"azure-native:location": "eastus"},
        environment=PROD,
    ),
    "nobody's resources": Bad(
        "tags", "without the tag owner", GROUP, without_tag, environment=PROD
    ),
    "registry without protection": Bad(
        "protected-against-deletion", "deleted by a slip", REGISTRY, unprotected, environment=PROD
    ),
}
