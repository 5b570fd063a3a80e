"""The batch (批量运行): plans, runs and records notebooks for many counties; knows no ecology."""

from __future__ import annotations

import csv
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from distributed import Client, as_completed
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gepbook import counties, forms, provenance
from gepbook.batch import cluster
from gepbook.batch.options import FORMS, REPORT, Options, Request, check
from gepbook.batch.plan import Planner, pool_hash
from gepbook.batch.runner import Job, Record, Status, failed_dir, run_job
from gepbook.command import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    show_problems,
)
from gepbook.errors import GepbookError, StageError
from gepbook.publish import render
from gepbook.publish.site import write_site
from gepbook.run import open_pack
from gepbook.stages import STAGES

__all__ = ["Request", "main"]

logger = logging.getLogger(__name__)
STATUS_FILE = "status.csv"
STATUS_COLUMNS = (
    "county_code",
    "name_zh",
    "stage",
    "year",
    "status",
    "error_class",
    "message",
    "seconds",
    "notebook",
)
BULLETIN_FORMATS = ["html", "pdf", "docx"]


def main(request: Request) -> int:
    """Run what a command line asks for and return the exit code.

    0 all done, 1 something failed or was refused, 2 bad input, 130 interrupted.
    """
    console = Console(stderr=True)
    try:
        options = check(request)
        planner = Planner(options)
        planner.check()
        if request.dry_run:
            return _dry_run(planner, console)
        options.release_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(options.release_dir / ".lock", timeout=0):
            return Batch(planner, console).run()
    except Timeout:
        console.print(
            f"{options.release_dir}: another run is writing this release. "
            "Wait for it, or choose another --release.",
            style="red",
            soft_wrap=True,
            markup=False,
        )
    except GepbookError as error:
        show_problems(console, error, "Nothing was run. Mend this first:")
    return EXIT_BAD_INPUT


def _dry_run(planner: Planner, console: Console) -> int:
    """Print what would run and what is current; write nothing."""
    for year in planner.options.years:
        jobs = planner.first_jobs(year)
        states = Counter(
            (job.task.stage, job.engine, "current" if job.is_current() else "would run")
            for job in jobs
        )
        for (stage, engine, state), number in sorted(states.items()):
            console.print(f"{year} {stage} ({engine}): {number} {state}")
        later = [s for s in planner.options.stages if s not in STAGES or STAGES[s].pool]
        console.print(f"{year} then, on these ledgers: {', '.join(later) or 'nothing'}")
    return EXIT_OK


class Batch:
    """One run over its phases: counties, province pool, bulletin, reports, site."""

    def __init__(self, planner: Planner, console: Console) -> None:
        self.planner = planner
        self.options: Options = planner.options
        self.console = console
        self.records: list[Record] = []
        self.interrupted = False

    def run(self) -> int:
        """Run all phases and return the exit code."""
        release = self.options.release_dir
        provenance.recover(release)
        handler = _log_to(release / "logs")
        started = time.perf_counter()
        try:
            with cluster.client(self.options.request.workers, self.options.request.scheduler) as c:
                for year in self.options.years:
                    self._year(c, year)
        except KeyboardInterrupt:
            self.interrupted = True
            self.console.print("Interrupted: what is finished stays, nothing is half-written.")
        finally:
            provenance.recover(release)
            _write_status(release / STATUS_FILE, self.records)
            logging.getLogger("gepbook").removeHandler(handler)
            handler.close()
        self._summary(time.perf_counter() - started)
        if self.interrupted:
            return EXIT_INTERRUPTED
        bad = any(r.status in ("failed", "refused", "cancelled") for r in self.records)
        return EXIT_FAILED if bad else EXIT_OK

    def _year(self, c: Client, year: int) -> None:
        """Run the phases of one year."""
        self._phase(c, f"{year} 调查、核算", self.planner.first_jobs(year))
        self._phase(c, f"{year} 补偿、考核", self.planner.pool_jobs(year, "county"))
        self._phase(c, f"{year} 公报", self.planner.pool_jobs(year, "province"))
        if REPORT in self.options.stages:
            self._reports(c, year)
        if FORMS in self.options.stages:
            self._forms(c, year)
        write_site(self.options.release_dir, self.options.pack)

    def _phase(self, c: Client, title: str, jobs: list[Job]) -> None:
        """Run the jobs of a phase that are not current."""
        force = self.options.request.force
        due = []
        for job in jobs:
            if not force and job.is_current():
                task = job.task
                shutil.rmtree(failed_dir(task), ignore_errors=True)
                self.records.append(
                    Record(task.stage, task.county_code or "", task.year, "skipped")
                )
            else:
                due.append(job)
        self._fan_out(c, title, run_job, due)

    def _reports(self, c: Client, year: int) -> None:
        """Render the reports; what is current stays as it is."""
        options = self.options
        common = (options.chapters, options.renderer, options.request.force)
        due: list[Any] = [
            (options.release_dir, code, year, options.formats, *common) for code in options.counties
        ]
        if "bulletin" in options.stages:
            formats = BULLETIN_FORMATS if options.formats == ["html"] else options.formats
            due.append((options.release_dir, None, year, formats, *common))
        self._fan_out(c, f"{year} 报告", _render, due)

    def _forms(self, c: Client, year: int) -> None:
        """Issue the statistical forms; they stay as they are when the ledgers are the same."""
        options = self.options
        rules = self.planner.params(None, year).section(forms.SECTION, forms.FormsParams)
        pool = pool_hash(options.release_dir, year, self.planner.stages)
        if forms.is_current(options.release_dir, year, pool) and not options.request.force:
            self.records.append(Record(FORMS, "", year, "skipped"))
            return
        due = [(options.release_dir, options.pack.folder, year, rules, pool)]
        self._fan_out(c, f"{year} 统计报表", _issue_forms, due)

    def _fan_out(
        self, c: Client, title: str, function: Callable[[Any], Record], items: list[Any]
    ) -> None:
        """Run a function over items on the cluster, showing and logging each result."""
        if not items or self._stopped():
            return
        futures = c.map(function, items, pure=False)
        with _progress(self.console) as progress:
            bar = progress.add_task(title, total=len(items), last="")
            for _, record in as_completed(futures, with_results=True):
                self.records.append(record)
                name = _name(record.county_code)
                progress.update(bar, advance=1, last=f"{name} {record.stage} {record.status}")
                logger.info(
                    "stage=%s county=%s year=%s status=%s seconds=%.1f",
                    record.stage,
                    record.county_code,
                    record.year,
                    record.status,
                    record.seconds,
                )
                if self._stopped():
                    c.cancel(futures)
                    break

    def _stopped(self) -> bool:
        """Tell whether the first failure ends the run."""
        failed = any(r.status == "failed" for r in self.records)
        return failed and not self.options.request.keep_going

    def _summary(self, seconds: float) -> None:
        """Print what was done and what failed, with the command that redoes it."""
        counts = Counter(record.status for record in self.records)
        shown = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        self.console.print(f"{shown or 'nothing to do'} in {seconds:.0f} s")
        self.console.print(
            f"site: {self.options.release_dir / 'site' / 'index.html'}", soft_wrap=True
        )
        bad = [r for r in self.records if r.status in ("failed", "refused")]
        if not bad:
            return
        table = Table("county", "stage", "why", "notebook", title="Failed or refused")
        for r in bad[:20]:
            why = f"{r.error_class}: {r.message.splitlines()[0] if r.message else ''}"
            table.add_row(_name(r.county_code), f"{r.stage} {r.year}", why, r.notebook)
        self.console.print(table, markup=False)
        codes = sorted({r.county_code for r in bad if r.county_code and r.status == "failed"})
        self.console.print(
            f"All {len(bad)} are in {self.options.release_dir / STATUS_FILE}. After mending the data "
            "run the same command again: only what changed is redone"
            + (f" (failed: {', '.join(codes[:10])})." if codes else "."),
            soft_wrap=True,
        )


