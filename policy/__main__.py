"""The policy pack. Building it starts a server, so nothing else may be in this file."""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine starts the pack in its own folder.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.guardrails import GUARDRAILS

PolicyPack(
    name="mtls-model-endpoint",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[guardrail.policy() for guardrail in GUARDRAILS],
)
