"""A target's figures: part and whole of every county and year, and what they come to (目标的度量).

Every measure gives a `part` and a `whole` by county and year. Both are summed over the counties before
one is divided by the other, so that the province's figure is never a mean of the counties'.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gepbook.assessment.targets.rules import (
    AnyMeasure,
    Dated,
    Growth,
    Mean,
    Share,
    Sum,
)

COLUMNS = ["county_code", "year", "part", "whole"]


def value(part: pd.Series, whole: pd.Series, measure: AnyMeasure) -> pd.Series:
    """Return what parts and wholes come to in the target's unit; NaN where the whole is 0.

    Parameters
    ----------
    part, whole : Series
        As the functions of this module give them, or sums of them.
    """
    if isinstance(measure, Sum):
        return part
    ratio = part / whole.where(whole != 0)
    if isinstance(measure, Growth):
        return 100 * (ratio - 1)
    return ratio if isinstance(measure, Mean) else 100 * ratio


def by_year(parts: pd.DataFrame, measure: AnyMeasure) -> pd.Series:
    """Return the figure of all counties together, by year, rising."""
    sums = parts.groupby("year")[["part", "whole"]].sum()
    return value(sums["part"], sums["whole"], measure)


def of_sum(
    rows: pd.DataFrame, measure: Sum | Growth, factor: pd.Series | None = None
) -> pd.DataFrame:
    """Return a column by county and year; `factor` by year brings money to other prices."""
    known = rows.dropna(subset=[measure.column])
    part = known[measure.column]
    if factor is not None:
        part = part * known["year"].map(factor)
    return _framed(known, part, 0.0)


def of_growth(parts: pd.DataFrame, baseline_year: int) -> pd.DataFrame:
    """Return parts with their own of the baseline year as whole; counties without one are left out."""
    then = parts[parts["year"] == baseline_year].set_index("county_code")["part"]
    found = parts.assign(whole=parts["county_code"].map(then))
    return found[(found["year"] >= baseline_year) & found["whole"].notna()][COLUMNS]


def of_share(rows: pd.DataFrame, measure: Share) -> pd.DataFrame:
    """Return a column as part of another; rows without either are left out."""
    known = rows.dropna(subset=[measure.column, measure.of])
    return _framed(known, known[measure.column], known[measure.of])


def of_mean(rows: pd.DataFrame, measure: Mean) -> pd.DataFrame:
    """Return weighted figures and their weights; rows without either are left out."""
    known = rows.dropna(subset=[measure.column, measure.weight])
    return _framed(known, known[measure.column] * known[measure.weight], known[measure.weight])


def of_dates(rows: pd.DataFrame, measure: Dated, years: Iterable[int]) -> pd.DataFrame:
    """Return how many rows are in place at the end of each year, and how many count."""
    counted = rows[has(rows, measure.where)]
    dates = counted[measure.date]
    since = dates if pd.api.types.is_numeric_dtype(dates) else years_of(dates)
    since = since.where(has(counted, measure.having))
    every = pd.concat(
        [counted[["county_code"]].assign(year=year, placed=since <= year) for year in years],
        ignore_index=True,
    )
    return _framed(every, every["placed"].astype("float64"), 1.0)


def has(rows: pd.DataFrame, words: dict[str, bool | str]) -> pd.Series:
    """Tell which rows have some words in their columns."""
    found = pd.Series(True, index=rows.index)
    for column, word in words.items():
        found &= rows[column] == word
    return found


def years_of(dates: pd.Series) -> pd.Series:
    """Return the years of dates; NaN where a date is missing or no date."""
    return pd.to_datetime(dates, errors="coerce", format="%Y-%m-%d").dt.year


def _framed(rows: pd.DataFrame, part: pd.Series, whole: pd.Series | float) -> pd.DataFrame:
    """Return parts and wholes summed by county and year."""
    frame = rows[["county_code", "year"]].assign(part=part, whole=whole)
    return frame.groupby(["county_code", "year"], as_index=False)[["part", "whole"]].sum()
