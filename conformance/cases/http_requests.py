"""The request line: which target, which method, which version of HTTP.

The sidecar compares the line with what it knows letter for letter, and decodes nothing.
"""

from __future__ import annotations

from conformance.actors.wire import METADATA, PREDICT, STATUS, get, row

# --- targets -------------------------------------------------------------------------------------
TARGETS = [
    ("%2e%2e out of a model's path", f"{STATUS}/%2e%2e/%2e%2e/%2e%2e/health/live", "404"),
    ("/../ out of a model's path", f"{STATUS}/../../../health/live", "404"),
    ("/../ into a model's path", "/v1/models/x/../demo", "404"),
    ("/../ above the root", "/../v1/models/demo", "400"),
    ("%2e%2e above the root", "/%2e%2e/health/live", "400"),
    ("%2f instead of a slash", f"{STATUS}%2fmetadata", "404"),
    ("%252e%252e, encoded twice", f"{STATUS}/%252e%252e/%252e%252e/health/live", "404"),
    ("an encoded letter", "/v1/models/d%65mo", "404"),
    ("an encoded colon", f"{STATUS}%3Apredict", "404"),
    ("an encoded NUL", f"{STATUS}%00", "400"),
    ("an encoded line break and a header", f"{STATUS}%0d%0aX-Client-Name:%20bob", "404"),
    ("an overlong UTF-8 slash", "/v1/models/x%c0%af..%c0%afdemo", "404"),
    ("a broken encoding", f"{STATUS}%zz", "400"),
    ("backslashes", f"{STATUS}\\..\\..\\health", "404"),
    ("//", "//v1/models/demo", "404"),
    ("// in the middle", "/v1//models/demo", "404"),
    ("/./", "/v1/models/./demo", "404"),
    ("; and a parameter", f"{STATUS};x=1", "404"),
    ("a slash after it", f"{STATUS}/", "404"),
    ("a query", f"{STATUS}?x=1", "404"),
    ("an empty query", f"{STATUS}?", "404"),
    ("a fragment", f"{STATUS}#x", "404"),
    ("another case", "/V1/Models/Demo", "404"),
    ("a space in it", f"{STATUS} x", "400", "404"),
    ("a NUL in it", f"{STATUS}\x00", "400"),
    ("a tab in it", f"{STATUS}\tx", "400"),
    ("a byte beyond ASCII in it", f"{STATUS}\xff", "404"),
    ("the model's own health route", "/health/live", "404"),
    ("the model's documentation", "/docs", "404"),
    ("the sidecar's page for errors", "/_error", "404"),
    ("absolute form", f"https://HOST{STATUS}", "404"),
    ("absolute form with another host", f"http://evil{STATUS}", "closed"),
    ("authority form", "HOST", "400"),
    ("asterisk form", "*", "400"),
    ("7 kB of it", "/" + "a" * 7000, "404"),
    ("64 kB of it", "/" + "a" * 65536, "414"),
]
for number, (what, target, *expected) in enumerate(TARGETS, 101):
    row(f"HTTP-{number}", f"a target: {what}", get(target=target), *expected)

# --- methods -------------------------------------------------------------------------------------
METHODS = [
    ("TRACE", STATUS, "405"),
    ("OPTIONS", STATUS, "405"),
    ("DELETE", STATUS, "405"),
    ("PUT", STATUS, "405"),
    ("PATCH", STATUS, "405"),
    ("BREW", STATUS, "405"),
    ("POST", STATUS, "405"),
    ("GET", PREDICT, "405"),
    ("DELETE", PREDICT, "405"),
    ("CONNECT", "HOST", "400", "405"),
    ("OPTIONS", "*", "400"),
    ("post", PREDICT, "400"),
    ("Get", STATUS, "400"),
    ("G-E-T", STATUS, "404"),
    ("", STATUS, "400"),
    ("A" * 5000, STATUS, "405"),
    ("G E T", STATUS, "400"),
]
for number, (method, target, *expected) in enumerate(METHODS, 151):
    shown = method if len(method) < 10 else "a method of 5 kB"
    row(
        f"HTTP-{number}",
        f"a method: {shown or 'none'} {target}",
        get(method=method, target=target),
        *expected,
    )

# --- versions ------------------------------------------------------------------------------------
VERSIONS = [
    ("HTTP/1.0", "200"),
    ("HTTP/1.2", "404"),
    ("HTTP/1.10", "404"),
    ("HTTP/2.0", "505"),
    ("HTTP/3.0", "505"),
    ("HTTP/1", "400"),
    ("http/1.1", "400"),
    ("HTTP/1.1 HTTP/1.1", "400"),
]
for number, (version, *expected) in enumerate(VERSIONS, 171):
    row(
        f"HTTP-{number}",
        f"a version: {version}",
        get(version=version),
        *expected,
        reaches=int(expected == ["200"]),
    )
row("HTTP-181", "a version: HTTP/0.9, which has none", f"GET {STATUS}\r\n", "closed")
row(
    "HTTP-182",
    "HTTP/2 as one begins it who knows that it is spoken",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "closed",
    "400",
)
row("HTTP-183", "an empty line before the request", "\r\n" + get(), "200", reaches=1)
row("HTTP-184", "spaces before the method", "  " + get(), "400")
row(
    "HTTP-185",
    "bare line feeds at the end of all lines",
    get().replace("\r\n", "\n"),
    "200",
    "400",
    reaches=1,
)
row(
    "HTTP-186",
    "a bare carriage return in the request line",
    get(target=f"{METADATA}\rX-Client-Name:bob"),
    "400",
)
