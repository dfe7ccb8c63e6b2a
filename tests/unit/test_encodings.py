"""Text is UTF-8 in every file and pipe, whatever the locale of the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.unit.program import ROOT

# The model image has a locale of its own, C.UTF-8; tests run where they are written.
PACKAGES = (
    "clients",
    "common",
    "components",
    "conformance",
    "localcloud",
    "operations",
    "policy",
    "program",
    "review",
    "scripts",
)


def sources() -> list[Path]:
    folders = (ROOT / name for name in PACKAGES)
    return [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]


def in_the_locales_encoding(source: str) -> Iterator[int]:
    """Lines that read or write text, and leave its encoding to the machine."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        words += [arg.value for arg in given.values() if isinstance(arg, ast.Constant)]
        asks_for_text = any(
            getattr(given.get(key), "value", False) for key in ("text", "universal_newlines")
        )
        opens = name in ("open", "fdopen") and not any("b" in str(word) for word in words)
        # `os.open` gives a descriptor, `.open` of others has a mode only for text.
        module = getattr(getattr(node.func, "value", None), "id", "")
        if module in ("os", "tarfile", "webbrowser", "zipfile") and name == "open":
            opens = False
        if (opens or asks_for_text or name in ("read_text", "write_text")) and not (
            "encoding" in given or "utf-8" in words
        ):
            yield node.lineno


def test_no_code_leaves_the_encoding_of_text_to_the_machine() -> None:
    left = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for line in in_the_locales_encoding(path.read_text(encoding="utf-8"))
    ]

    assert left == []
    assert len(sources()) > 100


def test_what_is_looked_for_is_found() -> None:
    wrong = (
        "open('a')",
        "open('a', 'w')",
        "path.open()",
        "path.read_text()",
        "path.write_text('x', newline='')",
        "subprocess.run([], text=True)",
    )
    right = (
        "open('a', 'rb')",
        "open('a', encoding='utf-8')",
        "os.open('a', 0)",
        "path.read_text('utf-8')",
        "path.read_bytes()",
        "subprocess.run([], encoding='utf-8')",
    )

    assert [one for one in wrong if not list(in_the_locales_encoding(one))] == []
    assert [one for one in right if list(in_the_locales_encoding(one))] == []
