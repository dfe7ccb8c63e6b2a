"""Start the server, or with `--check` only prove that the model can be served."""

import os
import signal
import sys

# Before the rest is imported, which takes most of the start: the first process of a container
# ignores what it does not handle. Being told to stop is no failure, and nothing is to be cleaned up
# yet. An exception, which sys.exit is, can get lost on its way out of what imports. The signal may
# have come before: bin/model-server blocks it until now.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

import asyncio  # noqa: E402

from .errors import StartError  # noqa: E402
from .settings import Settings  # noqa: E402


def main(arguments: list[str]) -> int:
    try:
        settings = Settings.from_environment(os.environ)
        if arguments == ["--check"]:
            _check(settings)
        else:
            from .server import serve  # noqa: PLC0415  a check needs no server

            asyncio.run(serve(settings))
    except StartError as error:
        print(f"model-server: {error}", file=sys.stderr)
        return 1
    return 0


def _check(settings: Settings) -> None:
    from .models import find_versions, load  # noqa: PLC0415  the server leaves these to its loader

    versions = ", ".join(str(model.version) for model in load(find_versions(settings.model_path)))
    print(f"model-server: versions {versions} can be served", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
