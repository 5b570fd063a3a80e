"""Points of protection: trend, level, change, peers, parts, the whole (生态保护成效的计分).

A county's points depend on its own figures alone: fixed goalposts, its own history. Peers are shown
beside them and move no points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from gepbook.assessment.protection.rules import ChangeMarks
from gepbook.params import SUM_ROUNDING

FULL = 100.0
TREND = ["years", "first_year", "first", "previous", "value", "slope", "low", "high"]
COUNT, FIRST_YEAR, FIRST, PREVIOUS, VALUE, SLOPE = range(6)
IMPROVED, DECLINED, NOISE = "improved", "declined", "noise"
#: The history is too short; the change is never looked at.
UNKNOWN, STATE = "unknown", "state"


def slopes(years: np.ndarray, values: np.ndarray, probability: float) -> tuple[float, float, float]:
    """Return the change a year and its interval (Theil–Sen 斜率).

    Parameters
    ----------
    years, values : ndarray, (years,), at least three

    Returns
    -------
    (slope, low, high)
        Slope: the median of the slopes between all pairs of years.

    Notes
    -----
    Source: Sen (1968), J. Am. Stat. Assoc. 63, by scipy.stats.theilslopes.
    """
    if np.ptp(values) == 0:
        return 0.0, 0.0, 0.0
    found = stats.theilslopes(values, years, alpha=probability)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def trends(table: pd.DataFrame, least_years: int, probability: float) -> pd.DataFrame:
    """Return how an indicator changed in every county (趋势).

    Parameters
    ----------
    table : DataFrame, counties × years, rising
        The last year is the one that is assessed. NaN = not known.
    least_years : int
        From which on the slope is Theil–Sen's and has an interval; of fewer it is the mean change a
        year, of which nothing can be said.
    probability : float
        Of the interval.

    Returns
    -------
    DataFrame indexed as the table
        `years` known, `first_year`, `first`, `previous` and `value` of the last year, `slope` a year and
        its interval `low`, `high`. NaN what cannot be told; all of it where the last year is not known.
    """
    years = table.columns.to_numpy(dtype="float64")
    found = np.full((len(table), len(TREND)), np.nan)
    for row, values in zip(found, table.to_numpy(dtype="float64"), strict=True):
        known = np.flatnonzero(~np.isnan(values))
        if known.size == 0 or known[-1] != years.size - 1:
            continue
        when, own = years[known], values[known]
        row[[COUNT, VALUE]] = known.size, own[-1]
        if known.size == 1:
            continue
        row[[FIRST_YEAR, FIRST, PREVIOUS]] = when[0], own[0], own[-2]
        if known.size >= least_years:
            row[SLOPE:] = slopes(when, own, probability)
        else:
            row[SLOPE] = (own[-1] - own[0]) / (when[-1] - when[0])
    return pd.DataFrame(found, index=table.index, columns=TREND)


def level_points(value: pd.Series, goalposts: tuple[float, float]) -> pd.Series:
    r"""Return the points of an indicator's level, 0–100; NaN stays NaN.

    Notes
    -----
    .. math:: L = 100 \, \mathrm{clip}\left(\frac{x - g_0}{g_1 - g_0}, 0, 1\right)

    g_0 is where there are no points and g_1 where there are all; g_1 < g_0 where less is better.
    """
    none, full = goalposts
    return ((value - none) / (full - none)).clip(0, 1) * FULL


def verdict(found: pd.DataFrame, marks: ChangeMarks | None, sign: float) -> pd.Series:
    """Return whether an indicator improved or declined; `noise` where neither is sure (变化判断).

    Parameters
    ----------
    found : DataFrame
        From `trends`.
    marks : ChangeMarks or None
        None where a change of the indicator is not judged.
    sign : {1, −1}
        −1 where less is better.

    Returns
    -------
    Series of {"improved", "declined", "noise", "unknown", "state"}
        A change is sure where it is above the noise and its interval leaves out 0; it is unknown where
        it has none.
    """
    if marks is None:
        return pd.Series(STATE, index=found.index)
    slope = found["slope"]
    spans_zero = (found["low"] <= 0) & (found["high"] >= 0)
    sure = (slope.abs() > marks.noise) & ~spans_zero
    word = (slope * sign > 0).map({True: IMPROVED, False: DECLINED}).where(sure, NOISE)
    return word.where(found["low"].notna(), UNKNOWN)


def change_points(
    slope: pd.Series, word: pd.Series, marks: ChangeMarks | None, sign: float, most: float
) -> pd.Series:
    r"""Return the points that sure changes add or take; 0 for all others (变化加减分).

    Notes
    -----
    .. math:: C = c \, \mathrm{clip}(\pm b / b_{full}, -1, 1)
    """
    if marks is None:
        return pd.Series(0.0, index=slope.index)
    points = (slope * sign / marks.full).clip(-1, 1) * most
    return points.where(word.isin([IMPROVED, DECLINED]), 0.0)


def percentile(value: pd.Series, groups: pd.Series) -> pd.Series:
    """Return the share of the group's other counties that a county is above, equals half (百分位)."""
    ranked = value.groupby(groups).rank()
    others = value.groupby(groups).transform("count") - 1
    return (ranked - 1) / others.where(others > 0)


def weighted(
    points: pd.DataFrame, weights: Mapping[str, float], least_covered: float
) -> pd.DataFrame:
    r"""Return weighted means over what is known (加权平均).

    Parameters
    ----------
    points : DataFrame, counties × names
        NaN = not known: its weight goes to the rest in proportion, never 0 points.
    weights : mapping
        Sums to 1.
    least_covered : float
        Below this weight of what is known there are no points.

    Returns
    -------
    DataFrame, `points`, `covered_weight`

    Notes
    -----
    .. math:: S = \frac{\sum_k w_k s_k}{\sum_k w_k} \; \text{over known } k
    """
    weight = pd.Series(weights)[points.columns]
    covered = points.notna().mul(weight).sum(axis=1)
    mean = points.mul(weight).sum(axis=1) / covered.where(covered > 0)
    enough = covered >= least_covered - SUM_ROUNDING
    return pd.DataFrame({"points": mean.where(enough), "covered_weight": covered})
