"""Who may call before and after, and which certificates change, from the plan and the last outputs.

The rules are those of program/continuity.py, applied to what can be known before: a client's
certificate is let in as long as its generation is listed, has the same key, and its CA is trusted.
Serial numbers and dates of what is issued are known only afterwards, so ends of new ones are
estimates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from common.certificate_record import Record
from common.contract import VERSION
from common.refusal import Refusal, shown
from review.steps import MAKE_ONE, Preview, Step

_NAME = re.compile(
    r"(?:client-(?P<client>.+)@(?P<of_client>\d+)|ca@(?P<of_ca>\d+)|(?P<server>server))-certificate"
)
_OWN_CA = re.compile(r"ca@\d+")


@dataclass(frozen=True)
class Certificate:
    """What becomes of a certificate."""

    role: str
    name: str
    generation: int | None
    change: str
    """`issued`, `renewed` (same key), `new key`, `withdrawn` or `unchanged`."""
    before: Record | None
    ends_about: datetime | None
    """The end of one that this deployment issues, if it is deployed now."""
    reason: str = ""

    @property
    def is_issued(self) -> bool:
        return self.change in ("issued", "renewed", "new key")


@dataclass(frozen=True)
class Client:
    """What becomes of a client's access."""

    name: str
    accepted: tuple[Record, ...]
    """What it can call with today."""
    kept: tuple[Record, ...]
    """What of that is still let in afterwards."""
    issued: tuple[Certificate, ...]

    @property
    def gains(self) -> bool:
        return not self.accepted and bool(self.issued)

    @property
    def loses(self) -> bool:
        """Nothing that it has been handed is let in any more."""
        return bool(self.accepted) and not self.kept

    @property
    def refused(self) -> tuple[Record, ...]:
        return tuple(record for record in self.accepted if record not in self.kept)

    @property
    def changes(self) -> bool:
        return self.gains or self.loses or bool(self.refused) or bool(self.issued)


