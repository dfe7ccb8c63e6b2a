"""Each guardrail by itself: what passes, what does not, what is missing, what nobody knows yet."""

from __future__ import annotations

from typing import Any

import pulumi_policy
import pytest
from pulumi_policy import ResourceValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from common import names
from policy.guardrails import GUARDRAILS
from policy.guardrails.rule import UNKNOWN, Resource, ResourceGuardrail, StackGuardrail, known
from tests.policy.edits import ANY_KEY

RULES = {rule.name: rule for rule in GUARDRAILS}
ACR = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
PULL = "/providers/Microsoft.Authorization/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d"
READ = "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
KEPT = {"enableSoftDelete": True, "enablePurgeProtection": True}
PROBE = {"httpGet": {"path": "/health", "port": 8502}}
DIGEST = f"@sha256:{'0' * 64}"


def group(**container: Any) -> dict[str, Any]:
    made = {
        "name": "sidecar",
        "image": f"registry.azurecr.io/sidecar{DIGEST}",
        "command": ["nginx"],
        "ports": [{"port": 443}],
        "livenessProbe": PROBE,
        "readinessProbe": PROBE,
        "resources": {"requests": {"cpu": 1, "memoryInGB": 1}},
        "volumeMounts": [{"mountPath": "/etc/nginx-sidecar"}],
        **container,
    }
    return {
        "containers": [made],
        "imageRegistryCredentials": [{"server": "registry.azurecr.io", "identity": "id"}],
        "ipAddress": {"ports": [{"port": 443}], "dnsNameLabel": "demo"},
        "tags": {"project": "p", "stack": "s", "environment": "dev"},
    }


def without(props: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in props.items() if name != key}


DAY = 24
LASTING = {"validityPeriodHours": 90 * DAY, "earlyRenewalHours": 30 * DAY}
# Guardrail, properties that pass, properties that do not.
RESOURCES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("registry-without-admin-user", {"adminUserEnabled": False}, {"adminUserEnabled": True}),
    (
        "registry-without-anonymous-pull",
        {"anonymousPullEnabled": False},
        {"anonymousPullEnabled": True},
    ),
    ("images-by-digest", group(), group(image="registry.azurecr.io/sidecar:latest")),
    ("images-from-own-registry", group(), group(image=f"docker.io/nginx{DIGEST}")),
    (
        "images-pulled-by-identity",
        group(),
        {"imageRegistryCredentials": [{"server": "r", "username": "u", "password": "p"}]},
    ),
    ("one-public-port", group(), {"ipAddress": {"ports": [{"port": 443}, {"port": 80}]}}),
    ("tls-required", group(), group(command=["model-server"])),
    ("dns-name-in-certificate", group(), without(group(), "ipAddress")),
    ("probes-everywhere", group(), group(readinessProbe=None)),
    ("within-budget", group(), group(resources={"requests": {"cpu": 8, "memoryInGB": 1}})),
    ("volume-beside-etc-nginx", group(), group(volumeMounts=[{"mountPath": "/etc/nginx/"}])),
    (
        "roles-for-one-thing",
        {"roleDefinitionId": PULL, "scope": ACR},
        {"roleDefinitionId": PULL, "scope": "/subscriptions/s"},
    ),
    (
        "vault-by-roles",
        {"properties": {"enableRbacAuthorization": True}},
        {"properties": {"enableRbacAuthorization": False}},
    ),
    (
        "vault-keeps-what-is-deleted",
        {"properties": KEPT},
        {"properties": {**KEPT, "enablePurgeProtection": False}},
    ),
    ("no-key-in-the-open", {"a": ["text"]}, {"a": [{"b": "-----BEGIN EC " + "PRIVATE KEY-----"}]}),
    (
        "strong-keys",
        {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
        {"algorithm": "ECDSA"},
    ),
    (
        "leaf-for-one-purpose",
        {"allowedUses": ["digital_signature", "client_auth"]},
        {"allowedUses": ["digital_signature"]},
    ),
    (
        "ca-only-signs",
        {"isCaCertificate": True, "allowedUses": ["cert_signing"]},
        {"isCaCertificate": True, "allowedUses": ["cert_signing", "server_auth"]},
    ),
    ("validity-within-limits", LASTING, {**LASTING, "earlyRenewalHours": 90 * DAY}),
    ("tags", group(), {"tags": {"stack": "s"}}),
]
CHECKED_BY_ITS_VOLUME = {"no-ca-key-in-volume", "server-is-no-ca", "nginx-insists"}
CONFIGURED = {"protected-against-deletion", "allowed-locations"}


def resource(rule: ResourceGuardrail, props: dict[str, Any], **options: Any) -> Resource:
    type_ = rule.types[0] if rule.types else "azure-native:any:Thing"
    return Resource(type_, "it", props, **options)


def resource_rule(name: str) -> ResourceGuardrail:
    rule = RULES[name]
    assert isinstance(rule, ResourceGuardrail)
    return rule


