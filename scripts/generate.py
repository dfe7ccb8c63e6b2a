"""Writes the files that are made from the code: `make generate`.

`python -m scripts.generate --check` names those that are not current, and writes nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from common import certificate_record
from common.contract import FOLDER
from common.names import PROJECT
from common.refusal import Refusal
from program.settings import reference


def _with(path: Path, pattern: str, made: str) -> str:
    """The file with what was made in the one place that the pattern finds."""
    text, places = re.subn(
        pattern, lambda _: made, path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    if places != 1:
        raise Refusal(f"{path} has {places} places for what is generated; give it one: {pattern}")
    return text


PULUMI, REFERENCE = PROJECT / "Pulumi.yaml", PROJECT / "docs" / "reference.md"
GENERATED: Mapping[Path, Callable[[], str]] = {
    FOLDER / "v1/certificates.schema.json": lambda: (
        json.dumps(certificate_record.json_schema(), indent=2) + "\n"
    ),
    PULUMI: lambda: _with(PULUMI, r"^config:\n.*", reference.pulumi_config()),
    REFERENCE: lambda: _with(
        REFERENCE,
        r"(?<=<!-- generated: keys -->\n).*(?=\n<!-- end -->)",
        f"\n{reference.table()}\n",
    ),
}


def outdated() -> list[Path]:
    """Lists the files that are not what the code makes."""
    return [
        path
        for path, make in GENERATED.items()
        if not path.exists() or path.read_text(encoding="utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    found = outdated()
    for path in found:
        print(path.relative_to(PROJECT))
        if "--check" not in arguments:
            path.write_text(GENERATED[path](), encoding="utf-8")
    return int("--check" in arguments and bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
