"""Ports of this machine: which a stack takes, and whether they are free."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Any

from common.names import PROJECT_NAME
from common.refusal import Refusal


def require_free_ports(config: Mapping[str, Any]) -> None:
    """Makes sure that nothing listens on the ports that a stack takes.

    Args:
        config: the stack file's values, with the defaults of Pulumi.yaml.

    Raises:
        Refusal: a line for each port that is taken.
    """
    keys = (
        ["modelPort"]
        if config.get("tls") == "none"
        else ["modelPort", "endpointPort", "healthPort"]
    )
    taken = []
    for key in keys:
        # `pulumi config set` writes numbers as text. Whether it is a port at all is for
        # program/settings/ to say.
        port = str(config[key])
        if re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536:
            try:
                require_free_port(int(port), key)
            except Refusal as refusal:
                taken.append(str(refusal))
    if taken:
        raise Refusal("\n".join(taken))


def require_free_port(port: int, key: str = "") -> None:
    """Make sure that nothing listens on a port of this machine.

    Raises:
        Refusal: naming the port, the key that sets it and a free one.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except PermissionError:
            raise Refusal(
                f"{key or 'port'}: {port} may not be bound by this user; it takes a port from "
                f"1024 up. Put `{_key(key)}: {_free_port()}` into the stack file"
            ) from None
        except OSError:
            raise Refusal(
                f"{key or 'port'}: {port} is taken on this machine (`ss -ltnp` shows by whom); it "
                f"takes a port that is free. Put `{_key(key)}: {_free_port()}` into the stack "
                "file, or stop the other program"
            ) from None


def _key(key: str) -> str:
    """As it stands in the stack file; `pulumi config set` would want to log in somewhere."""
    return f"{PROJECT_NAME}:{key or 'endpointPort'}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
