"""Where a request ends: nobody may see it end elsewhere than the sidecar does.

What is in doubt is refused. What is odd but clear is served, as one request of alice's. HIDDEN
stands where a second request would be found by a server that counts in another way: it is part of a
body, or a request of its own that the sidecar looks at and refuses with 404.
"""

from __future__ import annotations

from conformance.actors.wire import BODY, METADATA, get, post, row

CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(BODY)}"
CHUNK = f"{len(BODY):x}\r\n{BODY}\r\n"
WHOLE = CHUNK + "0\r\n\r\n"
MEGABYTE = 1024 * 1024

# --- one length, another length, and chunks ------------------------------------------------------
row(
    "HTTP-001",
    "CL.TE: a length that covers both requests, and chunks that end before the second",
    post("Content-Length: 999", CHUNKED, body=WHOLE + "HIDDEN"),
    "400",
    ends=True,
)
row(
    "HTTP-002",
    "TE.CL: chunks that hold both requests, and a length that ends before the second",
    post("Content-Length: 4", CHUNKED, body="HIDDEN_SIZE\r\nHIDDEN\r\n0\r\n\r\n"),
    "400",
)
row(
    "HTTP-003",
    "TE.TE: chunked and identity, each in a header",
    post(CHUNKED, "Transfer-Encoding: identity", body=WHOLE + "HIDDEN"),
    "400",
)
row(
    "HTTP-004",
    "TE.TE: the same Transfer-Encoding twice",
    post(CHUNKED, CHUNKED, body=WHOLE + "HIDDEN"),
    "400",
)
row(
    "HTTP-005",
    "TE.TE: chunked, identity in one header",
    post("Transfer-Encoding: chunked, identity", body=WHOLE + "HIDDEN"),
    "501",
)
row(
    "HTTP-006",
    "TE.TE: an encoding that only looks like chunked",
    post(LENGTH, "Transfer-Encoding: xchunked", body=BODY + "HIDDEN"),
    "501",
)
row(
    "HTTP-007",
    "TE.TE: a tab before chunked",
    post("Transfer-Encoding:\tchunked", body=WHOLE + "HIDDEN"),
    "501",
)
row(
    "HTTP-008",
    "TE.TE: a vertical tab before chunked",
    post("Transfer-Encoding: \x0bchunked", body=WHOLE + "HIDDEN"),
    "501",
)
row(
    "HTTP-009",
    "TE.TE: a space before the colon of Transfer-Encoding",
    post(LENGTH, "Transfer-Encoding : chunked", body=WHOLE + "HIDDEN"),
    "400",
)
row(
    "HTTP-010",
    "TE.TE: Transfer_Encoding, with an underscore, is a header that nobody knows",
    post("Content-Length: 0", "Transfer_Encoding: chunked", close=False, body="HIDDEN"),
    "400, 404",
    reaches=1,
)
row(
    "HTTP-011",
    "TE.TE: Transfer-Encoding behind a bare line feed, beside a length",
    post(f"{LENGTH}\nTransfer-Encoding: chunked", body=WHOLE + "HIDDEN"),
    "400",
)
row(
    "HTTP-012",
    "CL.CL: two lengths, one of which ends before the second request",
    post(LENGTH, "Content-Length: 999", body=BODY + "HIDDEN"),
    "400",
)
row("HTTP-013", "CL.CL: the same length twice", post(LENGTH, LENGTH), "400")
row("HTTP-014", "two lengths in one header", post(f"Content-Length: {len(BODY)}, 4"), "400")
row("HTTP-015", "a length with a plus", post(f"Content-Length: +{len(BODY)}"), "400")
row("HTTP-016", "a negative length", post("Content-Length: -1"), "400")
row("HTTP-017", "a length in hexadecimal", post("Content-Length: 0x10"), "400")
row("HTTP-018", "a length with a space in it", post("Content-Length: 3 0"), "400")
row("HTTP-019", "a length beyond 64 bits", post("Content-Length: 99999999999999999999"), "400")
row("HTTP-020", "an empty length", post("Content-Length:", body="HIDDEN"), "400")
row(
    "HTTP-021",
    "a length with zeros before and spaces around it",
    post(f"Content-Length:   000{len(BODY)}  "),
    "200",
    reaches=1,
)
row(
    "HTTP-022",
    "Transfer-Encoding with HTTP/1.0, which has none",
    post(CHUNKED, body=WHOLE + "HIDDEN", version="HTTP/1.0"),
    "400",
)
row(
    "HTTP-023",
    "a body of another request with its length: it stays a body",
    post("Content-Length: HIDDEN_LENGTH", body="HIDDEN"),
    "400",
    reaches=1,
)
row(
    "HTTP-024",
    "GET with a body of another request: it stays a body",
    get("Content-Length: HIDDEN_LENGTH") + "HIDDEN",
    "200",
    reaches=1,
)
row(
    "HTTP-025",
    "GET with a chunked body of another request: it stays a body",
    get(CHUNKED) + "HIDDEN_SIZE\r\nHIDDEN\r\n0\r\n\r\n",
    "200",
    reaches=1,
)