@pytest.mark.parametrize(("name", "good", "bad"), RESOURCES, ids=[row[0] for row in RESOURCES])
def test_a_guardrail_finds_what_is_wrong_and_nothing_else(
    name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    rule = resource_rule(name)

    assert rule.findings(resource(rule, good)) == []
    (finding, *_) = rule.findings(resource(rule, bad))
    assert finding.endswith(rule.remedy)


@pytest.mark.parametrize(("name", "good", "bad"), RESOURCES, ids=[row[0] for row in RESOURCES])
def test_what_nobody_knows_yet_is_no_finding(
    name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    rule = resource_rule(name)

    assert rule.findings(resource(rule, dict.fromkeys({**good, **bad}, UNKNOWN))) == []


@pytest.mark.parametrize("name", RULES)
def test_a_guardrail_survives_what_is_missing(name: str) -> None:
    rule = RULES[name]

    if isinstance(rule, ResourceGuardrail):
        rule.findings(resource(rule, {}))
    if isinstance(rule, StackGuardrail):
        assert rule.findings([]) == []


def test_every_guardrail_of_resources_is_looked_at() -> None:
    rows = {name for name, _, _ in RESOURCES} | CHECKED_BY_ITS_VOLUME | CONFIGURED

    assert rows == {name for name, rule in RULES.items() if isinstance(rule, ResourceGuardrail)}


@pytest.mark.parametrize("name", RULES)
def test_a_guardrail_says_what_why_and_what_to_do(name: str) -> None:
    rule = RULES[name]

    assert rule.description.endswith(".")
    assert rule.url.startswith("https://")
    assert not rule.remedy.endswith(".")
    assert isinstance(rule.policy(), pulumi_policy.Policy)


def test_a_guardrails_limits_are_the_environments() -> None:
    rule = resource_rule("within-budget")
    asks = group(resources={"requests": {"cpu": 6, "memoryInGB": 1}})

    assert rule.findings(resource(rule, asks))
    assert rule.findings(resource(rule, asks), {"cpu": 8}) == []
    assert rule.findings(resource(rule, asks), {"cpu": 5})


SECRET = f"{VAULT}/secrets/client-alice"
ONE_THING = [(PULL, ACR), (READ, SECRET), (PULL.upper(), ACR.upper()), (READ.upper(), SECRET)]
MORE = [
    (READ, VAULT, "more than one secret"),
    (READ, ACR, "more than one secret"),
    (READ, "/subscriptions/s/resourceGroups/g", "more than one secret"),
    (READ, f"{SECRET}/versions/1", "more than one secret"),
    (PULL, SECRET, "more than one registry"),
    (PULL, f"{ACR}/scopeMaps/x", "more than one registry"),
    (UNKNOWN, VAULT, "more than one registry or secret"),
    (PULL.replace("7f95", "8f95"), ACR, "another than AcrPull and Key Vault Secrets User"),
    (f"{READ[:-36]}b86a8fe4-44ce-4948-aee5-eccb2c155cd7", UNKNOWN, "another than AcrPull"),
]


@pytest.mark.parametrize(("role", "scope"), ONE_THING)
def test_a_role_may_be_given_for_one_thing(role: str, scope: str) -> None:
    rule = resource_rule("roles-for-one-thing")

    for half in ({"roleDefinitionId": role}, {"scope": scope}):
        assert rule.findings(resource(rule, half)) == []
    assert rule.findings(resource(rule, {"roleDefinitionId": role, "scope": scope})) == []


@pytest.mark.parametrize(("role", "scope", "words"), MORE)
def test_a_role_may_not_be_given_for_more(role: object, scope: object, words: str) -> None:
    rule = resource_rule("roles-for-one-thing")

    (finding,) = rule.findings(resource(rule, {"roleDefinitionId": role, "scope": scope}))
    assert words in finding


@pytest.mark.parametrize("name", ["vault-by-roles", "vault-keeps-what-is-deleted"])
def test_a_vault_that_says_nothing_is_not_safe(name: str) -> None:
    """Azure's own defaults are access policies, and no protection against purging."""
    rule = resource_rule(name)

    assert rule.findings(resource(rule, {"properties": {}}))
    assert rule.findings(resource(rule, {"properties": UNKNOWN})) == []


def test_a_vault_without_soft_delete_keeps_nothing() -> None:
    rule = resource_rule("vault-keeps-what-is-deleted")

    assert rule.findings(resource(rule, {"properties": {**KEPT, "enableSoftDelete": False}})) == [
        f"what is deleted in the vault is gone at once. {rule.remedy}"
    ]


def test_a_key_may_be_a_secrets_value_and_nothing_else_of_it() -> None:
    rule = resource_rule("no-key-in-the-open")

    def findings(type_: str, **props: Any) -> list[str]:
        return rule.findings(Resource(type_, "it", props))

    assert findings(names.VAULT_SECRET, properties={"value": ANY_KEY}) == []
    assert findings(names.VAULT_SECRET, properties={"contentType": ANY_KEY})
    assert findings(names.VAULT_SECRET, tags={"value": ANY_KEY})
    assert findings(names.VAULT, properties={"value": ANY_KEY})


def logs_of(uri: object, **others: Any) -> Resource:
    sends = {"resourceUri": uri, "workspaceId": "w", "logs": [{"enabled": True}], **others}
    return Resource(names.DIAGNOSTICS, "it", sends)


def test_the_logs_of_one_do_not_stand_for_those_of_another() -> None:
    rule = RULES["logs-are-kept"]
    assert isinstance(rule, StackGuardrail)
    group_ = Resource(names.CONTAINER_GROUP, "it", {})
    vault = Resource(names.VAULT, "it", {})
    of_group, of_vault = logs_of("/x/containerGroups/g"), logs_of("/x/vaults/v")

    assert rule.findings([group_, vault, of_group, of_vault]) == []
    assert rule.findings([group_, logs_of(UNKNOWN)]) == []
    (finding,) = rule.findings([group_, vault, of_group, of_group])
    assert finding.startswith("the key vault's logs go nowhere. ")
    for nothing in (
        logs_of("/x/other/g"),
        logs_of("/x/containerGroups/g", workspaceId=None),
        logs_of("/x/containerGroups/g", logs=[]),
        logs_of("/x/containerGroups/g", logs=[{"enabled": False}]),
    ):
        (finding,) = rule.findings([group_, nothing])
        assert finding.startswith("the container group's logs go nowhere. ")


def test_protection_and_places_are_asked_for() -> None:
    protect, places = (
        resource_rule("protected-against-deletion"),
        resource_rule("allowed-locations"),
    )

    assert protect.findings(resource(protect, {})) == []
    assert protect.findings(resource(protect, {}), {"protect": True})
    assert protect.findings(resource(protect, {}, protected=True), {"protect": True}) == []
    assert places.findings(resource(places, {"location": "eastus"})) == []
    assert places.findings(resource(places, {"location": "East US"}), {"allowed": ["westeurope"]})
    assert not places.findings(
        resource(places, {"location": "West Europe"}), {"allowed": ["westeurope"]}
    )
    provider = Resource("pulumi:providers:azure-native", "default", {"location": "eastus"})
    assert places.findings(provider, {"allowed": ["westeurope"]}) == []


@pytest.mark.parametrize("type_", [names.SELF_SIGNED_CERT, names.LOCALLY_SIGNED_CERT])
def test_the_end_of_a_certificate_is_looked_at_when_it_is_known(type_: str) -> None:
    rule = RULES["not-about-to-end"]
    assert isinstance(rule, StackGuardrail)

    def ending(end: object) -> list[str]:
        return rule.findings([Resource(type_, "it", {"validityEndTime": end})])

    assert ending("2999-01-01T00:00:00Z") == []
    assert ending(UNKNOWN) == []
    assert ending("2026-01-01T00:00:00Z")[0].startswith("it ends in -")


def test_keys_are_in_one_output_only() -> None:
    rule = RULES["no-key-in-outputs"]
    assert isinstance(rule, StackGuardrail)
    outputs = {"clientCertificates": {"alice": ANY_KEY}, "endpoint": {"key": UNKNOWN}}
    stack = Resource(names.STACK, "it", outputs)

    assert rule.findings([stack]) == []
    (finding,) = rule.findings([stack], {"except": []})
    assert finding.startswith("there is a private key in the output clientCertificates.alice. ")
    assert rule.findings([Resource("a:b:C", "it", {"key": ANY_KEY})]) == []


def test_values_are_copied_without_touching_what_is_unknown() -> None:
    given = {"a": UNKNOWN_STRING_VALUE, "b": [{"c": 1, "d": UNKNOWN_STRING_VALUE}], "e": None}
    proxy = unknown_checking_proxy(given)

    with pytest.raises(UnknownValueError):
        proxy["a"]
    assert known(proxy) == {"a": UNKNOWN, "b": [{"c": 1, "d": UNKNOWN}], "e": None}


@pytest.mark.parametrize(
    "type_",
    [
        names.REGISTRY,
        # Of another API version: by `pulumi package add`, and by the SDK's modules of version 2.
        "azure-native_containerregistry_v20251101:containerregistry:Registry",
        "azure-native:containerregistry/v20251101:Registry",
    ],
)
def test_the_engine_is_told_in_the_words_of_the_guardrail(type_: str) -> None:
    said: list[str] = []
    rule = resource_rule("registry-without-admin-user")
    policy = rule.policy()
    assert isinstance(policy, pulumi_policy.ResourceValidationPolicy)
    args = ResourceValidationArgs(
        type_,
        {"adminUserEnabled": True},
        "urn:x",
        "x",
        pulumi_policy.PolicyResourceOptions(
            protect=False,
            ignore_changes=[],
            delete_before_replace=None,
            aliases=[],
            custom_timeouts=pulumi_policy.PolicyCustomTimeouts(0, 0, 0),
            additional_secret_outputs=[],
        ),
        None,
    )

    def report(message: str, urn: str | None = None) -> None:
        said.append(message)

    policy.validate(args, report)

    assert said == rule.findings(Resource(names.REGISTRY, "x", {"adminUserEnabled": True}))
    assert said
