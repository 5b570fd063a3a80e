"""Green-development incentives: rewards and deductions by what a county changed (绿色发展财政奖补).

Energy per GDP, class of the water that leaves the county, forest, air, and the charge on emissions.
Every item is a pure function from figures by county to CNY a-1; below 0 the county pays.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from gepbook.params import Params, parameter

ITEMS = {
    "energy": "单位 GDP 能耗",
    "water": "出境水质",
    "forest": "森林覆盖与蓄积",
    "air": "空气质量",
    "emission_charge": "主要污染物排放收费",
}
POLLUTANTS = ("cod_t", "ammonia_nitrogen_t", "so2_t", "nox_t")
PERCENT = 100.0
M3_PER_WAN = 1e4


class IncentiveParams(Params):
    """Rules of the green-development incentives (绿色发展财政奖补规则)."""

    provincial = True

    energy_cny_point: float = parameter("CNY", "能耗每下降 1 个百分点的奖励", ge=0)
    energy_above_mean_cny_point: float = parameter("CNY", "超过全省平均降幅部分每点另加", ge=0)
    energy_rise_cny_point: float = parameter("CNY", "能耗每上升 1 个百分点的扣减", ge=0)
    water_cny_point: dict[str, float] = parameter("CNY", "各类出境水每 1 个百分点的奖扣")
    forest_cover_cny_point: float = parameter("CNY", "森林覆盖率每高于或下降 1 点的奖扣", ge=0)
    forest_stock_cny_wan_m3: float = parameter("CNY", "林木蓄积每增减 1 万立方米的奖扣", ge=0)
    air_cny_point: float = parameter("CNY", "优良天数比例每变化 1 点的奖扣", ge=0)
    emission_cny_t: float = parameter("CNY t-1", "主要污染物排放收费标准", ge=0)
    emission_returned: Annotated[dict[str, float], Field(min_length=1)] = parameter(
        "1", "按环境质量得分返还的比例: 得分下限 → 比例"
    )


def energy(
    intensity: pd.Series, before: pd.Series, mean_fall: float, rules: IncentiveParams
) -> pd.Series:
    r"""Return reward or deduction for energy per GDP (单位 GDP 能耗奖扣).

    Parameters
    ----------
    intensity, before : Series, tce per CNY at comparable prices
        Of the year and the year before.
    mean_fall : float, percentage points
        Fall of the province's energy per GDP.

    Returns
    -------
    Series, CNY a-1

    Notes
    -----
    With d the fall in percent: :math:`r = a d + b \max(d - \bar d, 0)` for d > 0, :math:`r = c d` else.
    Source: 央广网 2017-09 on the provincial rules of 2017: 50, 100 and 100 万元 a point.
    """
    fall = PERCENT * (1 - intensity / before)
    above = (fall - mean_fall).clip(lower=0)
    reward = rules.energy_cny_point * fall + rules.energy_above_mean_cny_point * above
    return reward.where(fall > 0, rules.energy_rise_cny_point * fall)


def water(classes: pd.DataFrame, rules: IncentiveParams) -> pd.Series:
    """Return reward or deduction for the water that leaves each county (出境水质奖扣).

    Parameters
    ----------
    classes : DataFrame, columns `county_code`, `water_class`
        A row for each outflow section; all count alike.

    Returns
    -------
    Series, CNY a-1, by county code
        Percent of sections of each class times its amount.
    """
    amount = classes["water_class"].map(rules.water_cny_point)
    return amount.groupby(classes["county_code"]).mean() * PERCENT


def forest(
    cover: pd.Series, cover_before: pd.Series, mean_cover: float, stock_change_m3: pd.Series,
    rules: IncentiveParams,
) -> pd.Series:  # fmt: skip
    """Return reward or deduction for forest cover and standing volume (森林覆盖与蓄积奖扣).

    Parameters
    ----------
    cover, cover_before : Series, percent
        A county above the province's mean is rewarded by the points above it; one whose cover fell pays
        for the points lost.
    mean_cover : float, percent
    stock_change_m3 : Series, m3 a-1

    Returns
    -------
    Series, CNY a-1
    """
    points = (cover - mean_cover).clip(lower=0) - (cover_before - cover).clip(lower=0)
    stock = stock_change_m3 / M3_PER_WAN * rules.forest_stock_cny_wan_m3
    return points * rules.forest_cover_cny_point + stock.reindex(points.index, fill_value=0.0)


def air(good_days: pd.Series, before: pd.Series, rules: IncentiveParams) -> pd.Series:
    """Return reward or deduction for the change of good-air days, given in percent (空气质量奖扣)."""
    return (good_days - before) * rules.air_cny_point


def emission_charge(emissions: pd.DataFrame, score: pd.Series, rules: IncentiveParams) -> pd.Series:
    """Return the charge on emissions net of what is returned; 0 or below (排放收费).

    Parameters
    ----------
    emissions : DataFrame, counties × `POLLUTANTS`, t a-1
    score : Series, 0–100
        Environmental score, which the returned part goes by.

    Returns
    -------
    Series, CNY a-1
    """
    steps = sorted((float(least), part) for least, part in rules.emission_returned.items())
    limits = np.array([least for least, _ in steps])
    parts = np.array([0.0, *(part for _, part in steps)])
    returned = parts[np.searchsorted(limits, score.to_numpy(), side="right")]
    charge = emissions[list(POLLUTANTS)].sum(axis=1) * rules.emission_cny_t
    return -charge * (1 - pd.Series(returned, index=score.index).reindex(charge.index))
