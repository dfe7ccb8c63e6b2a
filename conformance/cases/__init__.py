"""What is promised, group by group: importing this adds every case."""

from __future__ import annotations

import pkgutil
from importlib import import_module

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

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
