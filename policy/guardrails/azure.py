"""Registry, images, containers, network: what is asked of Azure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from common.names import CERT_REQUEST, CONTAINER_GROUP, REGISTRY
from policy.guardrails.rule import (
    AFTERWARDS,
    FIRST_UP,
    UNKNOWN,
    Config,
    Resource,
    at,
    each,
    of_resource,
    of_stack,
)

LEARN = "https://learn.microsoft.com/azure/"


@of_resource(
    "registry-without-admin-user",
    REGISTRY,
    severity="high",
    remedy="Leave adminUserEnabled off, and pull with the group's identity",
    url=f"{LEARN}container-registry/container-registry-authentication#admin-account",
)
def _no_admin(registry: Resource, _: Config) -> Iterator[str]:
    """The registry's admin user is off."""
    if registry.props.get("adminUserEnabled"):
        yield "the registry's admin user is on: one password for everybody"


@of_resource(
    "registry-without-anonymous-pull",
    REGISTRY,
    severity="high",
    remedy="Leave anonymousPullEnabled off",
    url=f"{LEARN}container-registry/anonymous-pull-access",
)
def _no_anonymous_pull(registry: Resource, _: Config) -> Iterator[str]:
    """Nobody pulls images without saying who they are."""
    if registry.props.get("anonymousPullEnabled"):
        yield "everybody may pull the registry's images"


def _containers(group: Resource) -> list[Any]:
    """Those that run before the others, too."""
    return [c for key in ("initContainers", "containers") for c in each(group.props.get(key))]


@of_resource(
    "images-by-digest",
    CONTAINER_GROUP,
    severity="high",
    remedy="Name it as registry/repository@sha256:<64 hex digits>",
    url=f"{LEARN}container-registry/container-registry-image-tag-version",
)
def _by_digest(group: Resource, _: Config) -> Iterator[str]:
    """Images are named by digest."""
    for container in _containers(group):
        image = container.get("image")
        if isinstance(image, str) and "@sha256:" not in image:
            yield f"container {container.get('name')}: its image has no digest, and can change"


