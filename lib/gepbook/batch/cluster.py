"""Where tasks run: a local Dask cluster, or one that is named (集群)."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator

import dask
from distributed import Client, LocalCluster

from gepbook.errors import GepbookError


@contextlib.contextmanager
def client(workers: int | None, scheduler: str | None) -> Iterator[Client]:
    """Yield a Dask client with one task at a time per worker process.

    Raises
    ------
    GepbookError
        When the named scheduler does not answer.
    """
    logging.getLogger("distributed").setLevel(logging.ERROR)
    # a worker starts kernels, which a daemonic process may do; it must not be restarted under them
    dask.config.set({"distributed.worker.daemon": False, "distributed.admin.tick.limit": "1h"})
    if scheduler:
        try:
            connected = Client(scheduler, timeout="10s")
        except (OSError, TimeoutError, ValueError) as error:
            raise GepbookError(
                f"--scheduler {scheduler}: does not answer ({error}). Start it with "
                "'dask scheduler', its workers on the same shared file system, or leave it out."
            ) from error
        with connected:
            yield connected
        return
    count = workers or os.cpu_count() or 1
    with (
        LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=None, memory_limit=0
        ) as cluster,
        Client(cluster) as connected,
    ):
        connected.run(_leave_interrupts_to_parent)
        yield connected


def _leave_interrupts_to_parent() -> None:
    """Let a worker ignore Ctrl-C: the program that started it ends it in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
