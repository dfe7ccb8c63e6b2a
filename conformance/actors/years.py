"""Time, for tests: certificates of a recorded stack made older than they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pulumi import automation

from localcloud.stack import LocalStack

Resource = dict[str, Any]


def edited(local: LocalStack, edit: Callable[[Resource], None]) -> None:
    """Change resources in the stack's state, as `pulumi stack export` and `import` would."""
    exported = local.stack.export_stack()
    deployment = dict(exported.deployment or {})
    for resource in deployment["resources"]:
        edit(resource)
    local.stack.import_stack(automation.Deployment(exported.version, deployment))


def aged(local: LocalStack, name: str, days_left: float) -> None:
    """Move a certificate's dates, so that it ends in so many days."""

    def age(resource: Resource) -> None:
        if resource["urn"].endswith(f"::{name}"):
            outputs = resource["outputs"]
            end = datetime.now(UTC) + timedelta(days=days_left)
            start = end - timedelta(hours=outputs["validityPeriodHours"])
            outputs["validityEndTime"] = _rfc3339(end)
            outputs["validityStartTime"] = _rfc3339(start)

    edited(local, age)


def renamed(local: LocalStack, names: dict[str, str]) -> None:
    """Give resources other logical names, everywhere in the state."""
    exported = local.stack.export_stack()
    text = json.dumps(exported.deployment)
    for new, old in names.items():
        text = text.replace(f"::{new}", f"::{old}")
    local.stack.import_stack(automation.Deployment(exported.version, json.loads(text)))


def _rfc3339(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