@of_resource(
    "images-from-own-registry",
    CONTAINER_GROUP,
    severity="medium",
    remedy="Build it into the stack's registry, or add its registry to the rule's `allowed`",
    url=f"{LEARN}container-registry/container-registry-best-practices",
    seen=FIRST_UP,
    config={"allowed": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def _own_registry(group: Resource, config: Config) -> Iterator[str]:
    """Images come from the stack's registry."""
    servers = [at(c, "server") for c in each(group.props.get("imageRegistryCredentials"))]
    if UNKNOWN in servers:
        return
    allowed = [*servers, *config["allowed"]]
    for container in _containers(group):
        image = container.get("image")
        if isinstance(image, str) and image.partition("/")[0] not in allowed:
            yield f"container {container.get('name')}: its image is from another registry"


@of_resource(
    "images-pulled-by-identity",
    CONTAINER_GROUP,
    severity="high",
    remedy="Name a user-assigned identity in imageRegistryCredentials",
    url=f"{LEARN}container-instances/using-azure-container-registry-mi",
)
def _no_password(group: Resource, _: Config) -> Iterator[str]:
    """Images are pulled with an identity, not with a password."""
    for credential in each(group.props.get("imageRegistryCredentials")):
        if "password" in credential or "identity" not in credential:
            yield "images are pulled with a password"


@of_resource(
    "one-public-port",
    CONTAINER_GROUP,
    severity="critical",
    remedy="Publish the sidecar's endpoint port only",
    url=f"{LEARN}container-instances/container-instances-container-groups#networking",
)
def _one_public_port(group: Resource, _: Config) -> Iterator[str]:
    """The endpoint's port is public, and nothing else."""
    ports = each(at(group.props, "ipAddress", "ports"))
    numbers = [n for port in ports if isinstance(n := at(port, "port"), int | float)]
    if len(numbers) > 1:
        yield f"ports {', '.join(f'{n:g}' for n in numbers)} are public, and one is enough"
    probed = [
        at(container, probe, "httpGet", "port")
        for container in each(group.props.get("containers"))
        for probe in ("livenessProbe", "readinessProbe")
    ]
    # The sidecar's health port takes no certificate.
    for number in numbers:
        if number in probed and has_sidecar(group):
            yield f"port {number:g} is for the platform's probes, and public"


def has_sidecar(group: Resource) -> bool:
    return any(_is_sidecar(c) for c in each(group.props.get("containers")))


def _is_sidecar(container: object) -> bool:
    command = each(at(container, "command"))
    return bool(command) and str(command[0]).endswith(("nginx", "start-sidecar"))


@of_resource(
    "tls-required",
    CONTAINER_GROUP,
    severity="critical",
    remedy="Type: pulumi config set tls mtls",
    url="https://www.rfc-editor.org/rfc/rfc9325",
)
def _tls(group: Resource, _: Config) -> Iterator[str]:
    """What is public speaks TLS."""
    public = {at(port, "port") for port in each(at(group.props, "ipAddress", "ports"))}
    claimed = set()
    for container in each(group.props.get("containers")):
        ports = container.get("ports")
        mine = {UNKNOWN} if ports is UNKNOWN else {at(port, "port") for port in each(ports)}
        claimed |= mine
        if public & (mine - {UNKNOWN}) and not _is_sidecar(container):
            yield f"container {container.get('name')} is reached from outside without TLS"
    # What listens there answers all the same: containers of a group share their ports.
    if UNKNOWN not in claimed and group.props.get("containers") is not UNKNOWN:
        for number in public - claimed - {UNKNOWN}:
            yield f"port {number:g} is public, and no container says that it is its"


@of_resource(
    "dns-name-in-certificate",
    CONTAINER_GROUP,
    severity="medium",
    remedy="Set a DNS label",
    url=f"{LEARN}container-instances/how-to-reuse-dns-names",
)
def _named(group: Resource, _: Config) -> Iterator[str]:
    """The group has a DNS name."""
    address = group.props.get("ipAddress")
    if at(address, "dnsNameLabel") in (None, ""):
        yield "the group has no DNS name, and its address changes"


@of_resource(
    "probes-everywhere",
    CONTAINER_GROUP,
    severity="medium",
    remedy="Give it both probes",
    url=f"{LEARN}container-instances/container-instances-liveness-probe",
)
def _probes(group: Resource, _: Config) -> Iterator[str]:
    """Every container has a liveness and a readiness probe."""
    for container in each(group.props.get("containers")):
        for probe in ("livenessProbe", "readinessProbe"):
            if container.get(probe) in (None, {}):
                yield f"container {container.get('name')} has no {probe}"


@of_resource(
    "within-budget",
    CONTAINER_GROUP,
    severity="low",
    remedy="Lower resources in the stack file, or raise the rule's cpu and memoryInGB",
    url=f"{LEARN}container-instances/container-instances-resource-and-quota-limits",
    config={
        "cpu": {"type": "number", "default": 4},
        "memoryInGB": {"type": "number", "default": 16},
    },
)
def _budget(group: Resource, config: Config) -> Iterator[str]:
    """The containers ask for no more than the environment has."""
    for key, unit in (("cpu", "CPU"), ("memoryInGB", "GB")):
        asked = [
            at(container, "resources", "requests", key)
            for container in each(group.props.get("containers"))
        ]
        total = sum(number for number in asked if isinstance(number, int | float))
        if total > config[key]:
            yield f"the containers ask for {total:g} {unit}; this environment has {config[key]:g}"


@of_resource(
    "volume-beside-etc-nginx",
    CONTAINER_GROUP,
    severity="medium",
    remedy="Mount it on a folder of its own",
    url=f"{LEARN}container-instances/container-instances-volume-secret",
)
def _mounts(group: Resource, _: Config) -> Iterator[str]:
    """No volume is mounted over /etc/nginx."""
    for container in each(group.props.get("containers")):
        for mount in each(container.get("volumeMounts")):
            path = at(mount, "mountPath")
            if isinstance(path, str) and _is_over(path, "/etc/nginx"):
                yield f"container {container.get('name')}: a volume hides what is in /etc/nginx"


def _is_over(path: str, folder: str) -> bool:
    """Whether what is mounted there hides the folder."""
    return PurePosixPath(folder).is_relative_to(PurePosixPath("/", normpath(path)))


@of_stack(
    "registry-is-the-stacks",
    severity="medium",
    remedy="Give the group the credentials of the stack's own registry",
    url=f"{LEARN}container-registry/container-registry-best-practices",
    seen=AFTERWARDS,
)
def _own_credentials(resources: Sequence[Resource], config: Config) -> Iterator[str]:
    """Images are pulled from the registry that the stack has made."""
    own = {r.props.get("loginServer") for r in resources if r.type == REGISTRY}
    for group in (r for r in resources if r.type == CONTAINER_GROUP):
        for credential in each(group.props.get("imageRegistryCredentials")):
            server = at(credential, "server")
            if isinstance(server, str) and UNKNOWN not in own and server not in own:
                yield f"{group.name} pulls from {server}, which is no registry of this stack"


@of_stack(
    "certificate-without-a-hash",
    severity="medium",
    remedy="Give the stack serverNames, or the DNS label the scope Unsecure",
    url=f"{LEARN}container-instances/how-to-reuse-dns-names",
    seen=AFTERWARDS,
)
def _hashed(resources: Sequence[Resource], _: Config) -> Iterator[str]:
    """Where Azure puts a hash into the group's name, the endpoint has another name."""
    requests = [r for r in resources if r.type == CERT_REQUEST]
    names = [name for request in requests for name in each(request.props.get("dnsNames"))]
    if not names or not all(str(name).endswith(".azurecontainer.io") for name in names):
        return
    for group in (r for r in resources if r.type == CONTAINER_GROUP):
        scope = at(group.props.get("ipAddress"), "autoGeneratedDomainNameLabelScope")
        if scope not in (None, UNKNOWN, "Unsecure"):
            yield f"the DNS label's scope is {scope}: its hash is in no server certificate"
