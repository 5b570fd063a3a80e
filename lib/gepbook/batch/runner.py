"""Runs one task to its end and says how it went; never raises for a failed county (执行)."""

from __future__ import annotations

import logging
import shutil
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import papermill

from gepbook import provenance
from gepbook.batch import kernels
from gepbook.params import ParameterSet
from gepbook.run import LEDGER_FILE, PARAMS_FILE, TASK_FILE, Run, Task
from gepbook.stages import STAGES, Stage

logger = logging.getLogger(__name__)
NOTEBOOK_FILE = "notebook.ipynb"
ERROR_FILE = "error.txt"
Engine = Literal["notebook", "library"]
Status = Literal["ok", "skipped", "failed", "refused", "cancelled"]


@dataclass(frozen=True)
class Job:
    """A task with all that decides whether its result is current."""

    task: Task
    params: ParameterSet
    parts: dict[str, str]
    engine: Engine = "notebook"

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the job."""
        return provenance.fingerprint(self.parts)

    def is_current(self) -> bool:
        """Tell whether the result stands; a ledger-only job is content with a notebook's result."""
        if self.engine == "notebook":
            return provenance.is_current(self.task.final_dir, self.fingerprint)
        manifest = provenance.read_manifest(self.task.final_dir)
        return (
            manifest is not None
            and self.parts.items() <= manifest.parts.items()
            and manifest.outputs == provenance.outputs_of(self.task.final_dir)
        )


@dataclass(frozen=True)
class Record:
    """How a task ended."""

    stage: str
    county_code: str
    year: int
    status: Status
    seconds: float = 0.0
    error_class: str = ""
    message: str = ""
    notebook: str = ""


def failed_dir(task: Task) -> Path:
    """Return where the notebook of a failed task is kept."""
    code = task.county_code or "province"
    return Path(task.release_dir) / "failed" / code / str(task.year) / task.stage


def run_job(job: Job, stages: dict[str, Stage] = STAGES) -> Record:
    """Run one job into a part folder and put it in place; on failure the former result stays.

    The failed notebook is kept under `failed/` of the release, with the error as text.
    """
    task, started = job.task, time.perf_counter()
    final, failed = task.final_dir, failed_dir(task)
    began = datetime.now(UTC)
    try:
        with provenance.replaced_folder(final) as part:
            (part / TASK_FILE).write_text(task.model_dump_json(indent=1), encoding="utf-8")
            job.params.write(part / PARAMS_FILE)
            if job.engine == "notebook":
                _run_notebook(job, stages[task.stage].notebook, part)
            else:
                run = Run.prepare(task, part)
                result = stages[task.stage].compute_brief(run)
                run.keep(run.build_ledger(result.entries), None, part)
            commit, dirty = provenance.git_state()
            provenance.write_manifest(
                part,
                provenance.Manifest(
                    **task.model_dump(
                        include={"stage", "county_code", "year", "release", "standard"}
                    ),
                    fingerprint=job.fingerprint,
                    parts=job.parts,
                    engine=job.engine,
                    started=began,
                    ended=datetime.now(UTC),
                    git_commit=commit,
                    git_dirty=dirty,
                    packages=provenance.packages(),
                    outputs=provenance.outputs_of(part),
                ),
            )
    except Exception as error:  # noqa: BLE001  a failed county must not stop the others
        return _failed(job, error, time.perf_counter() - started)
    shutil.rmtree(failed, ignore_errors=True)
    return Record(
        task.stage, task.county_code or "", task.year, "ok", time.perf_counter() - started
    )


def _run_notebook(job: Job, notebook: Path, part: Path) -> None:
    """Execute the notebook of a job; a kernel that does not start is tried once more."""
    parameters: dict[str, str | int] = {"year": job.task.year, "run_dir": str(part)}
    if job.task.county_code is not None:
        parameters["county_code"] = job.task.county_code
    try:
        kernels.execute(notebook, part / NOTEBOOK_FILE, parameters)
    except RuntimeError as error:
        logger.warning("stage=%s kernel did not start, once more: %s", job.task.stage, error)
        kernels.execute(notebook, part / NOTEBOOK_FILE, parameters)
    if not (part / LEDGER_FILE).exists():
        raise RuntimeError(f"{notebook.name} ended without writing its ledger (run.write).")


def _failed(job: Job, error: Exception, seconds: float) -> Record:
    """Keep what is left of a failed task and return its record."""
    task = job.task
    kept = failed_dir(task)
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for part in task.final_dir.parent.glob(f"{task.final_dir.name}.part-*"):
        if (part / NOTEBOOK_FILE).exists():
            shutil.copy2(part / NOTEBOOK_FILE, kept / NOTEBOOK_FILE)
        shutil.rmtree(part, ignore_errors=True)
    if isinstance(error, papermill.PapermillExecutionError):
        name, message = error.ename, error.evalue
    else:
        name, message = type(error).__name__, str(error)
    (kept / ERROR_FILE).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    refused = name == "CoverageError" and message.startswith("province ")
    notebook = kept / NOTEBOOK_FILE
    logger.error(
        "stage=%s county=%s year=%s %s: %s", task.stage, task.county_code, task.year, name, message
    )
    return Record(
        task.stage,
        task.county_code or "",
        task.year,
        "refused" if refused else "failed",
        seconds,
        name,
        message,
        str(notebook) if notebook.exists() else str(kept / ERROR_FILE),
    )
