"""Whether clients can go on to call as they do: the address before and after the change.

Before is what the last deployment told its clients; after follows from the stack file, as far as a
preview can know it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from review.steps import Preview
from review.text import code

_PORTS = {"mtls": ("endpointPort", 443, "https", 443), "none": ("modelPort", 8501, "http", 80)}


def changes(preview: Preview) -> Iterator[str]:
    """What clients have to be told, a sentence each."""
    before = preview.outputs.get("endpoint")
    if not isinstance(before, Mapping) or not before.get("predictUrl"):
        return
    old, new = str(before["predictUrl"]), _predict_url(preview, before)
    if new is None:
        yield (
            f"The endpoint gets another name: {code(old)} leads nowhere any more, and every client "
            "has to be given the new address."
        )
    elif new != old:
        yield (
            f"The address changes: {code(old)} becomes {code(new)}, and every client has to be "
            "given it."
        )


def _predict_url(preview: Preview, before: Mapping[str, Any]) -> str | None:
    """None where the name is known only afterwards."""
    tls = str(preview.setting("tls") or "mtls")
    key, usual, scheme, unspoken = _PORTS.get(tls, _PORTS["mtls"])
    port, model = preview.setting(key) or usual, preview.setting("modelName")
    names = preview.setting("serverNames")
    name = names[0] if isinstance(names, list) and names else _fqdn(preview, str(before["fqdn"]))
    if name is None:
        return None
    shown = "" if int(port) == unspoken else f":{port}"
    return f"{scheme}://{name}{shown}/v1/models/{model}:predict"


def _fqdn(preview: Preview, old: str) -> str | None:
    """Azure's name for it: the label, six characters that stay, the region."""
    label, _, rest = old.partition(".")
    region = str(preview.setting("azure-native:location") or "").replace(" ", "").lower()
    stays = label[:-7] == preview.setting("dnsLabel") and rest.partition(".")[0] == region
    suffix = preview.by_name.get("dns-label-suffix")
    return old if stays and (suffix is None or suffix.op not in ("replace", "delete")) else None
