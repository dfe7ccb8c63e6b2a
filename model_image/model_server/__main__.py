"""Start the server, or with `--check` only prove that the model can be served."""

import signal
import sys

# Before the rest is imported, which takes most of the start: the first process of a container
# ignores what it does not handle. uvicorn stops cleanly on SIGTERM and then raises it again; being
# told to stop is no failure.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

import os  # noqa: E402
import threading  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from pathlib import Path  # noqa: E402

import uvicorn  # noqa: E402

from .api import create_app  # noqa: E402
from .errors import StartError  # noqa: E402
from .models import Models, find_versions  # noqa: E402
from .settings import Settings  # noqa: E402


def main(arguments: list[str]) -> int:
    try:
        settings = Settings.from_environment(os.environ)
        paths = find_versions(settings.model_path)
        models = Models(settings.model_name)
        if arguments == ["--check"]:
            models.load(paths)
            _say(f"versions {', '.join(models.versions)} can be served")
            return 0
        return _serve(settings, models, paths)
    except StartError as error:
        _say(str(error))
        return 1


def _serve(settings: Settings, models: Models, paths: Mapping[int, Path]) -> int:
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(models),
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            # Longer than nginx keeps an idle upstream connection (60 s): the side that reuses a
            # connection must be the one that closes it, or requests get lost in between.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=10,
        )
    )
    failures: list[StartError] = []

    def load() -> None:
        # Beside the server, so that a large model does not fail the liveness probe while it loads.
        try:
            models.load(paths)
            _say(
                f"serving '{models.name}', versions {', '.join(models.versions)}, "
                f"on {settings.host}:{settings.port}"
            )
        except StartError as error:
            failures.append(error)
            server.should_exit = True

    threading.Thread(target=load, name="load-model", daemon=True).start()
    server.run()
    if failures:
        raise failures[0]
    return 0


def _say(sentence: str) -> None:
    # stderr: stdout carries the request log and nothing else.
    print(f"model-server: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
