"""The process that speaks HTTP, and nothing else: what may take long or crash is its children's."""

import asyncio
import contextlib
import ctypes
import signal

import uvicorn

from .api import create_app
from .catalogue import Models
from .pool import Pool
from .settings import Settings

_M_MMAP_THRESHOLD = -3


async def serve(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        StartError: if the model cannot be served.
    """
    _give_large_answers_back()
    models = Models(settings.model_name)
    pool = Pool(settings, models)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(models, pool),
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

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and in the end tells the one before.
    signal.signal(signal.SIGTERM, stop)
    workers = asyncio.create_task(pool.run())
    workers.add_done_callback(stop)
    await server.serve()
    if workers.done():
        await workers
    workers.cancel()


def _give_large_answers_back() -> None:
    """Keep their memory out of the heap, which shrinks no further than to its last small piece.

    glibc raises the limit with each large piece that is freed, unless it is set; see mallopt(3).
    """
    with contextlib.suppress(AttributeError):  # another C library has other ways
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 128 * 1024)
