"""The engine's plan as typed values: from `pulumi preview --json`, or from the engine's events.

Owns what is understood of these two formats and nothing of what it means. Values of properties are
kept for those who compute with them (cost, validity) and are never printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from common.names import COMPONENTS, PROJECT_NAME, STACK
from common.refusal import Refusal, shown

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that it learns only when deploying."""

# All that the engine does, as of version 3.259: of what else a step may be, nothing is understood.
_OPS = frozenset(
    [
        "same",
        "create",
        "update",
        "replace",
        "delete",
        "import",
        "read",
        "refresh",
        "diff",
        "discard",
        "create-replacement",
        "delete-replaced",
        "discard-replaced",
        "import-replacement",
        "read-replacement",
        "remove-pending-replace",
        "extend-parameterize",
    ]
)
_NOT_SHOWN = (STACK, "pulumi:providers:", COMPONENTS)
# A replacement is up to three events, of which `replace` names it; one step in the JSON.
_PARTS_OF_A_REPLACEMENT = ("create-replacement", "delete-replaced", "discard-replaced")
MAKE_ONE = "make it with `pulumi preview --json --show-sames`"


@dataclass(frozen=True)
class State:
    """A resource before or after."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    parent: str
    dependencies: tuple[str, ...]
    protect: bool

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> State:
        inputs, outputs = raw.get("inputs"), raw.get("outputs")
        return cls(
            inputs=inputs if isinstance(inputs, Mapping) else {},
            outputs=outputs if isinstance(outputs, Mapping) else {},
            parent=str(raw.get("parent") or ""),
            dependencies=tuple(str(urn) for urn in raw.get("dependencies") or ()),
            protect=raw.get("protect") is True,
        )


@dataclass(frozen=True)
class Step:
    """What the engine does with one resource."""

    op: str
    urn: str
    old: State | None
    new: State | None
    paths: tuple[str, ...]
    """The properties that differ."""

    @property
    def name(self) -> str:
        return self.urn.split("::", 3)[3]

    @property
    def type(self) -> str:
        return self.urn.split("::", 3)[2].rsplit("$", 1)[-1]

    @property
    def kind(self) -> str:
        """The type, short: `azure-native ContainerGroup`."""
        parts = self.type.split(":")
        return f"{parts[0]} {parts[-1]}"

    @property
    def is_resource(self) -> bool:
        """Components, providers and the stack itself have nothing to show: their children do."""
        return not self.type.startswith(_NOT_SHOWN)

    @property
    def state(self) -> State | None:
        """What there is of it; after the deployment if it is still there then."""
        return self.new or self.old


@dataclass(frozen=True)
class PolicyFinding:
    """A rule of the policy pack that a resource breaks."""

    policy: str
    level: str
    resource: str
    message: str

    @property
    def was_skipped(self) -> bool:
        """Whether the engine could not run the rule, for it looks at a value still unknown."""
        return self.message.startswith("can't run policy")


@dataclass(frozen=True)
class Preview:
    """All that the engine says before a deployment."""

    stack: str
    steps: tuple[Step, ...]
    config: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[PolicyFinding, ...] | None = None
    """None where no pack was run, or where nobody can tell."""
    refused: str = ""
    """Why the engine stopped half-way, if it did."""

    @cached_property
    def resources(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.is_resource)

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        return {step.name: step for step in self.resources}

    @property
    def is_first(self) -> bool:
        return not any(step.old for step in self.resources)

    @property
    def lists_stack(self) -> bool:
        return any(step.type == STACK for step in self.steps)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs as the last deployment left them."""
        for step in self.steps:
            if step.type == STACK and step.old:
                return step.old.outputs
        return {}

    def text(self, key: str) -> str | None:
        """A value of the stack file as it is written there: a name may look like a number."""
        return self.config.get(key if ":" in key else f"{PROJECT_NAME}:{key}")

    def setting(self, key: str) -> Any:
        """A value of the stack file; those that are more than a word are JSON."""
        text = self.text(key)
        try:
            return json.loads(text) if isinstance(text, str) else text
        except ValueError:
            return text


def parsed(text: str, title: str) -> Preview:
    """A preview in either of the CLI's formats.

    Raises:
        Refusal: if it is something else, or of another project.
    """
    try:
        return _understood(text, title)
    except (TypeError, AttributeError, RecursionError):
        # A number where there should be a list, a list in a list without an end, and the like.
        raise Refusal(f"{title} has not the shape of a preview; {MAKE_ONE}") from None


def _understood(text: str, title: str) -> Preview:
    try:
        document = json.loads(text)
    except ValueError:
        return from_events(_lines(text, title), title)
    if isinstance(document, Mapping) and ("steps" in document or "changeSummary" in document):
        return from_document(document, title)
    if isinstance(document, Mapping) and "sequence" in document:
        return from_events([document], title)
    raise Refusal(f"{title} holds JSON, but no preview; {MAKE_ONE}")


