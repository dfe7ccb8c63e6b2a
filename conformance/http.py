"""The group HTTP: what may be written into a request, by somebody who is let in."""

from __future__ import annotations

from conformance import http_framing, http_headers, http_requests

__all__ = ["http_framing", "http_headers", "http_requests"]
