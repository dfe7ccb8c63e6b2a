"""nginx.conf as a tree, for tests that look at what was rendered.

Whether nginx takes it and does what it says is for tests/sidecar, with a real nginx.
"""

from __future__ import annotations

import base64
import re

from policy.nginx_conf import Directive, parsed
from tests.unit.program import Deployment


def configuration(deployment: Deployment) -> str:
    (volume,) = deployment["endpoint-group"].inputs["volumes"]
    return base64.b64decode(volume["secret"]["nginx.conf"]).decode()


def servers(text: str) -> list[Directive]:
    (http,) = parsed(text).find("http")
    return http.find("server")


def only(directive: Directive, name: str) -> list[str]:
    (found,) = directive.find(name)
    return found.arguments


def map_of(text: str, variable: str) -> dict[str, str]:
    (http,) = parsed(text).find("http")
    (found,) = (m for m in http.find("map") if m.arguments[1] == variable)
    return {entry.name: entry.arguments[0] for entry in found.block}


def model_location(text: str) -> Directive:
    """Where requests go to the model."""
    ours, _, _ = servers(text)
    (location,) = (d for d in ours.find("location") if d.find("proxy_pass"))
    return location


def lookup(rules: dict[str, str], value: str) -> str:
    """What nginx makes of a value: a whole text counts first, then patterns in their order."""
    default = rules.get("default", "")
    exact = {k.lower(): v for k, v in rules.items() if k != "default" and k[:1] != "~"}
    patterns = {k[1:]: v for k, v in rules.items() if k[:1] == "~"}
    if value.lower() in exact:
        return exact[value.lower()]
    return next((v for pattern, v in patterns.items() if re.search(pattern, value)), default)
