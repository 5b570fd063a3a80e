"""A target seen from the province and from each county (全省与各县研判)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gepbook import counties
from gepbook.assessment.targets import forecast, measures
from gepbook.assessment.targets.rules import Target, TargetParams


def of_province(
    parts: pd.DataFrame, target: Target, year: int, rules: TargetParams
) -> tuple[pd.Series, dict[str, Any]]:
    """Return the province's series of a target by year, and what it says (全省研判).

    Earlier years in which far fewer counties report than in others are left out. Where too few report in
    the latest year it is no figure of the province: the state is then `partial`.

    Returns
    -------
    tuple of Series and dict
        The figures by year; the fields of `forecast.OUTLOOK`, `light`, `reporting` (counties).
    """
    counts = parts.groupby("year").size()
    enough = counts.index[counts >= rules.least_counties_share * counts.max()]
    kept = parts["year"].isin(enough) | (parts["year"] == counts.index.max())
    series = measures.by_year(parts[kept], target.measure).dropna()
    values = pd.DataFrame([series.to_numpy(dtype="float64")], columns=series.index.astype("int64"))
    found = forecast.look(values, target, year, rules).iloc[0].to_dict()
    reporting = int((parts["year"] == found["latest_year"]).sum()) if len(series) else 0
    measured = found["state"] != "unmeasured"
    if measured and reporting < rules.least_counties_share * len(counties.read()):
        found["state"] = "partial"
    found |= {"light": rules.lights[found["state"]], "reporting": reporting}
    return series, found


def of_counties(
    parts: pd.DataFrame, target: Target, groups: pd.Series, year: int, rules: TargetParams
) -> pd.DataFrame:
    r"""Return what each county's own series says, its rank and its part in what the province lacks.

    Parameters
    ----------
    parts : DataFrame with `county_code`, `year`, `part`, `whole`
    target : Target
    groups : Series
        Group by county code; other counties are left out.
    year : int
    rules : TargetParams

    Returns
    -------
    DataFrame indexed by county code, of counties with a figure
        The fields of `forecast.OUTLOOK`, `light`, `group`, `rank` and `of` within it; `gap_points`, by
        how much the county's distance moves the province's, in the target's unit (below 0: beyond the
        target), and `gap_share`, that in all counties' distances above 0. Both NaN for sums, which have
        no whole.

    Notes
    -----
    .. math:: g_i = (T - v_i) \frac{W_i}{\sum_j W_j}, \qquad \sum_i g_i = T - v
    """
    known = parts.assign(value=measures.value(parts["part"], parts["whole"], target.measure))
    known = known[known["county_code"].isin(groups.index)].dropna(subset=["value"])
    if known.empty:
        return pd.DataFrame()
    wide = known.pivot_table(index="county_code", columns="year", values="value")
    table = forecast.look(wide, target, year, rules)
    whole = parts[parts["year"] == year].set_index("county_code")["whole"]
    distance = target.sign * (target.value - table["latest"])
    table["gap_points"] = distance * whole / whole.sum() if whole.sum() > 0 else np.nan
    short = table["gap_points"].clip(lower=0)
    table["gap_share"] = short / short.sum() if short.sum() > 0 else np.nan
    table["light"] = table["state"].map(rules.lights)
    table["group"] = groups
    told = table["latest"]
    if target.measure.percent or target.proportion:
        told = (told / rules.rank_step_percent).round()
    ranked = (target.sign * told).groupby(table["group"])
    table["rank"] = ranked.rank(ascending=False, method="min").astype("int64")
    table["of"] = ranked.transform("size")
    return table.rename_axis("county_code")
