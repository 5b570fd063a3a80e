"""One run of a stage for one county and year: what a notebook opens first and writes to last.

In a batch, `run_dir` holds `task.json` and `params.json`, made and checked before any notebook starts.
By hand in JupyterLab `run_dir` is empty: the run then works on the default pack and parameters and
keeps its result under `outputs/draft/`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from gepbook import counties, ledger, params, paths, provenance
from gepbook.errors import CodeError, StageError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack
from gepbook.params import Value

DRAFT = "draft"
DEFAULT_STANDARD = "db33-2020"
TASK_FILE = "task.json"
PARAMS_FILE = "params.json"
LEDGER_FILE = "ledger.parquet"


class Task(BaseModel):
    """What to run: a stage for a county (None: the province) and year, in a release.

    `standard` is the one that counts; `compared` are computed beside it on the same inputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    county_code: str | None
    year: int
    release: str
    standard: str
    pack: str
    release_dir: str
    compared: tuple[str, ...] = ()
    allow_partial: bool = False

    @property
    def final_dir(self) -> Path:
        """Return the folder of the result."""
        return stage_dir(Path(self.release_dir), self.stage, self.county_code, self.year)


def stage_dir(release_dir: Path, stage: str, county_code: str | None, year: int) -> Path:
    """Return where a release keeps the result of a stage."""
    if county_code is None:
        return release_dir / "province" / str(year) / stage
    return release_dir / "counties" / county_code / str(year) / stage


@functools.lru_cache(maxsize=4)
def open_pack(path: str) -> Pack:
    """Open a data pack once per process."""
    return Pack.open(Path(path))


def default_pack() -> str:
    """Return the pack to use when none is named: GEPBOOK_PACK, or the open pack."""
    return os.environ.get("GEPBOOK_PACK", str(paths.OPEN_PACK))


@dataclass(frozen=True)
class Run:
    """An open run (一次核算运行)."""

    task: Task
    run_dir: Path
    pack: Pack
    params: params.ParameterSet
    by_hand: bool

    @classmethod
    def open(cls, stage: str, county_code: str | None, year: int, run_dir: str = "") -> Run:
        """Open the run of a stage for a county and year.

        Parameters
        ----------
        stage : str
            inventory, accounting, compensation, assessment or bulletin.
        county_code : str or None
            Six-digit code or the county's name; None for the province.
        year : int
            Accounting year (核算年份).
        run_dir : str
            Folder prepared by the batch; empty when run by hand.

        Raises
        ------
        CodeError, PackError, ParameterError
            For an unknown county or year, an unusable pack, a wrong parameter.
        """
        if run_dir:
            folder = Path(run_dir)
            task = Task.model_validate_json((folder / TASK_FILE).read_text(encoding="utf-8"))
            if (task.stage, task.county_code, task.year) != (stage, county_code, year):
                raise StageError(
                    f"{folder / TASK_FILE}: prepared for {task.stage} {task.county_code} "
                    f"{task.year}, but the notebook asks for {stage} {county_code} {year}. "
                    "Run it through run_all.py, or by hand with an empty run_dir."
                )
            return cls(
                task,
                folder,
                open_pack(task.pack),
                params.ParameterSet.read(folder / PARAMS_FILE),
                by_hand=False,
            )
        code = counties.find(county_code) if county_code else None
        task = Task(
            stage=stage,
            county_code=code,
            year=year,
            release=DRAFT,
            standard=DEFAULT_STANDARD,
            pack=default_pack(),
            release_dir=str(paths.OUTPUTS / DRAFT),
        )
        return cls.prepare(task, task.final_dir)

    @classmethod
    def prepare(cls, task: Task, run_dir: Path) -> Run:
        """Return the run of a task without a notebook: by hand, or computed for its ledger alone."""
        pack = open_pack(task.pack)
        if task.year not in pack.years:
            raise CodeError(
                f"{task.pack}: has no year {task.year}; it holds "
                f"{', '.join(map(str, pack.years))}. Choose one of these or add the year's data."
            )
        resolved = params.resolve(task.county_code, task.year, task.standard)
        return cls(task, run_dir, pack, resolved, by_hand=True)

    def assuming(self, changes: Mapping[str, Value]) -> Run:
        """Return the run with some parameters changed by hand, to see what if (情景).

        Parameters
        ----------
        changes : mapping
            Dotted name of a parameter → value; tables change by row.

        Raises
        ------
        StageError
            In a batch: what is published follows params/ alone.
        ParameterError
            For unknown names and wrong values.
        """
        if changes and not self.by_hand:
            raise StageError(
                f"{self.task.stage}: what if {', '.join(changes)}: only by hand; what is published "
                "follows params/. Empty the cell, or write the value into params/ with its source."
            )
        return replace(self, params=self.params.assuming(changes))

    @property
    def county_code(self) -> str:
        """The county's code; a provincial run has none and says so."""
        if self.task.county_code is None:
            raise StageError(f"{self.task.stage}: runs for the province and has no county.")
        return self.task.county_code

    @property
    def year(self) -> int:
        """The accounting year."""
        return self.task.year

    @property
    def previous_year(self) -> int | None:
        """The year before, when the pack holds it."""
        return self.year - 1 if self.year - 1 in self.pack.years else None

    @property
    def release_dir(self) -> Path:
        """The release that this run belongs to."""
        return Path(self.task.release_dir)

    def inputs(self, year: int | None = None) -> CountyInputs:
        """Return the county's data of a year (this run's year when not given)."""
        return CountyInputs(self.pack, self.county_code, year or self.year)

    def ledger(self, *stages: str) -> pd.DataFrame:
        """Return this county's ledger rows of earlier stages; empty where a stage has not run."""
        frames = [
            ledger.read(path)
            for stage in stages
            if (
                path := stage_dir(self.release_dir, stage, self.county_code, self.year)
                / LEDGER_FILE
            ).exists()
        ]
        return pd.concat(frames, ignore_index=True) if frames else ledger.empty()

    def build_ledger(self, entries: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Return the ledger of this run from its rows."""
        return ledger.build(
            entries,
            release=self.task.release,
            year=self.year,
            county_code=self.task.county_code or ledger.PROVINCE,
        )

    def keep(
        self, frame: pd.DataFrame, files: Mapping[str, pd.DataFrame] | None, folder: Path
    ) -> None:
        """Write the ledger and the tables beside it into a folder."""
        ledger.write(frame, folder / LEDGER_FILE)
        for name, table in (files or {}).items():
            table.to_parquet(folder / name, index=False)

    def write(self, frame: pd.DataFrame, files: Mapping[str, pd.DataFrame] | None = None) -> Path:
        """Write the ledger of this run; by hand this also completes the draft with its manifest.

        Parameters
        ----------
        frame : DataFrame
            The ledger.
        files : mapping, optional
            Tables to keep beside it, by file name, as Parquet.
        """
        if not self.by_hand:
            self.keep(frame, files, self.run_dir)
            return self.run_dir
        now = datetime.now(UTC)
        with provenance.replaced_folder(self.run_dir) as part:
            self.keep(frame, files, part)
            self.params.write(part / PARAMS_FILE)
            commit, dirty = provenance.git_state()
            provenance.write_manifest(
                part,
                provenance.Manifest(
                    **self.task.model_dump(
                        include={"stage", "county_code", "year", "release", "standard"}
                    ),
                    fingerprint="by hand",
                    parts={},
                    engine="by hand",
                    started=now,
                    ended=now,
                    git_commit=commit,
                    git_dirty=dirty,
                    packages=provenance.packages(),
                    outputs=provenance.outputs_of(part),
                ),
            )
        return self.run_dir
