"""Where a target's series lead: straight line to it, trend with interval, state (路径与预测).

Series are the rows of a frame, of the province or of counties; years are its columns, NaN where a row
has no figure.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import t

from gepbook.assessment.targets.rules import Target, TargetParams

#: Of a comparison of two figures that were computed in different ways.
ROUNDING = 1e-9
BOUNDS = ["forecast", "low", "high"]
OUTLOOK = [
    "baseline", "latest_year", "latest", "path", "needed_per_year", "pace_per_year", *BOUNDS, "state",
]  # fmt: skip


def path(baseline: pd.Series, target: Target, year: pd.Series) -> pd.Series:
    r"""Return where the straight line from baseline to target is in a year (应达进度).

    NaN before the baseline year.

    Notes
    -----
    .. math:: p_t = b + (T - b) \, \min\left(1, \frac{t - t_b}{t_T - t_b}\right)
    """
    done = (year - target.baseline_year) / (target.due_year - target.baseline_year)
    return baseline + (target.value - baseline) * done.where(done >= 0).clip(upper=1)


def trend(values: np.ndarray, years: np.ndarray, year: int, level: float) -> np.ndarray:
    r"""Return the linear trend of series at a year, with its prediction interval (线性外推).

    Parameters
    ----------
    values : ndarray, series × years, without NaN
    years : ndarray, at least three
    year : int
    level : float
        Of the interval, 0–1.

    Returns
    -------
    ndarray, series × 3
        Expected value, lower and upper bound of a new observation in the year.

    Notes
    -----
    .. math::
        \hat y \pm t_{n-2} \, s \sqrt{1 + \frac{1}{n} + \frac{(x - \bar x)^2}{\sum (x_i - \bar x)^2}},
        \quad s^2 = \frac{\sum (y_i - \hat y_i)^2}{n - 2}

    Source: ordinary least squares, prediction of a new observation.
    """
    x = years - years.mean()
    slope, level_now = np.polyfit(x, values.T, 1)
    at = year - years.mean()
    left = values - (level_now[:, None] + slope[:, None] * x)
    spread = np.sqrt((left**2).sum(axis=1) / (len(x) - 2))
    away = np.sqrt(1 + 1 / len(x) + at**2 / (x**2).sum())
    half = t.ppf((1 + level) / 2, len(x) - 2) * spread * away
    mid = level_now + slope * at
    return np.column_stack([mid, mid - half, mid + half])


def forecast(values: pd.DataFrame, target: Target, rules: TargetParams) -> pd.DataFrame:
    """Return the trend since the baseline year at the due year, with its interval (预测).

    A proportion is fitted on its log-odds, so that the interval stays between 0 and 100; figures nearer
    to either than the margin count as the margin.

    Returns
    -------
    DataFrame, series × (forecast, low, high)
        NaN where a series has too few years.
    """
    since = values.loc[:, values.columns >= target.baseline_year]
    if target.proportion:
        margin = rules.proportion_margin_percent
        since = since.clip(margin, 100 - margin).apply(lambda column: logit(column / 100))
    found = pd.DataFrame(np.nan, index=values.index, columns=BOUNDS)
    years = since.columns.to_numpy(dtype="float64")
    patterns = since.notna().to_numpy()
    for pattern in np.unique(patterns, axis=0):
        if pattern.sum() >= rules.least_years:
            rows = (patterns == pattern).all(axis=1)
            own = since.to_numpy(dtype="float64")[rows][:, pattern]
            found.loc[rows] = trend(own, years[pattern], target.due_year, rules.interval_level)
    return found.apply(lambda column: 100 * expit(column)) if target.proportion else found


def reaches(values: pd.Series, target: Target, goal: float) -> pd.Series:
    """Tell which values reach a goal on the target's side."""
    return target.sign * (values - goal) >= -ROUNDING * max(1.0, abs(goal))


