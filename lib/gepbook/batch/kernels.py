"""How a notebook is executed: one fresh kernel process per task (内核)."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

CELL_TIMEOUT_S = 900
START_TIMEOUT_S = 120
#: One task uses one core: the batch runs as many tasks as there are workers.
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


class LocalKernelManager(AsyncKernelManager):
    """Talks to its kernel through files of this machine instead of network ports."""

    @default("transport")
    def _default_transport(self) -> str:
        return "ipc"

    @default("ip")
    def _default_ip(self) -> str:
        # one name per kernel: the library's own default is the same for all kernels of a folder
        return str(Path(tempfile.gettempdir()) / f"gepbook-{uuid.uuid4().hex}")

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        # what a kernel says of its own shutdown is no concern of the batch's terminal
        await super()._async_launch_kernel(kernel_cmd, **{"stderr": subprocess.DEVNULL, **kw})


def execute(notebook: Path, out: Path, parameters: Mapping[str, str | int]) -> None:
    """Execute a notebook in a fresh kernel and write it with its outputs.

    Raises
    ------
    papermill.PapermillExecutionError
        When a cell fails; the notebook up to there stands in `out`.
    RuntimeError
        When the kernel does not start.
    """
    os.environ.update(THREADS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        papermill.execute_notebook(
            str(notebook),
            str(out),
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            start_timeout=START_TIMEOUT_S,
            execution_timeout=CELL_TIMEOUT_S,
            kernel_manager_class=LocalKernelManager,
        )
