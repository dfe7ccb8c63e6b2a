"""Header fields: who is asked for, who says to be asking, and what is no header at all.

The model is told `alice` whatever alice writes, and learns nothing else from her headers.
"""

from __future__ import annotations

from conformance.actors.wire import BODY, get, post, row

LENGTH = f"Content-Length: {len(BODY)}"

# --- Host ----------------------------------------------------------------------------------------
HOSTS = [
    ("none", "", "closed"),
    ("none, in HTTP/1.0", "", "closed"),
    ("empty", "Host:", "400"),
    ("twice the same", "Host: HOST\r\nHost: HOST", "400"),
    ("ours, and another after it", "Host: HOST\r\nHost: evil", "400"),
    ("another, and ours after it", "Host: evil\r\nHost: HOST", "closed"),
    ("another name", "Host: evil", "closed"),
    ("another name with our port", "Host: evil:PORT", "closed"),
    ("ours below another", "Host: NAME.evil:PORT", "closed"),
    ("another port", "Host: NAME:1", "421"),
    ("no number as port", "Host: NAME:x", "421", "400"),
    ("userinfo before it", "Host: evil@HOST", "closed", "400"),
    ("a dot after it", "Host: NAME.", "200"),
    ("an address", "Host: 127.0.0.1:PORT", "closed"),
    ("an IPv6 address", "Host: [::1]:PORT", "closed"),
    ("two in one", "Host: HOST,evil", "400", "421"),
    ("a path behind it", "Host: HOST/evil", "400"),
    ("a NUL behind it", "Host: HOST\x00", "400"),
    ("a space before the colon", "Host : HOST", "400", "closed"),
    ("capital letters", "Host: LOUD:PORT", "200"),
    ("without the port", "Host: NAME", "200"),
]
for number, (what, field, *expected) in enumerate(HOSTS, 201):
    version = "HTTP/1.0" if "1.0" in what else "HTTP/1.1"
    raw = get(version=version).replace("Host: HOST\r\n", f"{field}\r\n" if field else "")
    row(f"HTTP-{number}", f"a Host: {what}", raw, *expected, reaches=int(expected == ["200"]))

# --- who calls, and what else one would like to talk a proxy into --------------------------------
CLAIMS = [
    ("X-Client-Name", "X-Client-Name: bob"),
    (
        "X-Client-Name three times, in three cases",
        "X-CLIENT-NAME: a\r\nx-client-name: b\r\nX-Client-Name: c",
    ),
    ("X-Client-Serial", "X-Client-Serial: 01"),
    ("X_Client_Name, with underscores", "X_Client_Name: bob\r\nX_CLIENT_SERIAL: 01"),
    ("an empty X-Client-Name", "X-Client-Name:\r\nX-Client-Serial:"),
    ("an X-Client-Name of 7 kB", "X-Client-Name: " + "b" * 7000),
    (
        "Connection: X-Client-Name, as if it went one hop only",
        "Connection: X-Client-Name, X-Client-Serial, Host",
    ),
    (
        "X-Forwarded-For, -Host, -Proto, X-Real-IP",
        "X-Forwarded-For: ::1\r\nX-Forwarded-Host: x\r\nX-Forwarded-Proto: http\r\nX-Real-IP: ::1",
    ),
    ("Forwarded", 'Forwarded: for=127.0.0.1;host="evil";proto=http'),
    (
        "X-Forwarded-Client-Cert and X-SSL-Client-Verify",
        "X-Forwarded-Client-Cert: Subject=CN=bob\r\nX-SSL-Client-Verify: SUCCESS",
    ),
    ("X-Original-URL and X-Rewrite-URL", "X-Original-URL: /docs\r\nX-Rewrite-URL: /docs"),
    (
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\nX-HTTP-Method: DELETE",
    ),
    ("X-Accel-Redirect", "X-Accel-Redirect: /_error"),
    ("X-Request-ID", "X-Request-ID: mine"),
    ("Proxy", "Proxy: http://evil"),
    ("Authorization and Cookie", "Authorization: Bearer x\r\nCookie: a=b"),
    ("Range", "Range: bytes=0-1"),
    ("Expect: nonsense", "Expect: nonsense"),
    (
        "Upgrade: websocket",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
    ),
    (
        "Upgrade: h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
    ),
    ("TE and Trailer", "TE: trailers\r\nTrailer: X-Client-Name"),
    ("a header of 8 kB", "X: " + "a" * 8000),
    ("900 headers", "\r\n".join(["X: 1"] * 900)),
]
for number, (what, field) in enumerate(CLAIMS, 231):
    row(f"HTTP-{number}", f"a header: {what}", post(LENGTH, field), "200", reaches=1)
row(
    "HTTP-261",
    "Expect: 100-continue",
    post(LENGTH, "Expect: 100-continue"),
    "100, 200",
    "200",
    reaches=1,
)

# --- what is no header ---------------------------------------------------------------------------
BROKEN = [
    ("a space before the colon", "X : 1", "400"),
    ("a space before the name", " X: 1", "400"),
    ("a line that goes on in the next", "X: 1\r\n 2", "400"),
    ("a line that goes on with a tab", "X: 1\r\n\t2", "400"),
    ("no name", ": bob", "400"),
    ("a NUL in a name", "X\x00: 1", "400"),
    ("a NUL in a value", "X: 1\x002", "400"),
    ("a bare carriage return in a value", "X: 1\rX-Client-Name: bob", "400"),
    ("a control character in a name", "X\x01: 1", "400"),
    ("a header of 40 kB", "X: " + "a" * 40_000, "431"),
    ("a name of 40 kB", "a" * 40_000 + ": 1", "431"),
    ("40,000 headers", "\r\n".join(["X: 1"] * 40_000), "431"),
]
for number, (what, field, *expected) in enumerate(BROKEN, 271):
    row(f"HTTP-{number}", f"no header: {what}", get(field), *expected)
row(
    "HTTP-290",
    "a header without a colon is one without a value, and goes nowhere",
    get("X-Client-Name"),
    "200",
    reaches=1,
)
row(
    "HTTP-291",
    "a bare line feed before X-Client-Name",
    get("X: 1\nX-Client-Name: bob"),
    "200",
    "400",
    reaches=1,
)