class Access:
    """Both sides of a preview.

    Raises:
        Refusal: if the last deployment's outputs say too little.
    """

    def __init__(self, preview: Preview, now: datetime) -> None:
        self._preview = preview
        self._now = now
        self.records = _records(preview)

    @cached_property
    def is_open(self) -> bool:
        """Whether anybody may call afterwards."""
        return bool(self._preview.setting("tls") == "none")

    @cached_property
    def opens(self) -> bool:
        return self.is_open and any(record.role == "client" for record in self.records)

    @cached_property
    def may_lose_own_ca(self) -> bool:
        """Certificates of a CA of the user's are about, and the trust bundle changes.

        Which CAs it holds afterwards is in no resource, so nobody can tell who is cut off.
        """
        foreign = any(
            r.role == "client" and r.status != "revoked" and not _OWN_CA.fullmatch(r.issuer)
            for r in self.records
        )
        return foreign and any(
            path.endswith(".secret.ca.crt")
            for step in self._preview.resources
            for path in step.paths
        )

    @cached_property
    def clients(self) -> tuple[Client, ...]:
        current = [r for r in self.records if r.role == "client" and r.status != "revoked"]
        accepted = [r for r in current if r.ends > self._now]
        issued = [c for c in self.certificates if c.role == "client" and c.is_issued]
        names = dict.fromkeys([*(r.name for r in accepted), *(c.name for c in issued)])
        return tuple(
            Client(
                name,
                accepted=tuple(r for r in accepted if r.name == name),
                kept=tuple(r for r in accepted if r.name == name and self._is_kept(r)),
                issued=tuple(c for c in issued if c.name == name),
            )
            for name in sorted(names)
        )

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """All that the stack has or will have, those that clients hold from earlier among them."""
        planned = [c for step in self._preview.resources if (c := self._planned(step))]
        known = {c.before.serial_number for c in planned if c.before}
        rest = [
            Certificate(
                r.role,
                r.name,
                r.generation,
                "unchanged" if r.role != "client" or self._is_kept(r) else "withdrawn",
                r,
                None,
            )
            for r in self.records
            if r.serial_number not in known and r.status != "revoked" and r.ends > self._now
        ]
        order = {"ca": 0, "server": 1, "client": 2}
        return tuple(
            sorted(
                [*planned, *rest],
                key=lambda c: (order.get(c.role, 3), c.name, c.generation or 0),
            )
        )

    def _planned(self, step: Step) -> Certificate | None:
        match = _NAME.fullmatch(step.name)
        if match is None:
            return None
        role, generation = _role(match)
        before = self._record(role, match["client"], generation)
        name = match["client"] or (before.name if before else self._common_name(step))
        change = {"create": "issued", "replace": "renewed", "delete": "withdrawn"}.get(
            step.op, "unchanged"
        )
        if change == "renewed" and self._has_new_key(step.name):
            change = "new key"
        return Certificate(
            role,
            name,
            generation,
            change,
            before,
            self._end(step) if step.op in ("create", "replace") else None,
            ", ".join(step.paths),
        )

    def _record(self, role: str, name: str | None, generation: int | None) -> Record | None:
        for record in self.records:
            if record.role != role or record.status in ("revoked", "renewed"):
                continue
            if role == "server" or (role == "ca" and record.issuer == f"ca@{generation}"):
                return record
            if role == "client" and (record.name, record.generation) == (name, generation):
                return record
        return None

    def _is_kept(self, record: Record) -> bool:
        own = f"client-{record.name}@{record.generation}"
        if self._op(f"{own}-certificate") == "delete" or self._has_new_key(f"{own}-certificate"):
            return False
        if not _OWN_CA.fullmatch(record.issuer):
            return True
        ca = f"{record.issuer}-certificate"
        return self._op(ca) != "delete" and not self._has_new_key(ca)

    def _has_new_key(self, certificate: str) -> bool:
        key = f"{certificate.removesuffix('-certificate')}-key"
        return self._op(key) in ("replace", "create", "delete")

    def _op(self, name: str) -> str:
        step = self._preview.by_name.get(name)
        return step.op if step else ""

    def _end(self, step: Step) -> datetime | None:
        hours = step.new.inputs.get("validityPeriodHours") if step.new else None
        return self._now + timedelta(hours=hours) if isinstance(hours, int) else None

    def _common_name(self, step: Step) -> str:
        subject = step.new.inputs.get("subject") if step.new else None
        name = subject.get("commonName") if isinstance(subject, Mapping) else None
        return str(name or self._preview.setting("modelName") or step.name)


def _role(match: re.Match[str]) -> tuple[str, int | None]:
    if match["server"]:
        return "server", None
    if match["of_ca"]:
        return "ca", int(match["of_ca"])
    return "client", int(match["of_client"])


def _records(preview: Preview) -> tuple[Record, ...]:
    if not preview.lists_stack and any(step.old for step in preview.resources):
        raise Refusal(
            "the preview does not list the stack itself, so who may call today is not known; "
            f"{MAKE_ONE}"
        )
    outputs = preview.outputs
    if not outputs:
        return ()
    endpoint = outputs.get("endpoint")
    version = endpoint.get("version") if isinstance(endpoint, Mapping) else None
    if isinstance(version, int) and version > VERSION:
        raise Refusal(
            f"the stack's outputs are of version {version}, and this project knows version "
            f"{VERSION}; review with the commit that was deployed, or a later one"
        )
    if "certificates" not in outputs:
        raise Refusal(
            "the stack's outputs are of an older version: there is no output `certificates`, so "
            "who may call today is not known; deploy with this version first"
        )
    return tuple(_record(raw, i) for i, raw in enumerate(_list(outputs["certificates"])))


def _record(raw: Any, index: int) -> Record:
    try:
        return Record.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing" or not key:
        raise Refusal(
            f"the stack's outputs are of an older version: certificates[{index}] has no "
            f"{key or 'role'!r}, so who may call today is not known. Deploy the commit that is "
            "running with `pulumi up` of this version first, and review after that"
        )
    raise Refusal(
        f"the stack's outputs cannot be understood: certificates[{index}].{key} is "
        f"{shown(str(raw[key]))}: {first['msg']}"
    )


def _list(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    raise Refusal(
        "the stack's output `certificates` is no list, so who may call today is not known; deploy "
        "with this version first"
    )