def goal_of_forecast(target: Target, rules: TargetParams) -> float:
    """Return what a forecast must reach: log-odds never reach 0 or 100 but come within the margin."""
    if not target.proportion:
        return target.value
    margin = rules.proportion_margin_percent
    return min(max(target.value, margin), 100 - margin)


def last(values: pd.DataFrame) -> pd.Series:
    """Return the last figure of every series; NaN where it has none."""
    if values.shape[1] == 0:
        return pd.Series(np.nan, index=values.index)
    return values.ffill(axis=1).iloc[:, -1]


def judge(
    values: pd.DataFrame, target: Target, year: int, bounds: pd.DataFrame, rules: TargetParams
) -> pd.Series:
    """Return the state of a target in a year by every series (状态).

    Parameters
    ----------
    values : DataFrame, series × years
    year : int
        The accounting year.
    bounds : DataFrame, series × (forecast, low, high)
        At the due year; NaN where there is none.

    Returns
    -------
    Series of str
        `unmeasured` without a figure. Before the due year: `met`; `on_track` where the whole interval
        reaches the target, `off_track` where none of it does, `open` in between, `too_short` without a
        forecast. From the due year on: `met` in time, `late`, `missed`, or `unmeasured` without a figure
        of the due year or later.
    """
    now = last(values)
    reached = reaches(now, target, target.value)
    if year < target.due_year:
        goal = goal_of_forecast(target, rules)
        worst, best = ("low", "high") if target.sign > 0 else ("high", "low")
        cases = [
            (reached, "met"),
            (bounds["forecast"].isna(), "too_short"),
            (reaches(bounds[worst], target, goal), "on_track"),
            (reaches(bounds[best], target, goal), "open"),
        ]
        otherwise = "off_track"
    else:
        in_time = last(values.loc[:, values.columns <= target.due_year])
        told = values.loc[:, values.columns >= target.due_year].notna().any(axis=1)
        cases = [
            (~told, "unmeasured"),
            (reached & reaches(in_time, target, target.value), "met"),
            (reached, "late"),
        ]
        otherwise = "missed"
    cases = [(now.isna(), "unmeasured"), *cases]
    conditions, states = zip(*cases, strict=True)
    return pd.Series(np.select(conditions, states, otherwise), index=values.index)


def look(values: pd.DataFrame, target: Target, year: int, rules: TargetParams) -> pd.DataFrame:
    """Return what series say of a target in a year (研判).

    Parameters
    ----------
    values : DataFrame, series × years (int, rising), in the target's unit
    target : Target
    year : int
        The accounting year.
    rules : TargetParams

    Returns
    -------
    DataFrame, series × `OUTLOOK`
        `latest` stands in `latest_year`; `path` is where the straight line is then; `needed_per_year`
        is what is still needed a year, `pace_per_year` what was gained a year since the baseline, both
        counted towards the target; `forecast`, `low`, `high` are the trend's at the due year, NaN where
        the series is too short or the due year is past; `state`.
    """
    latest = last(values)
    latest_year = last(values.notna() * values.columns.to_numpy(dtype="float64") + 0 * values)
    if target.baseline is not None:
        baseline = pd.Series(target.baseline, index=values.index)
    else:
        baseline = values.get(target.baseline_year, pd.Series(np.nan, index=values.index))
    ahead = year < target.due_year
    bounds = (
        forecast(values, target, rules) if ahead else pd.DataFrame(np.nan, values.index, BOUNDS)
    )
    years = latest_year - target.baseline_year
    left = (target.sign * (target.value - latest)).clip(lower=0)
    found = pd.DataFrame(
        {
            "baseline": baseline,
            "latest_year": latest_year.astype("Int64"),
            "latest": latest,
            "path": path(baseline, target, latest_year),
            "needed_per_year": left / (target.due_year - latest_year) if ahead else np.nan,
            "pace_per_year": target.sign * (latest - baseline) / years.where(years > 0),
            **bounds,
            "state": judge(values, target, year, bounds, rules),
        }
    )
    return found[OUTLOOK]
