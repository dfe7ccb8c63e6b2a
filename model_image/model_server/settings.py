"""The environment variables, read and checked once."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import StartError
from .memory import MB, limit_of_this_machine

_MODEL_BESIDE_THIS_PACKAGE = Path(__file__).resolve().parent.parent / "model"


@dataclass(frozen=True, kw_only=True)
class Settings:
    model_name: str
    model_path: Path
    host: str
    port: int
    max_body: int
    """Bytes of a body, unpacked."""
    memory: int
    """Bytes that all processes together may hold."""
    workers: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raise StartError on a value that cannot work; an empty variable counts as unset."""
        name = environment.get("MODEL_NAME") or "model"
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", name):
            raise StartError(
                f"MODEL_NAME is {name!r}; it is part of the URL, so use 1 to 128 of the characters "
                "A-Z a-z 0-9 . _ -"
            )
        port = environment.get("PORT") or "8501"
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise StartError(f"PORT is {port!r}; set it to a number from 1 to 65535.")
        cpus = environment.get("CPUS") or str(len(os.sched_getaffinity(0)))
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,9})?", cpus) or float(cpus) == 0:
            raise StartError(f"CPUS is {cpus!r}; set it to a number above 0, such as 0.5 or 2.")
        memory, limit = _megabytes(environment, "MEMORY_MB"), limit_of_this_machine()
        return cls(
            model_name=name,
            model_path=Path(environment.get("MODEL_PATH") or _MODEL_BESIDE_THIS_PACKAGE),
            host=environment.get("HOST") or "0.0.0.0",  # noqa: S104 - Docker's port mapping needs it
            port=int(port),
            max_body=(_megabytes(environment, "MAX_BODY_MB") or 64) * MB,
            # Both: what was asked for is not always what there is.
            memory=min(memory * MB if memory else limit, limit),
            # One more than CPUs, so that small requests need not wait for large bodies.
            workers=max(2, math.ceil(float(cpus)) + 1),
        )


def _megabytes(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name)
    if not value:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value):
        raise StartError(f"{name} is {value!r}; set it to a whole number of MB above 0.")
    return int(value)
