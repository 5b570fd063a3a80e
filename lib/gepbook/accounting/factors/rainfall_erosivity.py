"""Rainfall erosivity R (降雨侵蚀力) from monthly or from daily rain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units

US_TO_SI = 17.02  # hundreds of foot-ton-inch per acre and hour → MJ mm ha-1 h-1


class RainfallErosivityParams(Params):
    """Calibration only: all other numbers belong to the published formulas."""

    calibration: float = parameter("1", "R 的本地率定系数", gt=0)


class DailyErosivityParams(RainfallErosivityParams):
    """Which daily rain erodes, and which months are warm."""

    erosive_rain_mm: float = parameter("mm", "侵蚀性日雨量下限", gt=0)
    warm_months: list[int] = parameter("1", "暖季月份")
    warm_coefficient: float = parameter("1", "暖季系数 α", gt=0)
    cold_coefficient: float = parameter("1", "冷季系数 α", gt=0)
    exponent: float = parameter("1", "日雨量指数 β", gt=0)


@require_units(precipitation="mm", annual_precipitation="mm a-1", returns="MJ mm ha-1 h-1 a-1")
def rainfall_erosivity(
    *,
    precipitation: xr.DataArray,
    annual_precipitation: xr.DataArray,
    params: RainfallErosivityParams,
) -> xr.DataArray:
    r"""Return annual rainfall erosivity R (降雨侵蚀力) from monthly rain.

    Parameters
    ----------
    precipitation : DataArray, dims (month, y, x), mm
    annual_precipitation : DataArray, dims (y, x), mm a-1

    Returns
    -------
    DataArray, dims (y, x), MJ mm ha-1 h-1 a-1
        0 where no rain falls.

    Notes
    -----
    .. math:: R = 17.02 \sum_m 1.735 \times 10^{1.5 \lg (P_m^2 / P) - 0.8188}

    Source: Wischmeier & Smith 1978, USDA Handbook 537; recalled.
    """
    annual = annual_precipitation
    concentration = precipitation**2 / annual.where(annual > 0)
    # 10 ** (1.5 · lg c) is c ** 1.5, which also holds for a month without rain
    powered = concentration * np.sqrt(concentration)
    monthly = US_TO_SI * 1.735 * powered * 10**-0.8188
    year = monthly.sum("month", skipna=False).where(annual != 0, 0.0)
    return params.calibration * year.where(precipitation.notnull().all("month"))


@require_units(daily_precipitation="mm", returns="MJ mm ha-1 h-1 a-1")
def half_month(*, daily_precipitation: xr.DataArray, params: DailyErosivityParams) -> xr.DataArray:
    r"""Return mean annual erosivity from half-months of daily rain (章文波 2002).

    Parameters
    ----------
    daily_precipitation : DataArray, dims (day, y, x), mm
        `day` holds dates; several years are averaged.

    Returns
    -------
    DataArray, dims (y, x), MJ mm ha-1 h-1 a-1
        0 where no day reaches the erosive rain.

    Notes
    -----
    .. math:: R_{half} = \alpha \sum_j P_j^{\beta}, \quad \alpha = 21.586 \beta^{-7.1891}
    .. math:: \beta = 0.8363 + 18.144 / \bar P_{d12} + 24.455 / \bar P_{y12}

    P_d12 mean of erosive daily rain, P_y12 mean annual erosive rain. α and β are the same in every
    half-month, so the days of the year are summed at once. Source: 章文波等 2002, 地理科学
    22(6): 705–711; recalled.
    """
    years = len(np.unique(daily_precipitation["day"].dt.year))
    missing = daily_precipitation.isnull().any("day")
    erosive = daily_precipitation.where(daily_precipitation >= params.erosive_rain_mm)
    per_year = erosive.sum("day") / years
    some = per_year > 0
    beta = 0.8363 + 18.144 / erosive.mean("day").where(some) + 24.455 / per_year.where(some)
    alpha = 21.586 * beta**-7.1891
    annual = alpha * (erosive**beta).sum("day") / years
    return (params.calibration * annual.where(some, 0.0)).where(~missing)


@require_units(daily_precipitation="mm", returns="MJ mm ha-1 h-1 a-1")
def daily(*, daily_precipitation: xr.DataArray, params: DailyErosivityParams) -> xr.DataArray:
    r"""Return mean annual erosivity from daily rain, with a coefficient for the warm season.

    Parameters
    ----------
    daily_precipitation : DataArray, dims (day, y, x), mm
        `day` holds dates; several years are averaged.

    Returns
    -------
    DataArray, dims (y, x), MJ mm ha-1 h-1 a-1

    Notes
    -----
    .. math:: R = \frac{1}{n} \sum_{years} \sum_{days} \alpha P^{1.7265}

    α 0.3937 from May to September, else 0.3101, on days of erosive rain. Source: 生态保护红线划定指南
    2017; recalled.
    """
    days = daily_precipitation["day"]
    years = len(np.unique(days.dt.year))
    missing = daily_precipitation.isnull().any("day")
    erosive = daily_precipitation.where(daily_precipitation >= params.erosive_rain_mm, 0.0)
    warm = days.dt.month.isin(params.warm_months)
    alpha = xr.where(warm, params.warm_coefficient, params.cold_coefficient)
    annual = (alpha * erosive**params.exponent).sum("day") / years
    return (params.calibration * annual).where(~missing)


FACTOR = FactorSpec(
    id="rainfall_erosivity",
    name_zh="降雨侵蚀力因子",
    name_en="Rainfall erosivity",
    units="MJ mm ha-1 h-1 a-1",
    source="Wischmeier & Smith 1978",
    formula=r"R = 17.02\sum_m 1.735\times 10^{1.5\lg(P_m^2/P)-0.8188}",
    params=RainfallErosivityParams,
    layers=(Layer("precipitation", "mm"), Layer("annual_precipitation", "mm a-1")),
    compute=rainfall_erosivity,
    method="wischmeier_monthly",
)
_DAILY = replace(
    FACTOR,
    params=DailyErosivityParams,
    section="rainfall_erosivity_daily",
    layers=(Layer("daily_precipitation", "mm"),),
)
ALTERNATIVES = (
    replace(
        _DAILY,
        method="half_month",
        compute=half_month,
        formula=r"R_{half} = \alpha\sum_j P_j^{\beta}",
        source="章文波等 2002",
    ),
    replace(
        _DAILY,
        method="daily",
        compute=daily,
        formula=r"R = \frac{1}{n}\sum\alpha P^{1.7265}",
        source="生态保护红线划定指南 2017",
    ),
)
