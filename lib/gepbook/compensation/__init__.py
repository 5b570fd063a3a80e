"""Compensation (补偿): who pays whom for ecological products, by every scheme; one file a scheme.

All schemes are computed for the whole province from the counties' ledgers and the pack's registers, give
their payments to one flow ledger, and are then looked at from the run's county, or from the province.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import ledger, params
from gepbook.accounting import pool as accounts
from gepbook.compensation import (
    charges,
    damage,
    enclave,
    flows,
    horizontal,
    offset,
    resource_bank,
    trading,
    vertical,
)
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.errors import GepbookError
from gepbook.province import Province, Registers, problems_of
from gepbook.run import Run

ACCOUNT = "compensation"
METHOD = "flows/sum"
FLOWS_FILE = "flows.parquet"
SCHEMES: tuple[Scheme, ...] = (
    vertical.SCHEME,
    horizontal.SCHEME,
    enclave.SCHEME,
    damage.SCHEME,
    offset.SCHEME,
    trading.SCHEME,
    resource_bank.SCHEME,
    charges.SCHEME,
)
NAMES_ZH = {scheme.id: scheme.name_zh for scheme in SCHEMES}
#: What the stage consists of, and is checked by before a run.
PARTS = SCHEMES


@dataclass(frozen=True)
class Compensation:
    """All compensation of a year, and the ledger rows of the run's county (补偿结果).

    `flows` are the payments of the whole province, `schemes` the results by scheme; `county_code` is
    None where the province is looked at.
    """

    entries: list[dict[str, Any]]
    county_code: str | None
    flows: pd.DataFrame
    schemes: Mapping[str, SchemeResult]
    province: Province

    @property
    def files(self) -> dict[str, pd.DataFrame]:
        """The tables that are kept beside the ledger.

        Of a county its own payments; of the province all payments and every table of every scheme.
        """
        if self.county_code is not None:
            return {FLOWS_FILE: flows.of_county(self.flows, self.county_code)}
        tables = {
            f"{name}.{table}.parquet": _flat(frame)
            for name, result in self.schemes.items()
            for table, frame in result.tables.items()
            if len(frame)
        }
        return {FLOWS_FILE: self.flows, **tables}


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its labels as columns, so that Parquet keeps them."""
    table = frame if frame.index.names == [None] else frame.reset_index()
    return table.rename(columns=str)


def compute(run: Run) -> Compensation:
    """Return the compensation of the run's county and year beside that of the whole province."""
    return of_province(run, accounts.read(run))


def of_province(run: Run, pool: pd.DataFrame) -> Compensation:
    """Return the compensation that follows from the ledgers of all counties.

    Parameters
    ----------
    run : Run
        Of a county, or of the province, which then has no rows of its own.
    pool : DataFrame
        Inventory and accounting ledgers of all counties.

    Raises
    ------
    GepbookError
        All that is wrong in the registers and rules of all schemes; nothing is then paid.
    """
    registers = Registers(run.pack, run.year)
    problems = problems_of(SCHEMES, run.pack, run.params, [run.year])
    if problems:
        raise GepbookError(problems)
    province = Province(pool, registers, run.params)
    found = {scheme.id: scheme.compute(province) for scheme in SCHEMES}
    paid = flows.build((row for result in found.values() for row in result.flows), run.year)
    code = run.task.county_code
    rows = [] if code is None else _county_rows(code, run.year, paid, found.values())
    return Compensation(rows, code, paid, found, province)


def what_if(
    run: Run, base: Compensation, changes: Mapping[str, params.Value]
) -> Compensation | None:
    """Return the compensation under changed rules; None where nothing is changed (情景).

    Parameters
    ----------
    run : Run
    base : Compensation
        Whose ledgers of the counties are used again.
    changes : mapping
        Dotted name of a rule → value, such as `vertical_compensation.weights`.

    Raises
    ------
    StageError, ParameterError
        See `Run.assuming`.
    """
    changed = run.assuming(changes)
    return of_province(changed, base.province.pool) if changes else None


def _county_rows(
    code: str, year: int, paid: pd.DataFrame, results: Iterable[SchemeResult]
) -> list[dict[str, Any]]:
    """Return a county's rows: paid, received and net by scheme and in all, and what schemes add."""
    rows = [row for result in results for owner, row in result.figures if owner == code]
    own = flows.of_county(paid, code)
    sums = flows.by_scheme(paid, code)
    sums.loc["all"] = sums.sum().round(2)
    for scheme, amounts in sums.iterrows():
        behind = own if scheme == "all" else own[own["scheme"] == scheme]
        rows += [
            ledger.entry(
                ACCOUNT,
                str(scheme),
                column.removesuffix("_cny"),
                amount,
                "CNY",
                origin=ledger.weakest(behind["origin"]),
                quality=params.worst(behind["quality"]),
                method_id=METHOD,
                price_basis="current",
                price_year=year,
            )
            for column, amount in amounts.items()
        ]
    return rows
