"""Which jobs a run consists of, and all that is checked before the first one starts (计划)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import papermill

from gepbook import counties, paths, provenance, sections
from gepbook.accounting import standards
from gepbook.batch import sources
from gepbook.batch.options import Options
from gepbook.batch.runner import Engine, Job
from gepbook.errors import GepbookError
from gepbook.params import ParameterSet, read_defaults, resolve
from gepbook.prices import PriceBook
from gepbook.province import problems_of, tables_of
from gepbook.run import Task
from gepbook.stages import STAGES, Stage

PARAMETERS = {
    "county": {"county_code", "year", "run_dir"},
    "province": {"year", "run_dir"},
}
#: Tables under params/ that are no layers: those that every stage may read, and those of the
#: province's rules, which only stages read that see the whole province.
COMMON_TABLES = ("*.csv", "prices/*", "standards/*")
RULE_TABLES = ("policy/*.csv",)


class Planner:
    """Makes the jobs of one run; parameter sets are resolved and checked once."""

    def __init__(self, options: Options, stages: dict[str, Stage] = STAGES) -> None:
        self.options = options
        self.stages = stages
        self.defaults = read_defaults()

    def check(self) -> None:
        """Check everything that can be wrong before anything is computed.

        Raises
        ------
        GepbookError
            All problems of pack files, parameters, standard, prices, notebooks and outputs at once.
        """
        problems = _problems_of(self.options.pack.verify)
        if not problems:  # registers of a spoilt pack cannot be read
            problems += _problems_of(self._check_registers)
        for step in (
            self._check_standard,
            self._check_parameters,
            self._check_notebooks,
            self._check_outputs,
        ):
            problems += _problems_of(step)
        if problems:
            raise GepbookError(list(dict.fromkeys(problems)))

    def _check_standard(self) -> None:
        for name in (self.options.standard, *self.options.compared):
            book = PriceBook.read().choosing(standards.read(name).prices)
            for year in self.options.years:
                book.at(year, year)

    def _check_parameters(self) -> None:
        models = sections.models()
        problems: list[str] = []
        codes: list[str | None] = [None, *counties.read().index]
        for year in self.options.years:
            for code in codes:
                try:
                    found = self.params(code, year)
                except GepbookError as error:
                    problems += error.problems
                    continue
                for name, model in models.items():
                    try:
                        found.section(name, model)
                    except GepbookError as error:
                        problems += error.problems
        if problems:
            raise GepbookError(list(dict.fromkeys(problems)))

    def _check_registers(self) -> None:
        pooled = [self.stages[s] for s in self.options.stages if s in self.stages]
        parts = {part.id: part for stage in pooled if stage.pool for part in stage.parts}
        rules = self.params(None, max(self.options.years))
        problems = problems_of(parts.values(), self.options.pack, rules, self.options.years)
        if problems:
            raise GepbookError(problems)

    def _check_notebooks(self) -> None:
        problems = []
        for stage in self.stages.values():
            if not stage.notebook.exists():
                problems.append(f"{stage.notebook}: is missing. Restore the notebook.")
                continue
            found = set(papermill.inspect_notebook(str(stage.notebook)))
            if found != PARAMETERS[stage.scope]:
                problems.append(
                    f"{stage.notebook}: parameters must be "
                    f"{', '.join(sorted(PARAMETERS[stage.scope]))}, got "
                    f"{', '.join(sorted(found)) or 'none'}. Correct its parameters cell."
                )
        if problems:
            raise GepbookError(problems)

    def _check_outputs(self) -> None:
        folder = self.options.release_dir
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise GepbookError(
                f"{folder}: cannot be written to. Free it, or choose another --release."
            )

    @functools.cache  # noqa: B019  a planner lives as long as its run
    def params(self, code: str | None, year: int) -> ParameterSet:
        """Return the resolved parameters of a county (None: the province) and year."""
        return resolve(code, year, self.options.standard, defaults=self.defaults)

    def job(
        self, stage: str, code: str | None, year: int, engine: Engine = "notebook", pool: str = ""
    ) -> Job:
        """Return the job of a stage; `pool` is the hash of the ledgers it reads of all counties."""
        options = self.options
        task = Task(
            stage=stage,
            county_code=code,
            year=year,
            release=options.release,
            standard=options.standard,
            compared=options.compared,
            pack=str(options.pack.folder.resolve()),
            release_dir=str(options.release_dir.resolve()),
            allow_partial=options.request.allow_partial,
        )
        read = _sections_of(stage, self.stages[stage].notebook)
        found = self.params(code, year).only(read)
        pooled = self.stages[stage].pool
        parts = {
            "params": provenance.sha256_json(found.model_dump(mode="json")),
            "tables": _tables_hash((*COMMON_TABLES, *(RULE_TABLES if pooled else ()))),
            "packages": provenance.sha256_json(provenance.packages()),
            "stage_library": self._stage_library(stage),
        }
        if code is not None:
            parts["inputs"] = provenance.sha256_json(options.pack.fingerprint(code, year))
        if options.compared:
            parts["compared"] = provenance.sha256_json(
                [
                    resolve(code, year, name).only(read).model_dump(mode="json")
                    for name in options.compared
                ]
            )
        if pool:
            parts["pool"] = pool + str(options.request.allow_partial)
            names = tables_of(self.stages[stage].parts)
            parts["registers"] = provenance.sha256_json(
                {name: options.pack.register_hash(name, year) for name in names}
            )
        if engine == "notebook":
            notebook = self.stages[stage].notebook
            parts["notebook"] = provenance.sha256_bytes(sources.notebook_source(notebook).encode())
            parts["library"] = _notebook_library(notebook)
        return Job(task=task, params=found, parts=parts, engine=engine)

    def _stage_library(self, stage: str) -> str:
        """Return the hash of the library that computes a stage."""
        return _library(frozenset({f"gepbook.{stage}"}))

    def first_jobs(self, year: int) -> list[Job]:
        """Return the jobs that need no other county: of the selected, and ledgers of the rest."""
        wanted = self.options.stages
        own = [s for s, stage in self.stages.items() if not stage.pool]
        jobs = [
            self.job(stage, code, year)
            for code in self.options.counties
            for stage in own
            if stage in wanted
        ]
        if self._needs_pool():
            done = {(job.task.county_code, job.task.stage) for job in jobs}
            jobs += [
                self.job(stage, code, year, engine="library")
                for code in self.options.pool_counties
                for stage in own
                if (code, stage) not in done
            ]
        return jobs

    def _needs_pool(self) -> bool:
        """Tell whether a wanted stage reads the ledgers of the whole province."""
        return any(self.stages[s].pool for s in self.options.stages if s in self.stages)

    def pool_jobs(self, year: int, scope: str) -> list[Job]:
        """Return the jobs that read the whole province, now that its ledgers are there."""
        wanted = [
            name
            for name, stage in self.stages.items()
            if stage.pool and stage.scope == scope and name in self.options.stages
        ]
        if not wanted:
            return []
        pool = pool_hash(self.options.release_dir, year, self.stages)
        codes: list[str | None] = list(self.options.counties) if scope == "county" else [None]
        return [self.job(stage, code, year, pool=pool) for code in codes for stage in wanted]


def _problems_of(step: Callable[[], None]) -> list[str]:
    """Return what a check complains of."""
    try:
        step()
    except GepbookError as error:
        return error.problems
    return []


def pool_hash(release_dir: Path, year: int, stages: dict[str, Stage]) -> str:
    """Return one hash over the ledgers and draws that provincial stages read."""
    hashes = {}
    for name, stage in stages.items():
        if stage.pool:
            continue
        for path in sorted(release_dir.glob(f"counties/*/{year}/{name}/*.parquet")):
            hashes[path.relative_to(release_dir).as_posix()] = provenance.sha256_file(path)
    return provenance.sha256_json(hashes)


@functools.cache
def _tables_hash(patterns: tuple[str, ...]) -> str:
    """Return the hash of some tables under params/."""
    files = sorted(file for pattern in patterns for file in paths.PARAMS.glob(pattern))
    return provenance.sha256_json(
        {f.relative_to(paths.PARAMS).as_posix(): provenance.sha256_file(f) for f in files}
    )


@functools.cache
def _sections_of(stage: str, notebook: Path) -> frozenset[str]:
    """Return the sections of the parameters that a stage can read: those whose model it reaches.

    The rules of compensation and assessment are thus no part of an account, and a change of one redoes
    none.
    """
    reached = sources.reached({f"gepbook.{stage}", *sources.notebook_imports(notebook)})
    models = sections.models().items()
    return frozenset(name for name, model in models if model.__module__ in reached)


@functools.cache
def _library(imports: frozenset[str]) -> str:
    """Return the hash of the library that some imports reach, once per run."""
    return sources.library_hash(imports)


@functools.cache
def _notebook_library(notebook: Path) -> str:
    """Return the hash of the library that a notebook reaches, once per run."""
    return _library(frozenset(sources.notebook_imports(notebook)))
