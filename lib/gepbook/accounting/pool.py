"""The accounts of every county of the province, which provincial shares and ranks are taken from."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook import accounting, counties, inventory, ledger
from gepbook.accounting import completeness
from gepbook.errors import CoverageError
from gepbook.run import Run, stage_dir

logger = logging.getLogger(__name__)
STAGES: dict[str, Callable[[Run], Any]] = {
    "inventory": inventory.compute_brief,
    "accounting": accounting.compute_brief,
}


def read(run: Run) -> pd.DataFrame:
    """Return the inventory and accounting ledgers of all counties for the run's year (全省台账).

    By hand, counties whose ledgers are not there yet are computed on the spot; in a batch they must
    have run before.

    Raises
    ------
    CoverageError
        When counties are missing in a batch, or accounts are incomplete, unless a partial province was
        allowed.
    """
    year = run.year
    wanted = {(code, stage) for code in counties.read().index for stage in STAGES}
    sql = f"SELECT * FROM ledger WHERE year = {year} AND stage IN ('inventory', 'accounting')"
    found = ledger.query(run.release_dir, sql)
    missing = sorted(wanted - set(zip(found["county_code"], found["stage"], strict=True)))
    if missing and run.by_hand:
        logger.info("year=%s computing %s county ledgers that have not run yet", year, len(missing))
        frames = [found, *(_compute(run, code, stage) for code, stage in missing)]
        found, missing = pd.concat(frames, ignore_index=True), []
    if missing and not run.task.allow_partial:
        names = counties.read()["name_zh"]
        shown = ", ".join(sorted({f"{names[code]} ({code})" for code, _ in missing}))
        raise CoverageError(
            f"province {year}: {len({c for c, _ in missing})} of {len(names)} counties have no "
            f"account: {shown}. Mend and rerun them, or publish what there is with --allow-partial."
        )
    if not run.task.allow_partial:
        _refuse_incomplete(found, year)
    return found


def incomplete(pool: pd.DataFrame) -> pd.Series:
    """Return what lacks in the accounts that are not complete, by county code."""
    rows = pool[(pool["account"] == "services") & (pool["measure"] == completeness.MEASURE)]
    return rows.groupby("county_code")["item"].agg(", ".join)


def _refuse_incomplete(pool: pd.DataFrame, year: int) -> None:
    """Refuse accounts without some of their services: they cannot be compared with whole ones."""
    lacking = incomplete(pool)
    if len(lacking):
        names = counties.read()["name_zh"]
        shown = "; ".join(f"{names[code]} ({code}) lacks {what}" for code, what in lacking.items())
        raise CoverageError(
            f"province {year}: {len(lacking)} accounts are incomplete: {shown}. Add the data to the "
            "pack and rerun them, or publish what there is with --allow-partial."
        )


def read_draws(run: Run, file: str = accounting.DRAWS_FILE) -> dict[str, pd.DataFrame]:
    """Return the draws of the counties that have some, by county code.

    A county that was computed for its ledger alone has none.

    Parameters
    ----------
    run : Run
    file : {DRAWS_FILE, LEVEL_DRAWS_FILE}
        Of `gepbook.accounting`.

    Returns
    -------
    dict of DataFrame, draws × services, or draws × `<year>/<category>`; CNY a-1
    """
    return {
        code: pd.read_parquet(path).astype("float64")
        for code in counties.read().index
        if (path := _beside(run, code, file)).exists()
    }


def read_sobol(run: Run) -> pd.DataFrame:
    """Return the sum of the counties' samples for Sobol indices."""
    paths = [_beside(run, code, accounting.SOBOL_FILE) for code in counties.read().index]
    return functools.reduce(pd.DataFrame.add, (pd.read_parquet(p) for p in paths if p.exists()))


def _beside(run: Run, code: str, name: str) -> Path:
    """Return where a file beside a county's accounting ledger is kept."""
    return stage_dir(run.release_dir, "accounting", code, run.year) / name


def _compute(run: Run, code: str, stage: str) -> pd.DataFrame:
    """Return one county's ledger of a stage, computed without a notebook and not kept."""
    task = run.task.model_copy(update={"county_code": code, "stage": stage})
    own = Run.prepare(task, stage_dir(run.release_dir, stage, code, run.year))
    return own.build_ledger(STAGES[stage](own).entries).assign(stage=stage)


def county_values(
    pool: pd.DataFrame, account: str, item: str, measure: str, basis: str = ""
) -> pd.Series:
    """Return one figure of every county that has it, indexed by county code."""
    rows = pool[
        (pool["account"] == account)
        & (pool["item"] == item)
        & (pool["measure"] == measure)
        & (pool["price_basis"] == basis)
    ]
    return rows.set_index("county_code")["value"].sort_index()
