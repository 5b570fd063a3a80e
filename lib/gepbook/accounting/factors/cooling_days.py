"""Days on which cooling is wanted (降温天数)."""

from __future__ import annotations

import xarray as xr
from scipy.special import ndtr

from gepbook.accounting.factors.potential_evapotranspiration import DAYS
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units


class CoolingDaysParams(Params):
    """Parameters of the days above the threshold."""

    threshold_c: float = parameter("degC", "日最高气温阈值")
    half_daily_range_k: float = parameter("K", "日最高与日平均气温之差", ge=0)
    daily_spread_k: float = parameter("K", "日平均气温在月内的标准差", gt=0)


@require_units(air_temperature="degC", returns="d a-1")
def cooling_days(*, air_temperature: xr.DataArray, params: CoolingDaysParams) -> xr.DataArray:
    r"""Return the days of a year whose maximum temperature exceeds a threshold (降温天数).

    For monthly means only: daily means are taken as normal around the month's mean.

    Parameters
    ----------
    air_temperature : DataArray, dims (month, y, x), degC

    Returns
    -------
    DataArray, dims (y, x), d a-1

    Notes
    -----
    .. math:: d = \sum_m n_m \, \Phi\!\left(\frac{T_m + \Delta - T_0}{\sigma}\right)

    Source: threshold 26 °C of the GEP guides; the normal form is a proposal of this workbook.
    """
    excess = air_temperature + params.half_daily_range_k - params.threshold_c
    share = xr.apply_ufunc(ndtr, excess / params.daily_spread_k)
    days = xr.DataArray(DAYS, coords={"month": air_temperature["month"]}, dims="month")
    return (share * days).sum("month", skipna=False)


FACTOR = FactorSpec(
    id="cooling_days",
    name_zh="降温天数",
    name_en="Cooling days",
    units="d a-1",
    source="MEE 2020 (threshold); design",
    formula=r"d = \sum_m n_m\,\Phi((T_m+\Delta-T_0)/\sigma)",
    params=CoolingDaysParams,
    layers=(Layer("air_temperature", "degC"),),
    compute=cooling_days,
)
