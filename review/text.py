"""Words from elsewhere, made safe to stand in a comment on a pull request."""

from __future__ import annotations

import re

# In two pieces, so that nothing takes this file for one that holds a key.
_KEY = re.compile(
    "-----BEGIN [A-Z0-9 ]*PRIVATE" + r" KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE" + r" KEY-----|\Z)",
    re.DOTALL,
)


def without_keys(text: str) -> str:
    """The last line of defence: whatever a rule or an error says, no private key gets out."""
    return _KEY.sub("[secret]", text)


def plain(text: str, at_most: int = 400) -> str:
    """A sentence of somebody else's, in which nothing is markup and nobody is mentioned."""
    text = " ".join(without_keys(text).split())
    text = text if len(text) <= at_most else f"{text[: at_most - 1]}…"
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text)
    # An empty comment keeps `@name` from notifying somebody.
    return text.replace("@", "@<!-- -->")


def code(text: str) -> str:
    """A name or a path, as it is written."""
    text = " ".join(without_keys(text).split()).replace("`", "'")
    # In a table a bar ends the cell, in code too.
    return f"`{text}`".replace("|", "\\|")


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
