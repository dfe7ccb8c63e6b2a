"""What the last deployment means for this one: nobody is locked out, or let in, by accident.

A stack file says who may call now. What clients hold was issued earlier, and only the last
deployment's outputs tell of that: which certificates they were handed, which CAs they were told to
trust. From these and from the certificates of this deployment follow the list of the sidecar, what
is refused as a jump, and what is about to expire.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi

from common.certificate_record import LIST, Record
from components.certificates import LeafCertificate, ServerCertificate
from components.nginx_sidecar import listed_as
from components.waiting import until
from program.settings import StackSettings
from program.settings.certificates import ExpiryGate


class ContinuityError(pulumi.RunError):
    """A change that would cut clients off, or certificates that are about to end."""


def follow(cfg: StackSettings) -> list[Record]:
    """Reads the records of the last deployment that succeeded; none before the first.

    Raises:
        ContinuityError: if clients could not follow from there to this deployment.
    """
    if cfg.tls == "none":
        return []
    records = LIST.validate_python(_outputs_of_this_stack().get("certificates") or [])
    refuse_jump(records, cfg.certificates.trusted, cfg.certificates.issuing)
    return records


def _outputs_of_this_stack() -> dict[str, Any]:
    """As a StackReference sees them, but at once: before there is anything to be half-made."""
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for seconds in (0.1, 0.2, 0.5, 1, 2):
        try:
            return dict(_read(stack))
        except Exception as error:  # the SDK raises plain ones
            # A backend of files is read while this very deployment begins to write to it.
            if "checkpoint" not in str(error):
                raise
            time.sleep(seconds)
    return dict(_read(stack))


def _read(stack: str) -> Mapping[str, Any]:
    answer = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack}).value
    return answer["outputs"] or {} if answer else {}


def agree(
    previous: Sequence[Record],
    current: Sequence[pulumi.Output[Record]],
    gate: ExpiryGate,
) -> pulumi.Output[list[Record]]:
    """The records of this deployment, unless one of its certificates is about to end.

    What makes up the endpoint waits for them, so a refusal leaves the running one as it is. A
    certificate that this deployment renews is unknown in a preview, and not looked at.
    """
    lasting = [record.apply(lambda record: check_expiry(record, gate)) for record in current]
    return pulumi.Output.all(*lasting).apply(
        lambda records: carry_over(previous, records, datetime.now(UTC))
    )


def refuse_jump(previous: Iterable[Record], trusted: Sequence[str], issuing: str) -> None:
    """Make sure that clients can follow a change of CAs one step at a time.

    Args:
        previous: the last deployment's records.
        trusted: labels of all CAs that are trusted now, as `ca@1`.
        issuing: label of the one that signs.

    Raises:
        ContinuityError: if the CA that signed so far would no longer be trusted, or if one that
            clients were never told to trust would sign.
    """
    before = {r.issuer: r.status for r in previous if r.role == "ca"}
    for label in (label for label, status in before.items() if status == "issuing"):
        if label not in trusted:
            raise ContinuityError(
                f"{label} signed the certificates that clients hold today; without trusting it "
                f"any longer, all are refused at once. Trust {_all([label, *trusted])}, deploy, "
                "hand out what the new CA issues, and take the old one out after that: see "
                "'Replace the CA' in docs/operations.md"
            )
    if before and issuing not in before:
        raise ContinuityError(
            f"{issuing} is to sign, and clients were never told to trust it: they would refuse the "
            f"endpoint. Trust it first ({_all([*before, issuing])}, signing with "
            f"{_all(label for label, status in before.items() if status == 'issuing')}), deploy, "
            "hand out the new ca.crt, and let it sign after that: see 'Replace the CA' in "
            "docs/operations.md"
        )


def carry_over(
    previous: Iterable[Record], current: Sequence[Record], now: datetime
) -> list[Record]:
    """The records of this deployment: its own certificates and those that clients still hold.

    A client's certificate that was renewed, or issued again by another CA, is let in until it
    ends, for as long as its key is that of a generation which the stack file lists, and its CA is
    trusted. One whose client or generation was taken out is revoked and stays so, also when the
    name comes back: then it has another key.
    """
    mine = [r for r in current if r.role == "client"]
    keys = {(r.name, r.generation, r.public_key_sha256) for r in mine}
    serials = {r.serial_number for r in mine}
    trusted = {r.issuer for r in current if r.role == "ca"}
    before = [r for r in previous if r.role == "client"]
    carried: list[Record] = []
    for record in before:
        if record.serial_number in serials or record.issuer not in trusted:
            continue
        key = (record.name, record.generation, record.public_key_sha256)
        is_accepted = key in keys and record.status != "revoked"
        status = "renewed" if is_accepted else "revoked"
        carried.append(record.model_copy(update={"status": status}))
    # What has ended is harmless, and leaving it out restarts the containers: so it goes when they
    # are restarted anyway.
    if _standing([*mine, *carried]) != _standing(before):
        carried = [r for r in carried if r.ends > now]
    return [*current, *(r.as_of(now) for r in carried)]


def accepted(records: Iterable[Record]) -> dict[str, str]:
    """Lists the certificates that are let in: what nginx knows each by, to client name."""
    return _clients(r for r in records if r.status != "revoked")


def revoked(records: Iterable[Record]) -> dict[str, str]:
    """Lists the certificates that clients hold and that are refused."""
    return _clients(r for r in records if r.status == "revoked")


def _clients(records: Iterable[Record]) -> dict[str, str]:
    return {
        listed_as(r.serial_number, r.fingerprint_sha1): r.name
        for r in records
        if r.role == "client"
    }


def check_expiry(record: Record, gate: ExpiryGate) -> Record:
    """Warns of a certificate with few days left.

    Raises:
        ContinuityError: if it ends within `gate.fail_days`.
    """
    if record.days_left <= gate.fail_days:
        raise ContinuityError(_ends(record))
    if record.days_left <= gate.warn_days:
        pulumi.log.warn(_ends(record))
    return record


def _ends(record: Record) -> str:
    days, when = record.days_left, record.not_after
    left = "1 day" if days == 1 else f"{days} days"
    ends = f"ended on {when}" if days < 0 else f"ends in {left}, on {when}"
    remedy = (
        f"It is not due before {record.renews_from}; to renew it now, raise "
        f"certificates.renewBeforeDays.{record.role}"
        if record.renews_from
        else "The CA is yours: see 'Replace the CA' in docs/operations.md"
    )
    return (
        f"The certificate of {record.role} {record.name} {ends}, and this deployment does "
        f"not renew it. {remedy}."
    )


def settled(
    leaf: LeafCertificate, whose: str, previous: Sequence[Record], skew: timedelta
) -> pulumi.Output[str]:
    """A certificate, once it is valid also by a clock that is behind the deployer's.

    pulumi-tls lets a certificate begin in the moment it is made. Somebody whose clock is two
    minutes behind would refuse one that is shown at once, where the old one was good.

    Args:
        leaf: what may have been issued just now.
        whose: `server`, or the name of a client.
        previous: the last deployment's records; who has none of a role cannot be cut off.
        skew: how far behind.
    """
    role = "server" if isinstance(leaf, ServerCertificate) else "client"
    known = {r.serial_number for r in previous if r.role == role}
    what = (
        "The new server certificate is put into use in {:.0f} s, when it is valid for clients"
        if role == "server"
        else f"The new certificate of client {whose} is handed out in {{:.0f}} s, when it is valid "
        "for an endpoint"
    )

    async def wait(values: list[str]) -> str:
        certificate_pem, serial, not_before = values
        if not pulumi.runtime.is_dry_run() and known and serial not in known:
            await until(
                datetime.fromisoformat(not_before) + skew,
                lambda seconds: (
                    f"{what.format(seconds)} whose clock is behind, too "
                    "(certificates.clockSkewMinutes)"
                ),
            )
        return certificate_pem

    return pulumi.Output.all(
        leaf.certificate_pem, leaf.serial_number, leaf.certificate.validity_start_time
    ).apply(wait)


def _standing(records: Iterable[Record]) -> set[tuple[str, bool]]:
    return {(r.serial_number, r.status == "revoked") for r in records}


def _all(labels: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(labels))