def from_document(
    document: Mapping[str, Any],
    title: str,
    policies: tuple[PolicyFinding, ...] | None = None,
    refused: str = "",
) -> Preview:
    """What `pulumi preview --json` prints."""
    config, counts = document.get("config"), document.get("changeSummary") or {}
    return _checked(
        [_step(raw, title) for raw in document.get("steps") or ()],
        title,
        config=config if isinstance(config, Mapping) else {},
        policies=policies,
        refused=refused,
        # Without --show-sames the stack itself is all that is listed of what does not change.
        unlisted=counts.get("same", 0) > 1,
    )


def from_events(events: Iterable[Mapping[str, Any]], title: str, refused: str = "") -> Preview:
    """What the engine's event log holds, or `pulumi preview --json` as a stream of events.

    Events do not tell of dependencies, so a picture made from them has no arrows.
    """
    steps: list[Step] = []
    config: Mapping[str, str] = {}
    for event in events:
        if "preludeEvent" in event:
            config = event["preludeEvent"].get("config") or {}
        if "resourcePreEvent" in event:
            raw = event["resourcePreEvent"].get("metadata") or {}
            if raw.get("op") not in _PARTS_OF_A_REPLACEMENT:
                renamed = {"oldState": "old", "newState": "new", "diffReasons": "diffs"}
                steps.append(_step(raw | {to: raw.get(at) for to, at in renamed.items()}, title))
    return _checked(steps, title, config=config, policies=policy_findings(events), refused=refused)


def policy_findings(events: Iterable[Mapping[str, Any]]) -> tuple[PolicyFinding, ...] | None:
    """What the policy pack says in the engine's events; None if there is no trace of a pack."""
    found: list[PolicyFinding] = []
    ran = False
    for event in events:
        summary = event.get("summaryEvent") or {}
        ran |= bool(summary.get("policyPacks") or summary.get("PolicyPacks"))
        ran |= "policyAnalyzeSummaryEvent" in event
        if "policyEvent" not in event:
            continue
        raw = event["policyEvent"]
        urn = str(raw.get("resourceUrn") or "")
        finding = PolicyFinding(
            policy=str(raw.get("policyName")),
            level=str(raw.get("enforcementLevel")),
            resource=urn.split("::", 3)[-1] if STACK not in urn else "",
            message=_plain(str(raw.get("message") or "")),
        )
        if finding not in found:
            found.append(finding)
    return tuple(found) if found or ran else None


def errors(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """What went wrong, as the engine says it; each only once."""
    said = (
        _plain(str(event["diagnosticEvent"].get("message") or ""))
        for event in events
        if event.get("diagnosticEvent", {}).get("severity") == "error"
    )
    return list(dict.fromkeys(text for text in said if text))


def _plain(text: str) -> str:
    """Without marks for colours and the SDK's words around an error; resources by their names."""
    text = re.sub(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"urn:pulumi:[^\s\"]+::", "", text)
    return re.sub(
        r"^an unhandled error occurred: |Exception calling application: ", "", text
    ).strip()


def _lines(text: str, title: str) -> list[Mapping[str, Any]]:
    try:
        events = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        # Without the parser's words: they could quote a value.
        raise Refusal(f"{title} is no JSON; {MAKE_ONE}") from None
    if not events or not all(isinstance(event, Mapping) for event in events):
        raise Refusal(f"{title} is empty or no preview; {MAKE_ONE}")
    return events


def _step(raw: Any, title: str) -> Step:
    urn = raw.get("urn") if isinstance(raw, Mapping) else None
    if not isinstance(urn, str) or urn.count("::") < 3 or not isinstance(raw.get("op"), str):
        raise Refusal(f"{title} has a step without op or urn, so it is no preview; {MAKE_ONE}")
    if raw["op"] not in _OPS:
        raise Refusal(f"{title} has a step {shown(raw['op'])}, which no engine known here takes")
    old, new = raw.get("oldState"), raw.get("newState")
    # A delete has only what was; what the engine sends as new there is the same again.
    op = raw["op"]
    return Step(
        op=op,
        urn=urn,
        old=State.read(old) if isinstance(old, Mapping) and op != "create" else None,
        new=State.read(new) if isinstance(new, Mapping) and op != "delete" else None,
        paths=tuple(sorted(raw.get("detailedDiff") or raw.get("diffReasons") or ())),
    )


def _checked(
    steps: list[Step],
    title: str,
    *,
    config: Mapping[str, str],
    policies: tuple[PolicyFinding, ...] | None,
    refused: str = "",
    unlisted: bool = False,
) -> Preview:
    if not steps or not (unlisted or any(step.is_resource for step in steps)):
        raise Refusal(
            f"{title} has no resources, neither now nor planned: the stack is empty and the "
            "program made nothing. Run it in the project's folder, against the right stack"
        )
    for step in steps:
        stack, project = _address(step.urn)
        if project != PROJECT_NAME:
            raise Refusal(
                f"{title} is of project {shown(project)}, and only {PROJECT_NAME} can be reviewed "
                "here"
            )
    return Preview(stack, tuple(steps), config, policies, refused)


def _address(urn: str) -> tuple[str, str]:
    """Stack and project."""
    first, project, *_ = urn.split("::", 3)
    return first.rsplit(":", 1)[-1], project
