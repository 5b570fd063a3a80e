"""Dual assessment (双考核): GDP and GEP side by side, growth at comparable prices, ranks."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
from pydantic import Field

from gepbook.params import Params, parameter

QUADRANTS = {
    (True, True): "both_rise",
    (True, False): "gdp_rises_gep_falls",
    (False, True): "gdp_falls_gep_rises",
    (False, False): "both_fall",
}
QUADRANT_ZH = {
    "both_rise": "GDP 与 GEP 双增长",
    "gdp_rises_gep_falls": "GDP 增、GEP 减",
    "gdp_falls_gep_rises": "GDP 减、GEP 增",
    "both_fall": "GDP 与 GEP 双下降",
}


class DualParams(Params):
    """Rules of the dual assessment (双考核规则)."""

    gdp_weight: dict[str, Annotated[float, Field(ge=0, le=1)]] = parameter(
        "1", "GDP 增长的权重 w, 按县类; other = 其他县"
    )
    first_assessed_group: str = parameter("1", "率先考核的县组")


def growth(now: pd.Series, before: pd.Series) -> pd.Series:
    """Return the relative change from a year to the next; counties without both years are left out.

    Parameters
    ----------
    now, before : Series, CNY at the same prices, indexed by county code

    Returns
    -------
    Series, dimensionless
        NaN where the former value is zero: growth from nothing has no rate.
    """
    both = pd.DataFrame({"now": now, "before": before}).dropna()
    return (both["now"] / both["before"].where(both["before"] != 0)) - 1


def standardise(values: pd.Series) -> pd.Series:
    """Return z-scores over the counties; all zero when the counties do not differ."""
    spread = values.std(ddof=0)
    return (values - values.mean()) / spread if spread > 0 else values * 0.0


def rank(values: pd.Series) -> pd.Series:
    """Return ranks, 1 = largest; equal values share the better rank (并列取优)."""
    return values.rank(ascending=False, method="min").astype("Int64")


def compare(gdp_growth: pd.Series, gep_growth: pd.Series, gdp_weight: pd.Series) -> pd.DataFrame:
    r"""Return quadrant, index and rank of every county with both growth rates.

    Parameters
    ----------
    gdp_growth, gep_growth : Series, dimensionless, at comparable prices
    gdp_weight : Series
        Weight w of each county's class, 0–1.

    Returns
    -------
    DataFrame, columns `gdp_growth`, `gep_growth`, `quadrant`, `index`, `rank`

    Notes
    -----
    .. math:: I = w \, z(\Delta GDP) + (1 - w) \, z(\Delta GEP)

    Source: design; 浙委办发〔2021〕82号 六(一) asks for dual assessment, publishes no formula.
    """
    table = pd.DataFrame({"gdp_growth": gdp_growth, "gep_growth": gep_growth}).dropna()
    table["quadrant"] = [
        QUADRANTS[gdp >= 0, gep >= 0]
        for gdp, gep in table[["gdp_growth", "gep_growth"]].itertuples(index=False)
    ]
    weight = gdp_weight[table.index]
    table["index"] = weight * standardise(table["gdp_growth"]) + (1 - weight) * standardise(
        table["gep_growth"]
    )
    table["rank"] = rank(table["index"])
    return table
