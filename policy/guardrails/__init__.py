"""All guardrails: each module declares its own."""

from __future__ import annotations

from policy.guardrails import (  # noqa: F401  they declare theirs
    access,
    azure,
    certificates,
    governance,
    secrets,
    stack,
)
from policy.guardrails.rule import GUARDRAILS as GUARDRAILS
