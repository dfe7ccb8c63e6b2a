"""All guardrails."""

from __future__ import annotations

from policy.guardrails import access, azure, certificates, governance, secrets, stack
from policy.guardrails.rule import Guardrail

GUARDRAILS: list[Guardrail] = [
    *azure.GUARDRAILS,
    *access.GUARDRAILS,
    *secrets.GUARDRAILS,
    *certificates.GUARDRAILS,
    *governance.GUARDRAILS,
    *stack.GUARDRAILS,
]
