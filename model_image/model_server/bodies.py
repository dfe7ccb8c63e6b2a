"""Bodies as they come: encoded or not, and never longer than allowed."""

import zlib
from collections.abc import Iterable

from .errors import RequestError

MOST_PER_BYTE = 1032
"""What a byte of gzip can become at most: https://zlib.net/zlib_tech.html"""

_MOST_MEMBERS = 10_000
"""Empty ones cost 4 µs each, measured, and nothing else bounds them. bgzip writes one for 64 kB."""


def encoding_of(headers: Iterable[str]) -> str:
    """`gzip` or `identity`, from the values of Content-Encoding; 415 for any other."""
    given = ", ".join(headers).strip().lower()
    if given in ("", "identity"):
        return "identity"
    if given == "gzip":
        return given
    raise RequestError(
        415,
        f"Content-Encoding {given[:60]!r} is not taken; send the body as gzip or identity.",
        {"Accept-Encoding": "gzip, identity"},
    )


def too_large(limit: int) -> RequestError:
    return RequestError(413, f"The body is larger than {limit} bytes; send smaller batches.")


class Body:
    """Collects a body piece by piece; refuses what is too long before it is unpacked."""

    def __init__(self, encoding: str, limit: int) -> None:
        self.bytes = bytearray()
        self._limit = limit
        self._unpacks = encoding == "gzip"
        self._members = 0
        self._next_member()

    def add(self, piece: bytes) -> None:
        if not self._unpacks:
            self._take(piece)
            return
        while piece:
            if (
                self._member.eof
            ):  # zeros are padding; one more may follow, as `cat a.gz b.gz` has it
                piece = piece.lstrip(b"\0")
                if not piece:
                    return
                self._next_member()
            try:
                self._take(self._member.decompress(piece, self._limit - len(self.bytes) + 1))
            except zlib.error as error:
                raise RequestError(400, f"The body is not valid gzip: {error}.") from error
            piece = self._member.unconsumed_tail or self._member.unused_data

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise RequestError(400, f"The body has more than {_MOST_MEMBERS} members of gzip.")
        self._member = zlib.decompressobj(wbits=31)

    def end(self) -> None:
        if self._unpacks and not self._member.eof:
            raise RequestError(400, "The body is not valid gzip: it ends too soon.")

    def _take(self, piece: bytes) -> None:
        self.bytes += piece
        if len(self.bytes) > self._limit:
            raise too_large(self._limit)
