"""Who may call, with which certificates, how much, and who may fetch the bundle."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from program.settings.refusals import HERE, Rule, Section, refusal
from program.settings.values import ClientName, Generation, Whole, repeated

GENERATIONS = "a list of different whole numbers from 1, at least one"
PATHS = "a list of paths of the model, as they stand in the request, at least one"
PATH = "/v1/models/demo:predict"
READERS = "a list of object ids of service principals and managed identities"
GROUPS = "a list of object ids of groups"

ObjectId = Annotated[
    str,
    Field(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
    # As Azure answers it: another spelling would be a change at every refresh.
    AfterValidator(str.lower),
]


def _looked_up(kind: str, option: str) -> Rule:
    asked = f"$(az ad {kind} show --{option} --query id --output tsv)"
    return Rule(
        "an object id of Microsoft Entra (a GUID; an application's own id is another)",
        typed=f"pulumi config set --path '{HERE}' \"{asked}\"",
    )


_Application = Annotated[ObjectId, _looked_up("sp", "id '<application id>'")]
_Group = Annotated[ObjectId, _looked_up("group", "group '<name>'")]


class Client(Section):
    """Someone who may call the endpoint."""

    name: ClientName
    """The certificate's common name, and who it is in logs and outputs."""
    generations: Annotated[tuple[Generation, ...], Rule(GENERATIONS, [1])] = (1,)
    """Each has a key and a certificate of its own; all are let in."""
    paths: Annotated[
        tuple[str, ...] | None,
        Rule(PATHS, [PATH]),
    ] = None
    """Where this client may go; everywhere unless given."""
    requests_per_second: Annotated[int, Whole(1, 10_000, unit="requests", example=10)] | None = None
    """How many are answered in a second, on average; as many as come unless given."""
    burst: Annotated[int, Whole(1, 100_000, unit="requests", example=20)] | None = None
    """How many may come at once before the rate counts; as many as in a second unless given."""
    max_connections: Annotated[int, Whole(1, 10_000, unit="connections", example=4)] | None = None
    """With a request under way at the same time; what the sidecar's memory allows is the end."""
    readers: Annotated[tuple[_Application, ...], Rule(READERS, ["<object id>"])] = ()
    """Applications that may fetch this client's bundle from the key vault."""
    reader_groups: Annotated[tuple[_Group, ...], Rule(GROUPS, ["<object id>"])] = ()
    """Groups that may: Azure has to be told which of the two somebody is."""

    @property
    def has_readers(self) -> bool:
        """Whether the bundle is in the key vault at all."""
        return bool(self.readers or self.reader_groups)

    @property
    def generation(self) -> int:
        """The newest."""
        return max(self.generations)

    @model_validator(mode="after")
    def _lists_are_not_empty(self) -> Self:
        """Here, because pydantic counts no items that were refused."""
        for key, items, allowed, example in (
            ("generations", self.generations, GENERATIONS, 1),
            ("paths", self.paths, PATHS, PATH),
        ):
            if items == ():
                typed = f"pulumi config set --path '{HERE}.{key}[0]' {example}"
                raise refusal(f"{HERE}.{key}", [], allowed, typed)
        return self

    @model_validator(mode="after")
    def _generations_differ(self) -> Self:
        if (again := repeated(self.generations)) is not None:
            raise refusal(
                f"{HERE}.generations",
                list(self.generations),
                GENERATIONS,
                f"pulumi config rm --path '{HERE}.generations[{again}]'",
            )
        return self

    @model_validator(mode="after")
    def _paths_differ(self) -> Self:
        if self.paths and (again := repeated(self.paths)) is not None:
            raise refusal(
                f"{HERE}.paths",
                list(self.paths),
                "each path once",
                f"pulumi config rm --path '{HERE}.paths[{again}]'",
            )
        return self

    @model_validator(mode="after")
    def _burst_belongs_to_a_rate(self) -> Self:
        if self.burst is not None and self.requests_per_second is None:
            raise refusal(
                f"{HERE}.burst",
                self.burst,
                "a number only beside requestsPerSecond, whose peaks it lets through",
                f"pulumi config set --path '{HERE}.requestsPerSecond' 10",
            )
        return self

    @model_validator(mode="after")
    def _readers_differ(self) -> Self:
        everybody = [*self.readers, *self.reader_groups]
        if (again := repeated(everybody)) is not None:
            key, at = ("readers", again)
            if again >= len(self.readers):
                key, at = ("readerGroups", again - len(self.readers))
            raise refusal(
                f"{HERE}.{key}[{at}]",
                everybody[again],
                "each object id once, in readers or in readerGroups",
                f"pulumi config rm --path '{HERE}.{key}[{at}]'",
            )
        return self

    @model_validator(mode="after")
    def _name_can_be_a_secrets(self) -> Self:
        """Here, because only a client with readers has a secret in the key vault.

        https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault
        """
        if self.has_readers and not re.fullmatch(r"[a-z0-9-]+", self.name):
            other = re.sub(r"[^a-z0-9]", "-", self.name)
            raise refusal(
                f"{HERE}.name",
                self.name,
                "letters, digits and '-' alone for a client with readers (it becomes the name of "
                "a secret in the key vault)",
                f"pulumi config set --path '{HERE}.name' {other}",
            )
        return self
