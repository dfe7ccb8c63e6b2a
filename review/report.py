"""The review as Markdown, to be read in half a minute and looked up in afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.names import CONTAINER_GROUP, IDENTITY, REGISTRY
from review import address, cost, findings, limits, readers
from review.access import Access, Certificate, Client
from review.address import Move
from review.cost import Cost, Price
from review.findings import paths
from review.limits import Limits
from review.steps import Preview, Step
from review.text import code, counted, joined, plain, without_keys

ROWS = 40
"""Of a list; what is left out is counted."""
LONGEST = 60_000
"""A comment on GitHub takes 65536 characters."""

_OPERATIONS = {
    "replace": "replaced",
    "delete": "deleted",
    "update": "updated in place",
    "create": "created",
    "import": "imported",
    "read": "read",
    "refresh": "refreshed",
}


_ASKED = (REGISTRY, IDENTITY)
"""Whose outputs others use; of an update's, a preview knows name and location alone."""


@dataclass(frozen=True)
class Review:
    """What is to be said of a preview."""

    preview: Preview
    access: Access
    move: Move
    limits: Limits
    cost: Cost
    findings: Sequence[str]
    base: str | None = None
    """The commit whose stack the change was compared with, in the local cloud."""

    @classmethod
    def of(cls, preview: Preview, now: datetime, base: str | None = None) -> Review:
        access, move = Access(preview, now), address.of(preview)
        limited = limits.of(preview, access)
        found = findings.of(preview, access, move, limited, now)
        return cls(preview, access, move, limited, cost.of(preview), found, base)

    @property
    def changed(self) -> list[Step]:
        order = list(_OPERATIONS)
        steps = [step for step in self.preview.resources if step.op in _OPERATIONS]
        return sorted(steps, key=lambda step: (order.index(step.op), step.type != CONTAINER_GROUP))


def markdown(review: Review) -> str:
    """The whole comment; the first line lets a workflow find its earlier comment."""
    sections = [
        f"<!-- review of stack {code(review.preview.stack)[1:-1]} -->",
        f"## Review of stack {code(review.preview.stack)}",
        f"**{summary(review)}**",
        *_base(review),
        *_findings(review),
        *_resources(review),
        *_access(review),
        *_readers(review.preview),
        *_certificates(review.access),
        *_policies(review.preview),
        *_cost(review.cost, review.preview),
    ]
    text = without_keys("\n\n".join(sections) + "\n")
    if len(text) <= LONGEST:
        return text
    return f"{text[: text.rindex(chr(10), 0, LONGEST)]}\n\n… and more than fits into a comment.\n"


def summary(review: Review) -> str:
    """One line: what happens, who is affected, what it costs."""
    steps = review.changed
    head = counted(len(review.findings), "finding") if review.findings else "No findings"
    if review.preview.refused:
        return f"{head}: the engine refuses this, so what it would do is known only in part."
    group = next((step.op for step in steps if step.type == CONTAINER_GROUP), "")
    effect = {
        "replace": "the container group is replaced (new IP address, downtime)",
        "delete": "the container group is deleted",
        "update": "the containers restart in place",
        "create": "the endpoint is created",
    }.get(group, "the endpoint is not touched")
    if not steps:
        return f"{head}: nothing changes."
    counts = ", ".join(
        f"{sum(step.op == op for step in steps)} {word}"
        for op, word in _OPERATIONS.items()
        if any(step.op == op for step in steps)
    )
    return f"{head}: {effect}; {_who(review)}; {_difference(review.cost)} ({counts})."


def _who(review: Review) -> str:
    """Nobody loses access only if nobody is refused what is given today, at the old address."""
    access, move, limited = review.access, review.move, review.limits
    words = ["anybody may call"] if access.opens else []
    gains = [code(client.name) for client in access.clients if client.gains]
    loses = [code(client.name) for client in access.clients if client.loses]
    less = [code(change.client) for change in limited.narrower]
    if not access.opens:
        if loses:
            words.append(f"{joined(loses)} {'loses' if len(loses) == 1 else 'lose'} access")
        if gains:
            words.append(f"{joined(gains)} {'gains' if len(gains) == 1 else 'gain'} access")
    takes = []
    if move.breaks:
        takes.append("every client needs the new address")
    if move.removed:
        names = joined([code(name) for name in move.removed])
        takes.append(f"{names} no longer {'leads' if len(move.removed) == 1 else 'lead'} there")
    if less:
        takes.append(f"{joined(less)} may ask for less")
    if limited.has_smaller_bodies:
        takes.append("large requests are refused")
    if not takes and not loses and not access.opens:
        takes.append(_nobody(review))
    return ", ".join([*words, *takes])