# --- chunks --------------------------------------------------------------------------------------
row("HTTP-026", "a chunked body", post(CHUNKED, body=WHOLE), "200", reaches=1)
row(
    "HTTP-027",
    "Chunked, in another case",
    post("tRANSFER-eNCODING: ChUnKeD", body=WHOLE),
    "200",
    reaches=1,
)
row(
    "HTTP-028",
    "chunk extensions, one with a request in it",
    post(CHUNKED, body=f'{len(BODY):x};a="GET /docs HTTP"\r\n{BODY}\r\n0;b\r\n\r\n'),
    "200",
    reaches=1,
)
row(
    "HTTP-029",
    "trailers that say who calls and how long the body was",
    post(CHUNKED, body=CHUNK + "0\r\nX-Client-Name: bob\r\nContent-Length: 5\r\n\r\n"),
    "200",
    reaches=1,
)
row("HTTP-030", "a chunk size that is no number", post(CHUNKED, body="zz\r\n" + BODY), "400")
row("HTTP-031", "a chunk size with 0x", post(CHUNKED, body="0x" + WHOLE), "400")
row("HTTP-032", "a negative chunk size", post(CHUNKED, body="-1\r\n" + BODY), "400")
row(
    "HTTP-033",
    "a chunk size beyond 64 bits",
    post(CHUNKED, body="10000000000000000" + CHUNK + "0\r\n\r\n"),
    "400",
)
row(
    "HTTP-034",
    "a chunk that is longer than its size says",
    post(CHUNKED, body=f"5\r\n{BODY}\r\n0\r\n\r\n" + "HIDDEN"),
    "400",
)
row("HTTP-035", "chunks without the last one", post(CHUNKED, body=CHUNK), "closed", ends=True)
row(
    "HTTP-036",
    "a body that ends before its length",
    post("Content-Length: 999"),
    "closed",
    ends=True,
)

# --- how much ------------------------------------------------------------------------------------
row(
    "HTTP-037",
    "a length beyond the limit",
    post("Content-Length: 8388609", close=False),
    "413",
    ends=True,
)
row(
    "HTTP-038",
    "chunks beyond the limit, one after another",
    post(CHUNKED, body=f"{MEGABYTE:x}\r\n{' ' * MEGABYTE}\r\n" * 9 + "0\r\n\r\n"),
    "413",
)
row(
    "HTTP-039",
    "a chunk size beyond the limit, and little of it",
    post(CHUNKED, body="7fffffff\r\n" + BODY),
    "413",
)
row(
    "HTTP-040",
    "an empty body is for the model to refuse",
    post("Content-Length: 0", body=""),
    "400",
    reaches=1,
)
row(
    "HTTP-041",
    "another Content-Type is for the model to take or to refuse",
    post(LENGTH, "Content-Type: text/html"),
    "200",
    reaches=1,
)
row(
    "HTTP-042",
    "Content-Encoding: gzip before a body that is not packed: for the model to refuse",
    post(LENGTH, "Content-Encoding: gzip"),
    "400",
    reaches=1,
)

# --- one connection, several requests ------------------------------------------------------------
NEXT = get(target=METADATA)
row(
    "HTTP-043",
    "two good requests in one packet",
    post(LENGTH, close=False) + NEXT,
    "200, 200",
    reaches=2,
)
row(
    "HTTP-044",
    "a good request, and one for a path that is closed",
    post(LENGTH, close=False) + "HIDDEN",
    "200, 404",
    reaches=1,
)
row(
    "HTTP-045",
    "a request for another host behind a good one",
    post(LENGTH, close=False) + NEXT.replace("HOST", "evil"),
    "200",
    reaches=1,
)
row(
    "HTTP-046",
    "a malformed request before a good one",
    get("X : 1").replace("Connection: close\r\n", "") + NEXT,
    "400",
)
row("HTTP-047", "a request after Connection: close", post(LENGTH) + NEXT, "200", reaches=1)
row(
    "HTTP-048",
    "a request after a body that was refused for its length",
    post("Content-Length: 8388609", close=False) + NEXT,
    "413",
    ends=True,
)
