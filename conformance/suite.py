"""All cases: importing a group's module adds its cases."""

from __future__ import annotations

from conformance import (
    availability,
    certificates,
    crashes,
    faults,
    faults_of_the_model,
    http,
    identity,
    lifecycle,
    limits,
    memory,
    odd_certificates,
    resumption,
    tls,
    tls_tools,
)

__all__ = [
    "GROUPS",
    "availability",
    "certificates",
    "crashes",
    "faults",
    "faults_of_the_model",
    "http",
    "identity",
    "lifecycle",
    "limits",
    "memory",
    "odd_certificates",
    "resumption",
    "tls",
    "tls_tools",
]

GROUPS = {
    "CERT": "who is let in, by certificate",
    "RESUME": "TLS sessions from earlier",
    "TLS": "protocol and configuration",
    "NAME": "who the server is, seen by a client",
    "HTTP": "what reaches the model",
    "LIMIT": "how much one client may ask for",
    "MEMORY": "both containers in their memory",
    "AVAIL": "good clients beside bad ones",
    "LIFE": "certificates through the years",
    "FAULT": "what breaks, and what then happens",
}
"""In the order of a run, those that change the deployment last."""
