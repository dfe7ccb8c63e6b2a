"""The stack file, checked: the only reader of `pulumi.Config`.

Every value is checked here, before the first resource is registered, so that nothing is ever
half made because of a typing mistake. A refused value is reported with its key, what was given,
what is allowed and the command that sets a good one; all refusals are reported together.

Limits of Azure Container Instances and naming rules are Microsoft's:
https://learn.microsoft.com/azure/container-instances/container-instances-resource-and-quota-limits
https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

import pulumi
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from common.names import LOCATION, PROJECT
from common.routes import routes
from common.stack_file import Environment
from program.settings import model_folder, regions, sizes
from program.settings import tags as tags_of_azure
from program.settings.certificates import Certificates
from program.settings.clients import Client
from program.settings.model_image import ModelImage
from program.settings.refusals import Rule, Section, refusal, sentences
from program.settings.server_names import ServerNames
from program.settings.sizes import GroupResources
from program.settings.stack_config import (
    SettingsError,
    keys_in_the_open,
    parse,
    require_readers,
    require_yaml,
    said_once,
)
from program.settings.values import PORT, Port, Whole


class StackSettings(Section):
    """Everything a stack file says."""

    location: Annotated[
        str,
        Field(alias=LOCATION),
        AfterValidator(regions.checked),
        Rule(regions.ALLOWED, regions.EXAMPLE),
    ]
    """A region's programmatic name or its display name: `westeurope` or `West Europe`."""
    # A mistake is answered with what protects most, and never with less than was meant.
    environment: Annotated[Environment, Rule("one of dev, test, prod", "prod")] = "dev"
    """`prod` protects the resource group, the registry and the CA's key."""
    tls: Literal["mtls", "none"] = "mtls"
    """`none` is plain HTTP for throw-away trials, refused in `prod`."""
    model_name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$"),
        Rule("1 to 48 letters, digits, '_' or '-' (it is part of the URL)", "demo"),
    ]
    """The model's name, as in `/v1/models/<modelName>:predict`."""
    model_image: ModelImage = ModelImage()
    """Built from a folder of this project, or a copy of a prebuilt one."""
    model_port: Annotated[Port, Rule(PORT, 8501)] = 8501
    """Where the model server listens; published only with `tls: none`."""
    endpoint_port: Annotated[Port, Rule(PORT, 443)] = 443
    """The published port."""
    health_port: Annotated[Port, Rule(PORT, 8502)] = 8502
    """The sidecar's, for probes; never published."""
    dns_label: Annotated[
        str,
        Field(pattern=r"^[a-z]([a-z0-9-]{0,54}[a-z0-9])?$"),
        Rule(
            "1 to 56 lower-case letters, digits or '-', beginning with a letter and not ending "
            "with '-' (seven more characters make it unique; Azure takes 63)",
            "model-dev",
        ),
    ]
    """The beginning of the endpoint's name; six random characters and the region follow."""
    dns_label_scope: Annotated[
        Literal["Unsecure", "TenantReuse"],
        Rule("one of Unsecure, TenantReuse", "TenantReuse"),
    ] = "Unsecure"
    """`TenantReuse`: nobody outside of your tenant can take the endpoint's name when it is gone.
    Azure puts a hash into the name then, so the certificate holds `serverNames` only. Another
    scope is another name and replaces the group."""
    server_names: ServerNames = ()
    """Names of your own (CNAME to the endpoint's, the output `endpoint.fqdn`), in the server
    certificate; the first is what clients are told to use."""
    resources: GroupResources = GroupResources()
    """CPU and memory of the two containers of the group."""
    max_request_body_in_mb: Annotated[
        int, Field(alias="maxRequestBodyInMB"), Whole(1, 64, unit="MB", example=8)
    ] = 8
    """The largest request body. Beyond 1 MB the sidecar keeps it on its disk until it is whole;
    the model server needs 52 MB to parse each, so the default memory has room for 23."""
    clients: Annotated[tuple[Client, ...], Rule("a list of {name: ...}", [{"name": "billing"}])]
    """Who may call; at least one with `mtls`. Taking one out revokes its certificates."""
    certificates: Certificates = Certificates()
    """How certificates are made, renewed and replaced, and which CAs count."""
    registry_sku: Literal["Basic", "Standard", "Premium"] = "Basic"
    """Of the container registry."""
    role_propagation_minutes: Annotated[int, Whole(0, 30, unit="minutes", example=3)] = 3
    """How old the permission to pull images has to be before the group is made: Azure takes
    minutes to know of it, and the run that makes it waits for the rest."""
    log_retention_days: Annotated[int, Whole(30, 730, unit="days", example=30)] = 30
    """How long the workspace keeps logs."""
    tags: Annotated[
        dict[
            Annotated[str, Field(max_length=512, pattern=r"^[^<>%&\\?/]+$")],
            Annotated[str, Field(max_length=256)],
        ],
        Field(max_length=40),
        AfterValidator(tags_of_azure.checked),
        Rule(
            "at most 40 tags; names of up to 512 characters without <>%&\\?/, texts of up to 256 "
            "(numbers in quotes)",
            {},
        ),
    ] = {}
    """On every resource, beside `project`, `stack` and `environment`."""

    @classmethod
    def load(cls) -> Self:
        """Read and check this stack's config.

        Raises:
            SettingsError: with one sentence for each value that cannot be deployed.
        """
        project = pulumi.get_project()
        config = {**pulumi.runtime.config.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
        readable = said_once()
        require_yaml(readable, [str(field.alias) for field in cls.model_fields.values()])
        require_readers(config, [str(field.alias) for field in cls.model_fields.values()])
        given = {
            key.removeprefix(f"{project}:"): parse(value)
            for key, value in config.items()
            if key.startswith(f"{project}:") or key == LOCATION
        }
        refused = []
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            refused = sentences(cls, error.errors(), given)
        for key, told in keys_in_the_open(cls, config, readable):
            if not any(other.startswith(f"{key}: ") for other in refused):
                refused.append(told)
        if refused:
            raise SettingsError(*refused)
        return settings

    @property
    def all_tags(self) -> dict[str, str]:
        """The stack file's tags, and where a resource comes from."""
        return {
            **self.tags,
            "project": pulumi.get_project(),
            "stack": pulumi.get_stack(),
            "environment": self.environment,
        }

    @property
    def label_is_hashed(self) -> bool:
        """Whether Azure puts a hash behind the label, unknown before the group exists."""
        return self.dns_label_scope != "Unsecure"

    @property
    def region(self) -> str:
        """The region's programmatic name, as it stands in a FQDN: `westeurope`."""
        return regions.programmatic(self.location)

    def _ports_are_distinct(self) -> Iterator[PydanticCustomError]:
        ports = {
            "modelPort": self.model_port,
            "endpointPort": self.endpoint_port,
            "healthPort": self.health_port,
        }
        free_ports = (port for port in range(8501, 8600) if port not in ports.values())
        taken: dict[int, str] = {}
        for key, port in ports.items():
            if port in taken:
                yield refusal(
                    key,
                    port,
                    f"a port that no other key uses ({taken[port]} has it: the containers of a "
                    "group share their ports)",
                    f"pulumi config set {key} {next(free_ports)}",
                )
            taken[port] = key

    def _names_are_unique(self) -> Iterator[PydanticCustomError]:
        yield from _no_duplicates("clients", self.clients)
        yield from _no_duplicates("serverNames", self.server_names)

    def _a_certificate_can_name_it(self) -> Iterator[PydanticCustomError]:
        if self.label_is_hashed and not self.server_names:
            yield refusal(
                "dnsLabelScope",
                self.dns_label_scope,
                "Unsecure where there are no serverNames (Azure's name has a hash in it then, so "
                "the server certificate cannot hold it)",
                "pulumi config set --path 'serverNames[0]' model.example.com",
            )

    def _paths_are_the_models(self) -> Iterator[PydanticCustomError]:
        paths = "|".join(routes(self.model_name).values())
        one, version = f"models/{self.model_name}", "[/versions/<number>]"
        for index, client in enumerate(self.clients):
            for position, path in enumerate(client.paths or ()):
                if not re.fullmatch(paths, path):
                    key = f"clients[{index}].paths[{position}]"
                    yield refusal(
                        key,
                        path,
                        f"/openapi.json, /v1/{one}{version} with nothing, :predict or /metadata "
                        f"behind it, /v2/{one}{version} with nothing, /infer or /ready, /v2, or "
                        "/v2/health/live or /ready",
                        f"pulumi config set --path '{key}' /v1/{one}:predict",
                    )

    def _sizes_fit(self) -> Iterable[PydanticCustomError]:
        return sizes.refusals(
            self.resources,
            has_sidecar=self.tls == "mtls",
            largest_body_in_mb=None if self.model_image.ref else self.max_request_body_in_mb,
        )

    def _production_is_never_without_tls(self) -> Iterator[PydanticCustomError]:
        if self.environment == "prod" and self.tls == "none":
            yield refusal(
                "tls",
                "none",
                "mtls when environment is prod (plain HTTP is for throw-away trials)",
                "pulumi config set tls mtls",
            )

    def _somebody_may_call(self) -> Iterator[PydanticCustomError]:
        if not self.clients and self.tls == "mtls":
            yield refusal(
                "clients",
                [],
                "at least one client (without one nobody can call; to take it all down, destroy "
                "the stack)",
                "pulumi config set --path 'clients[0].name' billing",
            )

    def _without_tls_there_is_nothing_to_read(self) -> Iterator[PydanticCustomError]:
        for index, client in enumerate(self.clients):
            for key, readers in (
                ("readers", client.readers),
                ("readerGroups", client.reader_groups),
            ):
                if readers and self.tls == "none":
                    yield refusal(
                        f"clients[{index}].{key}",
                        list(readers),
                        "nothing when tls is none (clients have no certificates then)",
                        "pulumi config set tls mtls",
                    )

    def _model_can_be_built(self) -> Iterator[PydanticCustomError]:
        if self.model_image.ref is not None:
            return
        try:
            model_folder.check(PROJECT, self.model_image)
        except PydanticCustomError as refused:
            yield refused

    @model_validator(mode="after")
    def _all_fit_together(self) -> Self:
        """Refuse what is wrong only beside other values: all of it, not the first."""
        checks = (
            self._ports_are_distinct,
            self._names_are_unique,
            self._a_certificate_can_name_it,
            self._paths_are_the_models,
            self._sizes_fit,
            self._production_is_never_without_tls,
            self._somebody_may_call,
            self._without_tls_there_is_nothing_to_read,
            self._model_can_be_built,
        )
        errors = [
            InitErrorDetails(type=refused, input=None) for check in checks for refused in check()
        ]
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self


def _no_duplicates(key: str, items: Iterable[str | Client]) -> Iterator[PydanticCustomError]:
    """One at a time: taking it out renumbers those behind it."""
    seen: dict[str, str | Client] = {}
    for index, item in enumerate(items):
        name = item if isinstance(item, str) else item.name
        if name in seen:
            path = f"{key}[{index}]"
            typed = f"pulumi config rm --path '{path}'"
            if item != seen[name]:  # somebody else, or what both say belongs together
                other = f"{name[:62]}-2"
                typed = f"pulumi config set --path '{path}.name' {other}"
            yield refusal(path, name, "each name once", typed)
            return
        seen[name] = item
