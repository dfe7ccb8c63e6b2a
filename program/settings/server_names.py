"""Names of the endpoint that clients can call, and a server certificate can hold.

A good server certificate must never be replaced by one that nobody can use.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from program.settings.refusals import HERE, Rule, refusal

LONGEST = 231
"""nginx looks up `<name>.:<port>`, and does not start with a longer name: its map_hash_bucket_size
is 256. Seen with `nginx -t` and the port 65535."""
MOST = 100
"""Of the longest names they make a certificate of 23.7 kB. Java's clients take 32,768 bytes in a
handshake's message (jdk.tls.maxHandshakeMessageSize), the chain of the user's CAs among them;
2,000 names of 30 characters are 64 kB. OpenSSL's clients take 100 kB."""

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_REMOVE = f"pulumi config rm --path '{HERE}'"


def _callable(name: str) -> str:
    """The name, if clients can find it by DNS."""
    labels = name.split(".")
    allowed = None
    # What ends like this is an IPv4 address for clients: https://url.spec.whatwg.org/#ends-in-a-number-checker
    if re.fullmatch("[0-9]+|0x[0-9a-f]*", labels[-1]):
        allowed = "a DNS name, whose last part is no number (an IP address is none)"
    elif unreadable := [label for label in labels if not _is_readable(label)]:
        allowed = f"parts with xn-- that are a name's in Punycode, and {unreadable[0]} is none"
    elif name.endswith(".azurecontainer.io"):
        allowed = "names of your own (the endpoint's name in Azure is in the certificate anyway)"
    if allowed:
        raise refusal(HERE, name, allowed, _REMOVE)
    return name


def _is_readable(label: str) -> bool:
    """Whether a label says with xn-- what cannot be said without, and in the one way there is."""
    if not label.startswith("xn--"):
        return True
    encoded = label.removeprefix("xn--")
    try:
        decoded = encoded.encode().decode("punycode")
        again = decoded.encode("punycode").decode()
    except UnicodeError:
        return False
    return again == encoded and decoded.isprintable() and not decoded.isascii()


def _few(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if a certificate that clients take can hold them."""
    if len(names) > MOST:
        key = f"serverNames[{len(names) - 1}]"
        raise refusal(
            key,
            names[-1],
            f"at most {MOST} names, here are {len(names)} (clients refuse larger certificates)",
            f"pulumi config rm --path '{key}'",
        )
    return names


DnsName = Annotated[
    str,
    Field(
        max_length=LONGEST,
        # One label alone is no name on the internet, and `default` would be a word of nginx's.
        pattern=rf"^(localhost|{_LABEL}(\.{_LABEL})+)$",
    ),
    AfterValidator(_callable),
    Rule(
        f"a DNS name in lower case of up to {LONGEST} characters, without scheme, port or wildcard",
        "model.example.com",
    ),
]
ServerNames = Annotated[
    tuple[DnsName, ...],
    AfterValidator(_few),
    Rule("a list of DNS names", ["model.example.com"]),
]