def _nobody(review: Review) -> str:
    if review.access.may_lose_own_ca:
        return "who loses access cannot be seen"
    known = review.move.takes_nothing and review.limits.takes_nothing
    return "nobody loses access" if known else "no client's certificate is refused"


def _base(review: Review) -> Iterable[str]:
    if review.base is not None:
        yield (
            f"Compared with {code(review.base)} in the local cloud: certificates that are as old "
            "as this report, and nothing of what was changed by hand. What the deployment itself "
            "will do is shown before it is approved."
        )


def _findings(review: Review) -> Iterable[str]:
    if review.findings:
        yield "### Look at this first"
        yield _some([f"- {sentence}" for sentence in review.findings])


def _resources(review: Review) -> Iterable[str]:
    yield "### Resources"
    unchanged = sum(step.op == "same" for step in review.preview.resources)
    rest = f"{counted(unchanged, 'resource')} unchanged." if unchanged else ""
    if not review.changed:
        yield rest or "Nothing changes."
        return
    rows = [
        f"| {_OPERATIONS[step.op]} | {code(step.name)} | {plain(step.kind)} | {_effect(step)} |"
        for step in review.changed
    ]
    yield _table("| what | resource | kind | effect |", rows)
    if any(step.op == "update" and step.type.startswith("docker:") for step in review.changed):
        rest = f"What an image becomes is known once it is built. {rest}".strip()
    # The engine's order is another one each time.
    asked = sorted(s.name for s in review.changed if s.op == "update" and s.type in _ASKED)
    forgotten = [code(name) for name in asked]
    if forgotten:
        yield (
            f"What Azure answers for {joined(forgotten)} is not known before the update: what "
            "hangs on it is listed here, and left alone if that stays the same."
        )
    if rest:
        yield rest


def _effect(step: Step) -> str:
    effect = ""
    if step.type == CONTAINER_GROUP:
        effect = {
            "update": "restarts the containers, the IP address stays",
            "replace": "downtime, the IP address changes",
            "delete": "the endpoint is gone",
        }.get(step.op, "")
    because = paths(step) if step.op in ("update", "replace") else ""
    return ": ".join(part for part in (effect, because) if part)


def _access(review: Review) -> Iterable[str]:
    access, limited = review.access, review.limits
    yield "### Who may call"
    yield from address.findings(review.move)
    yield from address.notes(review.move)
    if access.is_open:
        yield "Anybody: with `tls: none` the endpoint takes plain HTTP and asks for no certificate."
        return
    rights = {change.client: change for change in limited.changes}
    rows = [
        f"| {code(client.name)} | {_change(client, rights.get(client.name))} "
        f"| {_when(client, client.name in rights)} |"
        for client in access.clients
        if client.changes or client.name in rights
    ]
    yield _table("| client | change | from when |", rows) if rows else "No client's rights change."
    same = [code(c.name) for c in access.clients if not c.changes and c.name not in rights]
    if same:
        yield f"As before: {_names(same)}."
    if limited.body:
        yield "Requests may have bodies of {1} MB ({0} MB so far).".format(*limited.body)
    if not limited.is_known:
        yield (
            "What each client may ask for today, or will, is not in this preview, so whether it "
            "becomes less is not known; `--show-sames` lists what does not change."
        )


def _readers(preview: Preview) -> Iterable[str]:
    if changed := readers.changed(preview):
        yield "### Who may fetch a bundle from the key vault"
        rows = [
            f"| {code(r.object_id)} | {'**gains**' if r.gains else 'loses'} | {code(r.client)} |"
            for r in changed
        ]
        yield _table("| object id | access | to the bundle of |", rows)


def _change(client: Client, rights: limits.Change | None) -> str:
    limited = [*(f"**{less}**" for less in rights.less), *rights.more] if rights else []
    if client.loses:
        return "; ".join(["**loses access**", *limited])
    if client.gains:
        return "gains access"
    words = []
    if client.issued:
        words.append(f"gets {_generations(client.issued)}")
    if client.refused:
        refused = joined([f"{_of(r.generation)} {code(r.serial_number)}" for r in client.refused])
        words.append(f"{refused} refused; keeps access with what was handed out later")
    elif client.kept:
        words.append("what it holds stays accepted")
    return "; ".join([*words, *limited])


def _generations(issued: Sequence[Certificate]) -> str:
    kinds = {"issued": "", "renewed": "again, same key", "new key": "again, new key"}
    return joined([f"{_of(c.generation)} {kinds[c.change]}".strip() for c in issued])


def _of(generation: int | None) -> str:
    return f"generation {generation}" if generation else "a certificate"


