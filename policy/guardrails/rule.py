"""What a guardrail is, and how it looks at values that nobody knows yet.

The engine skips a rule that touches an unknown value, and lets the deployment go on. So no check
touches one: values are copied first, with UNKNOWN where nothing is known, and each check says what
it makes of that. Policies get secrets in clear; no finding repeats a value that may be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Required, TypedDict, Unpack

import pulumi_policy

Severity = Literal["low", "medium", "high", "critical"]
Config = Mapping[str, Any]
Props = Mapping[str, Any]


class _Unknown:
    """Stands for a value that is known only after the deployment."""

    def __repr__(self) -> str:
        return "(unknown)"

    def __bool__(self) -> bool:
        return False


UNKNOWN = _Unknown()

# When a guardrail first sees a defect. Before, what it looks at is unknown, and that is no finding.
FIRST_PREVIEW = "Holds from the preview of a first deployment on"
FIRST_UP = "Unknown in the preview of a first deployment: its up stops before the resource is made"
AFTERWARDS = "Unknown until everything is made: then the deployment fails"


@dataclass(frozen=True)
class Resource:
    """One resource, with plain values."""

    type: str
    """As in common/names.py, whatever the API version."""
    name: str
    props: Props
    protected: bool = False


ResourceCheck = Callable[[Resource, Config], Iterator[str]]
StackCheck = Callable[[Sequence[Resource], Config], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """A rule with its reason; each sentence that `check` yields is a finding."""

    name: str
    description: str
    """What has to be so."""
    severity: Severity
    remedy: str
    """What to do about a finding."""
    url: str
    """Why."""
    seen: str = FIRST_PREVIEW
    """From when on."""
    advisory: bool = False
    """Whether it only advises, unless configured otherwise."""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """JSON schema of what `policy/config/<environment>.json` may set, with defaults."""

    def _common(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": f"{self.description} {self.seen}.",
            "severity": pulumi_policy.Severity(self.severity),
            "remediation_steps": self.remedy,
            "url": self.url,
            "enforcement_level": pulumi_policy.EnforcementLevel.ADVISORY if self.advisory else None,
            "config_schema": pulumi_policy.PolicyConfigSchema(
                properties={key: dict(schema) for key, schema in self.config.items()}
            ),
        }

    def settings(self, given: Config | None) -> dict[str, Any]:
        """What is configured, with defaults for the rest."""
        defaults = {key: schema.get("default") for key, schema in self.config.items()}
        return {**defaults, **(given or {})}

    def policy(self) -> pulumi_policy.Policy:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ResourceGuardrail(Guardrail):
    """Holds before a resource is created or changed: a finding stops the deployment."""

    types: Sequence[str]
    """What it looks at; all resources if empty."""
    check: ResourceCheck

    def findings(self, resource: Resource, given: Config | None = None) -> list[str]:
        """What is wrong, each with what to do about it."""
        if self.types and resource.type not in self.types:
            return []
        found = self.check(resource, self.settings(given))
        return [f"{finding}. {self.remedy}" for finding in found]

    def policy(self) -> pulumi_policy.Policy:
        def validate(
            args: pulumi_policy.ResourceValidationArgs, report: pulumi_policy.ReportViolation
        ) -> None:
            resource = _resource(args)
            for finding in self.findings(resource, known(args.get_config())):
                report(finding, None)

        return pulumi_policy.ResourceValidationPolicy(validate=validate, **self._common())


@dataclass(frozen=True, kw_only=True)
class StackGuardrail(Guardrail):
    """Holds between resources: looks when everything is there, and fails the deployment."""

    check: StackCheck

    def findings(self, resources: Sequence[Resource], given: Config | None = None) -> list[str]:
        """What is wrong, each with what to do about it."""
        return [
            f"{finding}. {self.remedy}" for finding in self.check(resources, self.settings(given))
        ]

    def policy(self) -> pulumi_policy.Policy:
        def validate(
            args: pulumi_policy.StackValidationArgs, report: pulumi_policy.ReportViolation
        ) -> None:
            resources = [_resource(r) for r in args.resources]
            for finding in self.findings(resources, known(args.get_config())):
                report(finding, None)

        return pulumi_policy.StackValidationPolicy(validate=validate, **self._common())


def _resource(
    given: pulumi_policy.ResourceValidationArgs | pulumi_policy.PolicyResource,
) -> Resource:
    # `pulumi package add azure-native containerinstance 2025-09-01` puts the version into the
    # package's name, the SDK's older modules have it in theirs.
    token = re.sub(
        r"^azure-native(?:_\w+)?:(\w+)(?:/v\w+)?:", r"azure-native:\1:", given.resource_type
    )
    return Resource(token, given.name, known(given.props), bool(given.opts.protect))


class About(TypedDict, total=False):
    """What is said of a guardrail beside its name and its check; see Guardrail."""

    severity: Required[Severity]
    remedy: Required[str]
    url: Required[str]
    seen: str
    advisory: bool
    config: Mapping[str, Mapping[str, Any]]


GUARDRAILS: list[Guardrail] = []
"""All that were declared."""


def of_resource(
    name: str, *types: str, **about: Unpack[About]
) -> Callable[[ResourceCheck], ResourceCheck]:
    """Declare the guardrail that a check of one resource is; its docstring says what has to be so.

    Args:
        name: as configured and reported.
        types: of resources that it looks at; all of them unless given.
        about: see Guardrail.
    """

    def declared(check: ResourceCheck) -> ResourceCheck:
        GUARDRAILS.append(
            ResourceGuardrail(
                name=name, types=types, check=check, description=_description(check), **about
            )
        )
        return check

    return declared


def of_stack(name: str, **about: Unpack[About]) -> Callable[[StackCheck], StackCheck]:
    """Declare the guardrail that a check of all resources is, in the same way."""

    def declared(check: StackCheck) -> StackCheck:
        GUARDRAILS.append(
            StackGuardrail(name=name, check=check, description=_description(check), **about)
        )
        return check

    return declared


def _description(check: Callable[..., object]) -> str:
    return " ".join((check.__doc__ or "").split())


def known(value: Any) -> Any:
    """A copy of what is known; UNKNOWN stands for everything else."""
    if isinstance(value, Mapping):
        return {key: _at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_at(value, index) for index in range(len(value))]
    return value


def _at(container: Any, key: Any) -> Any:
    try:
        return known(container[key])
    except pulumi_policy.proxy.UnknownValueError:
        return UNKNOWN


def each(value: Any) -> list[Any]:
    """The items of a list; none where there is no list, or nobody knows it."""
    return list(value) if isinstance(value, list) else []


def at(value: Any, *path: str) -> Any:
    """What is under a path of keys; None where it ends early, UNKNOWN where nobody knows."""
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
