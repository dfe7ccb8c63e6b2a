"""nginx.conf as a tree, read by a library made for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import crossplane


@dataclass(frozen=True)
class Directive:
    """`name arguments;` or `name arguments { block }`."""

    name: str
    arguments: list[str]
    block: list[Directive]

    def find(self, name: str) -> list[Directive]:
        """Finds the directives of a name that are directly in the block."""
        return [directive for directive in self.block if directive.name == name]

    def walk(self) -> Iterator[Directive]:
        """Goes through this directive and all below it."""
        yield self
        for directive in self.block:
            yield from directive.walk()

    def all(self, name: str) -> list[Directive]:
        """Finds the directives of a name at any depth."""
        return [directive for directive in self.walk() if directive.name == name]

    def words(self, name: str) -> set[str]:
        """Collects the arguments of all directives of a name."""
        return {word for directive in self.all(name) for word in directive.arguments}


def parsed(text: str) -> Directive:
    """Parses nginx.conf.

    Raises:
        crossplane.errors.NgxParserBaseException: if it is none.
    """
    read = crossplane.parse_string(
        text, single=True, catch_errors=False, check_ctx=False, check_args=False
    )
    return Directive("main", [], _block(read["config"][0]["parsed"]))


def _block(directives: list[dict[str, Any]]) -> list[Directive]:
    return [
        Directive(each["directive"], each["args"], _block(each.get("block", ())))
        for each in directives
    ]
