"""Names that more than one room needs: of the project, of types of resources, of files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds Pulumi.yaml."""
PROJECT_NAME: Final = "mtls-model-endpoint"
"""As in Pulumi.yaml: the namespace of the stack files' keys, and of the components' types."""

STACK: Final = "pulumi:pulumi:Stack"
COMPONENTS: Final = f"{PROJECT_NAME}:index:"
"""What the type of every component begins with."""
SIDECAR: Final = f"{COMPONENTS}NginxSidecar"

RESOURCE_GROUP: Final = "azure-native:resources:ResourceGroup"
CONTAINER_GROUP: Final = "azure-native:containerinstance:ContainerGroup"
REGISTRY: Final = "azure-native:containerregistry:Registry"
WORKSPACE: Final = "azure-native:operationalinsights:Workspace"
DIAGNOSTICS: Final = "azure-native:monitor:DiagnosticSetting"
IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"
ROLE_ASSIGNMENT: Final = "azure-native:authorization:RoleAssignment"
VAULT: Final = "azure-native:keyvault:Vault"
VAULT_SECRET: Final = "azure-native:keyvault:Secret"  # noqa: S105  a type of resource

PRIVATE_KEY: Final = "tls:index/privateKey:PrivateKey"
CERT_REQUEST: Final = "tls:index/certRequest:CertRequest"
SELF_SIGNED_CERT: Final = "tls:index/selfSignedCert:SelfSignedCert"
LOCALLY_SIGNED_CERT: Final = "tls:index/locallySignedCert:LocallySignedCert"

KEY_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "cert_signing",
    "crl_signing",
    "encipher_only",
    "decipher_only",
)
"""What a key may be used for; all other uses that pulumi-tls knows are extended ones."""

LOCATION: Final = "azure-native:location"
"""The key of a stack file that names the region."""
