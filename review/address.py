"""Where clients find the endpoint today and then, and whether those who go on as before find it.

Today's address is the stack's output `endpoint`. The new one is made from the stack file, as
program/outputs.py makes it: in a preview the engine does not tell the stack's new outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.names import LOCATION
from review import sidecar
from review.steps import Preview
from review.text import code, joined

_FQDN = re.compile(
    r"(?P<label>.+-(?P<suffix>[a-z0-9]{6}))(?P<hash>\.[a-z0-9]+)?\.(?P<region>[^.]+)"
    r"\.azurecontainer\.io"
)
_NEW_SUFFIX = "??????"
"""Random, so it is known only afterwards."""


@dataclass(frozen=True)
class Address:
    """What a client has to be told, and the names by which the endpoint can be called."""

    url: str
    model: str
    names: tuple[str, ...]
    fqdn: str

    @property
    def predict_url(self) -> str:
        return f"{self.url}/v1/models/{self.model}:predict"

    @property
    def host(self) -> str:
        return self.url.partition("://")[2].partition(":")[0]

    def answers(self, other: Address) -> bool:
        """Whether who calls the other address gets there at this one."""
        same = self.url.replace(self.host, "", 1) == other.url.replace(other.host, "", 1)
        return same and self.model == other.model and other.host in self.names


@dataclass(frozen=True)
class Move:
    """Both addresses, each None where there is none or it is not known."""

    before: Address | None
    after: Address | None

    @property
    def is_known(self) -> bool:
        return self.before is None or self.after is not None

    @property
    def breaks(self) -> bool:
        """Whether the address that every client was given stops working."""
        if not self.before or not self.after:
            return False
        return not self.after.answers(self.before)

    @property
    def removed(self) -> tuple[str, ...]:
        """Names that lead nowhere any more, besides the one in the address that breaks."""
        if not self.before or not self.after:
            return ()
        said = self.before.host if self.breaks else None
        # Azure's name is there by DNS, whether or not the certificate holds it.
        names = dict.fromkeys([*self.before.names, self.before.fqdn])
        kept = {*self.after.names, self.after.fqdn, said}
        return tuple(name for name in names if name not in kept)

    @property
    def added(self) -> tuple[str, ...]:
        if not self.before or not self.after:
            return ()
        said = self.after.host if self.breaks else None
        return tuple(n for n in self.after.names if n not in self.before.names and n != said)

    @property
    def takes_nothing(self) -> bool:
        return self.is_known and not self.breaks and not self.removed


def of(preview: Preview) -> Move:
    """The endpoint's address in the last deployment and in the one that is planned."""
    endpoint = preview.outputs.get("endpoint")
    before = _before(preview, endpoint) if isinstance(endpoint, Mapping) else None
    return Move(before, _after(preview, before) if before else None)


def findings(move: Move) -> Iterator[str]:
    """What clients have to be told before they are cut off."""
    if move.breaks and move.before and move.after:
        yield (
            f"Every client has to be given the new address: {code(move.before.predict_url)} "
            f"becomes {code(move.after.predict_url)}."
        )
    if move.removed:
        cname = (
            " A DNS record that points to it has to be changed."
            if move.before and move.before.fqdn in move.removed
            else ""
        )
        yield (
            f"{joined([code(name) for name in move.removed])} no longer "
            f"{'leads' if len(move.removed) == 1 else 'lead'} to the endpoint: clients that call "
            f"it by that name cannot any more.{cname}"
        )


def notes(move: Move) -> Iterator[str]:
    """What nobody has to act upon."""
    if not move.is_known:
        yield "Whether the address changes is not known: the preview does not tell the stack file."
    if move.added:
        leads = "leads" if len(move.added) == 1 else "lead"
        yield f"{joined([code(name) for name in move.added])} {leads} to the endpoint, too."
    if move.before and move.after and not move.breaks and move.before.url != move.after.url:
        yield (
            f"The address in the outputs becomes {code(move.after.predict_url)}; "
            f"{code(move.before.predict_url)} goes on working."
        )


def _before(preview: Preview, endpoint: Mapping[str, Any]) -> Address | None:
    url, model, fqdn, name = (endpoint.get(k) for k in ("url", "modelName", "fqdn", "serverName"))
    if not all(isinstance(value, str) for value in (url, model, fqdn, name)):
        return None
    running = sidecar.running(preview)
    names = running.server_names if running else tuple(dict.fromkeys([str(name), str(fqdn)]))
    return Address(str(url), str(model), names, str(fqdn))


def _after(preview: Preview, before: Address) -> Address | None:
    model, own, fqdn = preview.text("modelName"), preview.setting("serverNames"), None
    if preview.text("dnsLabel"):
        fqdn = _fqdn(preview, before)
    mtls = preview.text("tls") != "none"
    port = preview.setting("endpointPort" if mtls else "modelPort")
    if not model or not isinstance(own, list) or not isinstance(port, int) or fqdn is None:
        return None
    names = (*map(str, own), *([] if _is_hashed(preview) else [fqdn]))
    scheme, default_port = ("https", 443) if mtls else ("http", 80)
    host_port = "" if port == default_port else f":{port}"
    return Address(f"{scheme}://{names[0]}{host_port}", model, names, fqdn)


def _fqdn(preview: Preview, before: Address) -> str | None:
    was = _FQDN.fullmatch(before.fqdn)
    if was is None:
        return None
    step = preview.by_name.get("dns-label-suffix")
    is_new = step is not None and step.op in ("create", "replace")
    location = preview.text(LOCATION)
    region = location.replace(" ", "").lower() if location else was["region"]
    label = f"{preview.text('dnsLabel')}-{_NEW_SUFFIX if is_new else was['suffix']}"
    if _is_hashed(preview):
        known = was["hash"] and (label, region) == (was["label"], was["region"])
        label += was["hash"] if known else f".{_NEW_SUFFIX}"
    return f"{label}.{region}.azurecontainer.io"


def _is_hashed(preview: Preview) -> bool:
    return preview.text("dnsLabelScope") not in (None, "Unsecure")
