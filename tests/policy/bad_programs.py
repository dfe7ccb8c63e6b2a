"""Programs with one defect each, many of them from recipes that people follow."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.policy.edits import (
    ANY_KEY,
    ANY_VAULT,
    ASSIGNMENT,
    CA,
    CONTRIBUTOR,
    DEV,
    GROUP,
    KEY,
    LEAF,
    READERS,
    REGISTRY,
    SECRETS_OFFICER,
    VAULT,
    Edit,
    address,
    another_issuer,
    ca_certificate_as_server,
    ca_with_its_key,
    container,
    credential,
    in_nginx,
    nothing,
    other_registry,
    put,
    reader_at,
    unprotected,
    unprotected_ca,
    vault,
    with_a_key,
    with_another_of_alices,
    with_mallory,
    without_tag,
)


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


PROD = "prod"
# As `base64 server.key` prints it.
LINES = textwrap.fill(base64.b64encode((ANY_KEY * 3).encode()).decode(), 76)
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
    "key in a command, in lines of base64": Bad(
        "no-key-in-the-open",
        "private key in containers[0].command[2]",
        GROUP,
        container(0, command=["sh", "-c", f"echo {LINES} | base64 -d > key; serve"]),
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
        patches={"program.outputs.endpoint": with_a_key},
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
        patches={"program.identities._issuer": another_issuer},
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
        "certificate-without-a-hash",
        "scope is TenantReuse",
        GROUP,
        address(auto_generated_domain_name_label_scope="TenantReuse"),
    ),
    "no name": Bad("dns-name-in-certificate", "no DNS name", GROUP, address(dns_name_label=None)),
    "images of another registry": Bad(
        "registry-is-the-stacks",
        "pulls from other.azurecr.io",
        GROUP,
        other_registry,
    ),
    "anybody is mallory": Bad(
        "nginx-insists",
        "lets in more than the certificates that it names",
        GROUP,
        in_nginx(
            '$client_name {\n        default "";', '$client_name {\n        default "mallory";'
        ),
    ),
    "another port that asks for nothing": Bad(
        "nginx-insists",
        "does not insist on a client certificate",
        GROUP,
        in_nginx(
            "    server {",
            "    server { listen 444 ssl;\n        ssl_verify_client off;\n    }\n    server {",
        ),
    ),
    "a leaf for anything at all": Bad(
        "leaf-for-one-purpose",
        "good for any_extended",
        LEAF,
        put(allowed_uses=["digital_signature", "any_extended"]),
    ),
    "clients that may be servers": Bad(
        "leaf-for-one-purpose",
        "good for server_auth, and a client's",
        LEAF,
        put(allowed_uses=["digital_signature", "server_auth"]),
    ),
    "volume over /etc": Bad(
        "volume-beside-etc-nginx",
        "hides what is in /etc/nginx",
        GROUP,
        container(1, volume_mounts=[{"name": "nginx-sidecar", "mountPath": "/etc/"}]),
    ),
    "the CA's key without protection": Bad(
        "signing-key-protected", "deleted by a slip", KEY, unprotected_ca, environment=PROD
    ),
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
        patches={"program.continuity.accepted": with_mallory},
    ),
    "a certificate in a client's name that was never issued": Bad(
        "accepted-are-clients",
        "alice is let in with certificate AB, which the stack never issued",
        patches={"program.continuity.accepted": with_another_of_alices},
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
