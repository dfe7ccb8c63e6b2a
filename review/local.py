"""A preview in the local cloud: the real engine and the committed program, no account."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from pulumi import automation

from localcloud.stack import LocalStack, opened
from policy.pack import Pack
from review.base import deployed
from review.source import understood
from review.steps import Preview


def from_local_cloud(stack: str, pack: Pack | None, base: str | None = None) -> Preview:
    """What the engine would do with a stack of this machine.

    With a base, the stack is not the machine's own but the one which that commit deploys.

    Raises:
        Refusal: if there is no such stack, or its program refuses its settings.
    """
    if pack:
        pack.require()
    with (
        deployed(base, stack) if base is not None else nullcontext() as home,
        opened(stack, home=home, records_only=True) as local,
    ):
        return preview(local, pack)


def preview(local: LocalStack, pack: Pack | None = None) -> Preview:
    """The same, of a stack that is open."""
    events: list[Mapping[str, Any]] = []
    workspace = local.stack.workspace
    environment = workspace.env_vars
    # The Automation API has no parameter for --show-sames.
    workspace.env_vars = {**environment, "PULUMI_OPTION_SHOW_SAMES": "true"}
    failed, said = False, ""
    output: list[str] = []
    try:
        local.stack.preview(
            json=True,
            on_output=output.append,
            on_event=lambda event: events.append(_raw(event)),
            policy_packs=[str(pack.folder)] if pack else None,
            policy_pack_configs=[str(pack.config)] if pack and pack.config else None,
        )
    except automation.CommandError as error:
        failed, said = True, str(error)
    finally:
        workspace.env_vars = environment
    return understood(local.stack.name, "\n".join(output), events, failed=failed, said=said)


def _raw(event: automation.EngineEvent) -> Mapping[str, Any]:
    """An event as it stands in the engine's log, as far as it is read here."""
    if said := event.diagnostic_event:
        return {"diagnosticEvent": {"severity": said.severity, "message": said.message}}
    if rule := event.policy_event:
        return {
            "policyEvent": {
                "resourceUrn": rule.resource_urn,
                "policyName": rule.policy_name,
                "message": rule.message,
                "enforcementLevel": rule.enforcement_level,
            }
        }
    if summary := event.summary_event:
        return {"summaryEvent": {"policyPacks": summary.policy_packs}}
    if event.prelude_event:
        return {"preludeEvent": {"config": event.prelude_event.config}}
    if event.resource_pre_event:
        step = event.resource_pre_event.metadata
        return {
            "resourcePreEvent": {
                "metadata": {
                    "op": str(getattr(step.op, "value", step.op)),
                    "urn": step.urn,
                    "old": _state(step.old),
                    "new": _state(step.new),
                    "diffs": step.diffs,
                    "detailedDiff": step.detailed_diff,
                }
            }
        }
    return {}


def _state(state: Any) -> Mapping[str, Any] | None:
    if state is None:
        return None
    return {name: getattr(state, name) for name in ("inputs", "outputs", "parent", "protect")}
