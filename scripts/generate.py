"""Writes the files that are made from the code: `make generate`.

`python -m scripts.generate --check` names those that are not current, and writes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from common import certificate_record
from common.contract import FOLDER
from common.names import PROJECT

GENERATED: Mapping[Path, Callable[[], str]] = {
    FOLDER / "v1/certificates.schema.json": lambda: (
        json.dumps(certificate_record.json_schema(), indent=2) + "\n"
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
