"""Guardrails for stacks of this project, and the pack that the engine loads."""
