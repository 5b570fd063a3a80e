"""What the targets are measured from: registers of the pack (目标数据)."""

from __future__ import annotations

import pandas as pd

from gepbook.assessment.targets import measures
from gepbook.assessment.targets.rules import (
    Dated,
    Growth,
    Mean,
    Share,
    Sum,
    Target,
)
from gepbook.assessment.topic import Evidence
from gepbook.prices import PriceBook
from gepbook.province import Registers


def read_parts(registers: Registers, target: Target) -> pd.DataFrame:
    """Return part and whole of a target by county and year, up to the accounting year.

    Returns
    -------
    DataFrame
        `county_code`, `year`, `part`, `whole`.
    """
    measure = target.measure
    rows = read_rows(registers, measure.table)
    match measure:
        case Dated():
            years = range(target.baseline_year, registers.year + 1)
            return measures.of_dates(rows, measure, years)
        case Share():
            return measures.of_share(rows, measure)
        case Mean():
            return measures.of_mean(rows, measure)
        case Growth():
            parts = measures.of_sum(rows, measure, _prices(measure, target))
            return measures.of_growth(parts, target.baseline_year)
        case _:
            return measures.of_sum(rows, measure, _prices(measure, target))


def read_rows(registers: Registers, table: str) -> pd.DataFrame:
    """Return a register's rows of the year and before, with geometry left out."""
    if registers.pack.resource(table).kind == "table":
        return registers.history(table)
    return pd.DataFrame(registers.vector(table).drop(columns="geometry"))


def _prices(measure: Sum | Growth, target: Target) -> pd.Series | None:
    """Return by what money of each year is brought to prices of the baseline year."""
    if measure.price_index is None:
        return None
    index = PriceBook.read().index(measure.price_index)
    return index[target.baseline_year] / index


def parts_of(evidence: Evidence, target: Target) -> pd.DataFrame:
    """Return part and whole of a target; empty without its register, or before its baseline year."""
    if evidence.year < target.baseline_year or evidence.registers.lacking(target.measure.table):
        return pd.DataFrame(columns=measures.COLUMNS)
    return read_parts(evidence.registers, target)
