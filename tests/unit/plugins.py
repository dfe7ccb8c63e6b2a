"""What the real plugins answer, as far as the program can tell.

Ids of certificates are decimal serial numbers, and nothing is marked secret: where a value is
secret in a test, a component said so.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Answer = tuple[str, dict[str, Any]]
"""Id and outputs."""

SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590"
# When the plugins make whatever they make: what is about to end is refused.
START = datetime.now(UTC).replace(microsecond=0)
TENANT_ID = "2f4a9838-26b7-47ee-be60-ccc1fdec5953"
PRINCIPAL_ID = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"


def answer(type_: str, name: str, inputs: dict[str, Any]) -> Answer:
    """The answer to a resource that was created."""
    return ANSWERS[type_.rpartition(":")[2]](name, inputs)


def auto_name(name: str) -> str:
    """What a resource is called in Azure when the program does not say."""
    return f"{name}1a2b3c4d"


def arm_id(inputs: dict[str, Any], type_: str, name: str) -> str:
    return f"{SUBSCRIPTION}/resourceGroups/{inputs['resourceGroupName']}/providers/{type_}/{name}"


def resource_group(name: str, inputs: dict[str, Any]) -> Answer:
    group = auto_name(name)
    return f"{SUBSCRIPTION}/resourceGroups/{group}", {**inputs, "name": group}


def random_string(name: str, inputs: dict[str, Any]) -> Answer:
    result = hashlib.sha256(name.encode()).hexdigest()[: inputs["length"]]
    return result, {**inputs, "result": result}


def random_uuid(name: str, inputs: dict[str, Any]) -> Answer:
    result = "5d2f2c3e-52fb-4a5f-9d3c-1f6a2f0a9b11"
    return result, {**inputs, "result": result}


def workspace(name: str, inputs: dict[str, Any]) -> Answer:
    return arm_id(inputs, "Microsoft.OperationalInsights/workspaces", auto_name(name)), inputs


def registry(name: str, inputs: dict[str, Any]) -> Answer:
    registry_name = inputs["registryName"]
    return arm_id(inputs, "Microsoft.ContainerRegistry/registries", registry_name), {
        **inputs,
        # Not always `<name>.azurecr.io`, so nobody may guess it.
        "loginServer": f"{registry_name}-a1b2.azurecr.io",
    }


def identity(name: str, inputs: dict[str, Any]) -> Answer:
    type_ = "Microsoft.ManagedIdentity/userAssignedIdentities"
    return arm_id(inputs, type_, auto_name(name)), {
        **inputs,
        "principalId": PRINCIPAL_ID,
        "clientId": "a5d9f5a1-8f43-4c53-8a59-8a0f0c7f2e22",
    }


def role_assignment(name: str, inputs: dict[str, Any]) -> Answer:
    type_ = "Microsoft.Authorization/roleAssignments"
    return f"{inputs['scope']}/providers/{type_}/{inputs['roleAssignmentName']}", {
        **inputs,
        # Of a day ago: nobody has to wait for it.
        "createdOn": (START - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
    }


def vault(name: str, inputs: dict[str, Any]) -> Answer:
    vault_name = inputs["vaultName"]
    uri = f"https://{vault_name}.vault.azure.net/"
    return arm_id(inputs, "Microsoft.KeyVault/vaults", vault_name), {
        **inputs,
        "name": vault_name,
        "properties": {**inputs["properties"], "vaultUri": uri},
    }


def secret(name: str, inputs: dict[str, Any]) -> Answer:
    vault_id = arm_id(inputs, "Microsoft.KeyVault/vaults", inputs["vaultName"])
    # Azure never answers the value.
    properties = {k: v for k, v in inputs["properties"].items() if k != "value"}
    return f"{vault_id}/secrets/{inputs['secretName']}", {
        **inputs,
        "name": inputs["secretName"],
        "properties": properties,
    }


def image(name: str, inputs: dict[str, Any]) -> Answer:
    repository = inputs["imageName"].rpartition(":")[0]
    digest = hashlib.sha256(inputs["build"]["context"].encode()).hexdigest()
    return inputs["imageName"], {**inputs, "repoDigest": f"{repository}@sha256:{digest}"}


def private_key(name: str, inputs: dict[str, Any]) -> Answer:
    return digits(name), {
        **inputs,
        "privateKeyPem": private_key_pem(name),
        "publicKeyPem": public_key_pem(name),
    }


def certificate_request(name: str, inputs: dict[str, Any]) -> Answer:
    return digits(name), {**inputs, "certRequestPem": pem("CERTIFICATE REQUEST", name)}


def certificate(name: str, inputs: dict[str, Any]) -> Answer:
    return digits(name), {
        **inputs,
        "certPem": certificate_pem(name),
        "validityStartTime": after(days=0),
        "validityEndTime": after(days=inputs["validityPeriodHours"] / 24),
    }


def container_group(name: str, inputs: dict[str, Any]) -> Answer:
    address, pull = inputs["ipAddress"], inputs["identity"]
    by_id: dict[str, Any] = {id_: {} for id_ in pull["userAssignedIdentities"]}
    fqdn = f"{address['dnsNameLabel']}.westeurope.azurecontainer.io"
    return arm_id(inputs, "Microsoft.ContainerInstance/containerGroups", auto_name(name)), {
        **inputs,
        "identity": {**pull, "userAssignedIdentities": by_id},
        "ipAddress": {**address, "fqdn": fqdn, "ip": "20.0.0.1"},
    }


def diagnostic_setting(name: str, inputs: dict[str, Any]) -> Answer:
    return f"{inputs['resourceUri']}|{inputs['name']}", inputs


ANSWERS: dict[str, Callable[[str, dict[str, Any]], Answer]] = {
    "ResourceGroup": resource_group,
    "RandomString": random_string,
    "RandomUuid": random_uuid,
    "Workspace": workspace,
    "Registry": registry,
    "UserAssignedIdentity": identity,
    "RoleAssignment": role_assignment,
    "Vault": vault,
    "Secret": secret,
    "Image": image,
    "PrivateKey": private_key,
    "CertRequest": certificate_request,
    "SelfSignedCert": certificate,
    "LocallySignedCert": certificate,
    "ContainerGroup": container_group,
    "DiagnosticSetting": diagnostic_setting,
}


def digits(name: str) -> str:
    """A serial number of 128 bits in decimal, the same for the same name."""
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]))


def pem(kind: str, name: str) -> str:
    body = base64.b64encode(f"{kind} of {name}".encode()).decode()
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def private_key_pem(name: str) -> str:
    """A key that can be told from every other, by the resource that made it."""
    return pem("EC PRIVATE KEY", name)


def public_key_pem(name: str) -> str:
    return pem("PUBLIC KEY", name)


def after(*, days: float) -> str:
    """So many days from `START`, as certificates and records write a time."""
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def certificate_pem(name: str) -> str:
    return pem("CERTIFICATE", name)
