"""`convert_many.py <module of convert>`: what build.sh does with a model, again and again.

To import a library takes longer than to convert a small model. For each line on stdin (a JSON
object with the two arguments of the converter, the environment, and files for what it prints) a
fork of what has it imported does the work, and a line on stdout says how that ended.
"""

import importlib
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import formats  # type: ignore[import-not-found]  # it is the image's, as what follows is
from convert import __main__ as converter  # type: ignore[import-not-found]
from convert import agreement  # noqa: F401


def convert(request: dict[str, Any]) -> None:
    os.environ.update(request["environment"])
    for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        with Path(request[name]).open("w") as file:
            os.dup2(file.fileno(), stream.fileno())
    formats.main(request["model"])
    converter.main(Path(request["model"]), Path(request["target"]))


importlib.import_module(f"convert.{sys.argv[1]}")
# It leaves without what libraries do at the end: their threads are none of the fork's.
fork = multiprocessing.get_context("fork").Process
for line in sys.stdin:
    process = fork(target=convert, args=[json.loads(line)])
    process.start()
    process.join()
    print(process.exitcode, flush=True)
