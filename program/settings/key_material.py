"""Keys and passwords that stand in a stack file for everybody to read: found by their form.

Only what cannot be anything else. The forms of Azure's keys and GitHub's tokens:
https://github.com/microsoft/security-utilities and https://github.com/gitleaks/gitleaks
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

HIDDEN = "[secret]"
_TEXTS = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)"
    r"|PuTTY-User-Key-File-\d.*"
    r"|\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/%]{20,}=*"
    r"|(?<=[?&;])sig=[A-Za-z0-9+/%]{20,}=*"
    # Azure: keys of 64 and of 32 bytes with the service's signature, secrets of applications.
    r"|[A-Za-z0-9+/]{76}(?:APIM|ACDb|\+(?:ABa|AMC|ASt))[A-Za-z0-9+/]{5}[AQgw]=="
    r"|[A-Za-z0-9+/]{33}(?:AIoT|\+(?:ASb|AEh|ARm))[A-P][A-Za-z0-9+/]{5}="
    r"|[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{82}",
    re.DOTALL,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{60,}")
_BINARIES = re.compile(
    rb"\x30.{1,4}\x02\x01[\x00\x01]\x30.{1,3}\x06"  # PKCS#8: RFC 5958
    rb"|\x30.{1,4}\x30.{1,3}\x06.\x2a\x86\x48\x86\xf7\x0d\x01[\x05\x0c]"  # the same, encrypted
    rb"|\x30.{1,4}\x02\x01\x00\x02"  # PKCS#1: RFC 8017, A.1.2; DSA's looks the same
    rb"|\x30.{1,3}\x02\x01\x01\x04"  # EC: RFC 5915
    # PKCS#12: RFC 7292
    rb"|\x30.{1,5}\x02\x01\x03\x30.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
    rb"|openssh-key-v1\x00",
    re.DOTALL,
)


def hidden(text: str) -> str:
    """The text without the keys in it."""
    return _BASE64.sub(_unless_key, _TEXTS.sub(HIDDEN, text))


def holds_key(text: str) -> bool:
    """Whether there is a key in a text, folded or with its lines' ends written as `\\n` or not."""
    unfolded = re.sub(r"(?:\\[nrt]|\s)+", "", text)
    return any(hidden(each) != each for each in (text, unfolded))


def _unless_key(match: re.Match[str]) -> str:
    text = match[0].translate(str.maketrans("-_", "+/"))
    data = base64.b64decode(text[: len(text) // 4 * 4])
    return HIDDEN if _BINARIES.match(data) or holds_key(data.decode("latin-1")) else match[0]


Place = tuple[str | int, ...]
READ_BY_ALL: tuple[Place, ...] = (("tags",), ("modelImage", "buildArgs"), ("modelImage",))
"""Places of plain text: a secret there is deployed for all who may read the resource or image."""


def found(value: Any, place: Place = ()) -> Iterator[tuple[Place, bool]]:
    """Where there is a key, or a secret that would be deployed as plain text; and which it is.

    A secret is here what the stack file has of it, `{secure: …}`.
    """
    if isinstance(value, dict) and list(value) == ["secure"]:
        if place in READ_BY_ALL or place[:-1] in READ_BY_ALL:
            yield place, True
    elif isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(step, str) and holds_key(step):
                yield (*place, HIDDEN), False
            else:
                yield from found(item, (*place, step))
    elif isinstance(value, str) and (place == PRIVATE_KEY or holds_key(value)):
        yield place, False


PRIVATE_KEY = ("certificates", "authority", "privateKeyPem")