def _when(client: Client, is_limited_anew: bool) -> str:
    words = []
    if is_limited_anew and not client.changes:
        words.append("when `up` has restarted the containers")
    if client.loses or client.refused:
        words.append("refused when `up` has restarted the containers")
    if client.issued:
        then = "from then on" if words else "when `up` has restarted the containers"
        words.append(f"let in {then}, with the bundle of this deployment")
    return "; ".join(words)


def _certificates(access: Access) -> Iterable[str]:
    yield "### Certificates"
    changed = [c for c in access.certificates if c.change != "unchanged"]
    if not changed:
        yield "No change."
    else:
        yield _table(_HEAD, [_row(certificate) for certificate in changed])
    same = [c for c in access.certificates if c.change == "unchanged"]
    if same:
        rows = _table(_HEAD, [_row(certificate) for certificate in same])
        yield f"<details><summary>{len(same)} unchanged</summary>\n\n{rows}\n\n</details>"


_HEAD = "| certificate | generation | change | ends now | ends then |"


def _row(certificate: Certificate) -> str:
    record = certificate.before
    now = f"{record.ends:%Y-%m-%d}" if record else "-"
    then = "-" if certificate.change == "withdrawn" else now
    if certificate.is_issued:
        end = certificate.ends_about
        then = f"about {end:%Y-%m-%d}, if deployed now" if end else "unknown"
    change = certificate.change
    if change == "unchanged" and record and record.status == "renewed":
        change = "unchanged (has a successor, is let in until it ends)"
    return (
        f"| {certificate.role} {code(certificate.name)} | {certificate.generation or '-'} "
        f"| {change} | {now} | {then} |"
    )


def _policies(preview: Preview) -> Iterable[str]:
    yield "### Policies"
    if preview.policies is None:
        yield "No policy pack was run."
        return
    if not preview.policies:
        yield "No finding."
        return
    rows = [
        f"| {plain(finding.level)}{' (not run: a value is unknown)' if finding.was_skipped else ''}"
        f" | {code(finding.policy)} | {code(finding.resource) if finding.resource else 'stack'} "
        f"| {plain(finding.message)} |"
        for finding in preview.policies
    ]
    yield _table("| level | rule | resource | what it says |", rows)


def _cost(priced: Cost, preview: Preview) -> Iterable[str]:
    listed = cost.prices()
    yield f"### Cost in a month ({listed['currency']})"
    if not priced.lines:
        yield "Unknown: the preview does not list what is unchanged; use `--show-sames`."
        return
    rows = [
        f"| {code(line.resource)} | {_amount(line.before)} | {_amount(line.after)} "
        f"| {plain(line.before.basis)}{_then(line.before, line.after)} |"
        for line in priced.lines
    ]
    before, after = (
        f"{priced.known(side):.2f}{' and what is unknown' if priced.is_unknown(side) else ''}"
        for side in ("before", "after")
    )
    # Without --show-sames most of what costs something is not there to be counted.
    is_whole = preview.is_first or any(step.op == "same" for step in preview.resources)
    total = f"| {'all' if is_whole else 'all that this preview lists'} | {before} | {after} | |"
    yield _table("| resource | before | after | from |", [*rows, total])
    sources = dict.fromkeys(
        price.source for line in priced.lines for price in (line.before, line.after) if price.source
    )
    yield "\n".join(
        [
            f"List prices, collected on {listed['date']} in `review/prices.json`; traffic and use "
            "are not in them.",
            *(f"- {_source(source)}" for source in sources),
        ]
    )


def _source(source: str) -> str:
    words, _, url = source.rpartition(": ")
    return f"{plain(words)}: <{url.replace(' ', '%20')}>"


def _then(before: Price, after: Price) -> str:
    return f" → {plain(after.basis)}" if before.basis != after.basis else ""


def _amount(price: Price) -> str:
    return "unknown" if price.amount is None else f"{price.amount:.2f}"


def _difference(priced: Cost) -> str:
    if not priced.lines:
        return "cost unknown"
    difference, currency = priced.difference, cost.prices()["currency"]
    if difference is None:
        known = priced.known("after") - priced.known("before")
        and_known = f"{known:+.2f} {currency} a month and " if abs(known) >= 0.005 else ""
        return f"cost changes by {and_known}an unknown amount"
    if abs(difference) < 0.005:
        return "cost unchanged"
    return f"cost {difference:+.2f} {currency} a month"


def _table(head: str, rows: list[str]) -> str:
    line = "|" + " --- |" * (head.count("|") - 1)
    return "\n".join([head, line, _some(rows)])


def _some(rows: list[str]) -> str:
    left = len(rows) - ROWS
    return "\n".join([*rows[:ROWS], f"\n… and {left} more." if left > 0 else ""]).rstrip("\n")


def _names(names: list[str]) -> str:
    left = len(names) - ROWS
    return joined(names) if left <= 0 else f"{', '.join(names[:ROWS])} and {left} more"
