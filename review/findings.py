"""What somebody should look at before this is deployed: each finding makes the exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from common.names import CONTAINER_GROUP, REGISTRY, RESOURCE_GROUP, VAULT, WORKSPACE
from review import address
from review.access import Access
from review.address import Move
from review.limits import Limits
from review.steps import Preview, Step
from review.text import code, joined, plain

WARN_DAYS = 30
"""What `certificates.expiry.warnDays` is if it is left out, as in program/settings/."""

_HOLDS = {
    RESOURCE_GROUP: "everything that is in it",
    REGISTRY: "the images that are in it",
    WORKSPACE: "the logs that are in it",
    VAULT: "the bundles that are in it",
    "random:index/randomString:RandomString": "a name that others use",
}
_ENDS = ("delete", "replace")


def of(preview: Preview, access: Access, move: Move, limits: Limits, now: datetime) -> list[str]:
    """One sentence of Markdown each, the worst first."""
    return [
        *_of_the_engine(preview),
        *_of_access(access),
        *address.findings(move),
        *_of_limits(limits),
        *(sentence for step in preview.resources for sentence in _of_a_step(step)),
        *_of_certificates(preview, access, now),
        *_of_policies(preview),
    ]


def _of_the_engine(preview: Preview) -> Iterator[str]:
    if preview.refused:
        yield f"The engine refuses this, and says no more of the rest: {plain(preview.refused)}."


def _of_access(access: Access) -> Iterator[str]:
    if access.opens:
        yield "Anybody may call: with `tls: none` the endpoint takes plain HTTP from everybody."
        return
    for client in access.clients:
        if client.loses:
            how = (
                "until it uses the bundle of this deployment: what it holds now is refused"
                if client.issued
                else "for good"
            )
            yield (
                f"{code(client.name)} loses access {how}, from the moment `up` has restarted the "
                "containers."
            )
    if access.may_lose_own_ca:
        yield (
            "The trust bundle changes, and clients hold certificates of a CA that is not the "
            "stack's own. Whether it is still trusted cannot be seen here; look for it in "
            "`certificates.authority` and `certificates.alsoTrust`."
        )


def _of_limits(limits: Limits) -> Iterator[str]:
    for change in limits.narrower:
        yield f"{code(change.client)} {joined(list(change.less))}."
    if limits.body and limits.has_smaller_bodies:
        so_far, then = limits.body
        yield f"Requests of more than {then} MB are refused ({so_far} MB so far)."


def _of_a_step(step: Step) -> Iterator[str]:
    why = f" Because of {paths(step)}." if step.paths else ""
    if step.type == CONTAINER_GROUP and step.op == "replace":
        yield (
            f"{code(step.name)} is replaced: nobody is served while the new one starts, and its "
            f"IP address changes (the name stays).{why}"
        )
    elif step.type == CONTAINER_GROUP and step.op == "delete":
        yield f"{code(step.name)} is deleted: there is no endpoint any more."
    elif step.op in _ENDS and step.type in _HOLDS:
        yield f"{code(step.name)} is {step.op}d, and with it {_HOLDS[step.type]}.{why}"
    elif step.op in _ENDS and step.old and step.old.protect:
        yield f"{code(step.name)} is protected, and would be {step.op}d."
    elif (
        step.type in _HOLDS and step.old and step.old.protect and step.new and not step.new.protect
    ):
        yield f"{code(step.name)} is no longer protected: from then on it can be deleted by a slip."


def _of_certificates(preview: Preview, access: Access, now: datetime) -> Iterator[str]:
    gate = gate_days(preview)
    for certificate in access.certificates:
        record = certificate.before
        if certificate.change != "unchanged" or record is None or record.status == "renewed":
            continue
        days = (record.ends - now).days
        if days <= gate:
            whose = f"{certificate.role} {code(certificate.name)}"
            when = f"{record.ends:%Y-%m-%d}"
            yield (
                f"The certificate of {whose} ended on {when}, and is not renewed."
                if days < 0
                else f"The certificate of {whose} ends in {days} days, on {when}, and this "
                f"deployment does not renew it ({gate} days are what `certificates.expiry` asks)."
            )


def gate_days(preview: Preview) -> int:
    certificates = preview.setting("certificates")
    expiry = certificates.get("expiry") if isinstance(certificates, dict) else None
    days = expiry.get("warnDays", WARN_DAYS) if isinstance(expiry, dict) else WARN_DAYS
    return days if isinstance(days, int) else WARN_DAYS


def _of_policies(preview: Preview) -> Iterator[str]:
    for finding in preview.policies or ():
        if not finding.was_skipped:
            stops = ", which stops the deployment" if finding.level == "mandatory" else ""
            at = f" at {code(finding.resource)}" if finding.resource else ""
            yield f"Policy {code(finding.policy)} ({plain(finding.level)}{stops}){at}: see below."


def paths(step: Step, at_most: int = 4) -> str:
    """Which properties differ; never their values."""
    shown = ", ".join(code(path) for path in step.paths[:at_most])
    more = len(step.paths) - at_most
    return shown + (f" and {more} more" if more > 0 else "")
