"""The environment variables, read and checked once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import StartError

_MODEL_BESIDE_THIS_PACKAGE = Path(__file__).resolve().parent.parent / "model"


@dataclass(frozen=True, kw_only=True)
class Settings:
    model_name: str
    model_path: Path
    host: str
    port: int

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
        return cls(
            model_name=name,
            model_path=Path(environment.get("MODEL_PATH") or _MODEL_BESIDE_THIS_PACKAGE),
            host=environment.get("HOST") or "0.0.0.0",  # noqa: S104 - Docker's port mapping needs it
            port=int(port),
        )