def _render(args: tuple[Path, str | None, int, list[str], list[str], str, bool]) -> Record:
    """Render one report, or the bulletin when the county is None, and return its record.

    A report whose notebooks are not all there is refused, not failed.
    """
    release_dir, code, year, formats, chapters, renderer, force = args
    started = time.perf_counter()
    status: Status = "ok"
    error_class = message = ""
    try:
        if code is None:
            render.render_bulletin(release_dir, year, formats, renderer, force=force)
        else:
            render.render_county(
                release_dir, code, year, formats, renderer, force=force, chapters=chapters
            )
    except Exception as error:
        logger.exception("stage=%s county=%s year=%s", REPORT, code, year)
        status = "refused" if isinstance(error, StageError) else "failed"
        error_class, message = type(error).__name__, str(error)
    seconds = time.perf_counter() - started
    return Record(REPORT, code or "", year, status, seconds, error_class, message)


def _issue_forms(args: tuple[Path, Path, int, forms.FormsParams, str]) -> Record:
    """Issue the statistical forms of a year and return the record; a failed check is named."""
    release_dir, pack, year, rules, pool = args
    started = time.perf_counter()
    status: Status = "ok"
    error_class = message = ""
    try:
        made = forms.write_release_forms(release_dir, year, open_pack(str(pack)), rules, pool)
        if len(made.failed):
            status, error_class = "refused", "FormError"
            message = (
                f"{len(made.failed)} checks fail, see {made.folder / forms.RECONCILIATION_FILE}"
            )
    except Exception as error:
        logger.exception("stage=%s year=%s", FORMS, year)
        status, error_class, message = "failed", type(error).__name__, str(error)
    return Record(FORMS, "", year, status, time.perf_counter() - started, error_class, message)


def _name(code: str) -> str:
    """Return a county's Chinese name, or the province's."""
    return counties.name_zh(code) if code else "全省"


def _progress(console: Console) -> Progress:
    """Return the progress display: phase, done of total, time left, last county."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
        console=console,
    )


def _log_to(folder: Path) -> logging.FileHandler:
    """Start a log file for this run."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now().astimezone().strftime("%Y%m%dT%H%M%S")
    handler = logging.FileHandler(folder / f"run-{stamp}.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("gepbook")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return handler


def _write_status(path: Path, records: list[Record]) -> None:
    """Write how every task ended, whole or not at all."""
    part = path.with_suffix(".csv.part")
    with part.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, STATUS_COLUMNS)
        writer.writeheader()
        for record in records:
            row = asdict(record)
            row["name_zh"] = _name(record.county_code)
            row["seconds"] = f"{record.seconds:.1f}"
            writer.writerow({column: row[column] for column in STATUS_COLUMNS})
    part.replace(path)
