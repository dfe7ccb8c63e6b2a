"""nginx.conf as a tree, for tests that look at what was rendered.

Whether nginx takes it and does what it says is for tests/sidecar, with a real nginx.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.program import Deployment


@dataclass
class Directive:
    """`name arguments;` or `name arguments { block }`."""

    name: str
    arguments: list[str]
    block: list[Directive] | None = None

    def find(self, name: str) -> list[Directive]:
        return [directive for directive in self.block or () if directive.name == name]

    def walk(self) -> Iterator[Directive]:
        yield self
        for directive in self.block or ():
            yield from directive.walk()


TOKENS = re.compile(
    r"""\s+ | \#[^\n]* | (?P<mark>[;{}]) | "(?P<double>[^"]*)" | '(?P<single>[^']*)'
    | (?P<word>[^\s;{}"']+)""",
    re.VERBOSE,
)


def parse(text: str) -> Directive:
    """nginx.conf as a tree; good enough for a file that quotes whatever has braces in it."""
    root = Directive("root", [], [])
    open_blocks: list[Directive] = [root]
    words: list[str] = []
    position = 0
    while position < len(text):
        token = TOKENS.match(text, position)
        assert token, text[position : position + 80]
        position = token.end()
        match token.lastgroup, token["mark"]:
            case None, _:
                continue
            case "mark", "}":
                open_blocks.pop()
            case "mark", mark:
                block: list[Directive] | None = [] if mark == "{" else None
                directive = Directive(words[0], words[1:], block)
                around = open_blocks[-1].block
                assert around is not None
                around.append(directive)
                words = []
                if block is not None:
                    open_blocks.append(directive)
            case str(group), _:
                words.append(token[group])
    assert open_blocks == [root]
    assert words == []
    return root


def configuration(deployment: Deployment) -> str:
    (volume,) = deployment["endpoint-group"].inputs["volumes"]
    return base64.b64decode(volume["secret"]["nginx.conf"]).decode()


def servers(text: str) -> list[Directive]:
    (http,) = parse(text).find("http")
    return http.find("server")


def only(directive: Directive, name: str) -> list[str]:
    (found,) = directive.find(name)
    return found.arguments


def map_of(text: str, variable: str) -> dict[str, str]:
    (http,) = parse(text).find("http")
    (found,) = (m for m in http.find("map") if m.arguments[1] == variable)
    return {entry.name: entry.arguments[0] for entry in found.block or ()}


def model_location(text: str) -> Directive:
    """Where requests go to the model."""
    ours, _, _ = servers(text)
    (location,) = (d for d in ours.find("location") if d.find("proxy_pass"))
    return location


def lookup(rules: dict[str, str], value: str) -> str:
    """What nginx makes of a value: a whole text counts first, then patterns in their order."""
    default = rules.get("default", "")
    exact = {k.lower(): v for k, v in rules.items() if k != "default" and k[:1] != "~"}
    patterns = {k[1:]: v for k, v in rules.items() if k[:1] == "~"}
    if value.lower() in exact:
        return exact[value.lower()]
    return next((v for pattern, v in patterns.items() if re.search(pattern, value)), default)
