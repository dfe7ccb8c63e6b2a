"""What cannot be reviewed is said in one sentence."""

from __future__ import annotations


class Refusal(Exception):
    """There is nothing to review; the text says why and what to do."""


def shown(value: object) -> str:
    """A value of the user's, short enough to stand in a sentence."""
    text = repr(str(value))
    return text if len(text) <= 80 else f"{text[:76]}...'"
