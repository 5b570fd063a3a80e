"""Potential evapotranspiration from temperature (潜在蒸散发)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units

DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
MID_MONTH = np.array([16, 45, 75, 105, 136, 166, 197, 228, 258, 289, 319, 350])
HAMON = 0.1651  # mm per day, per 12 h of daylight, per g m-3 of saturated vapour


class PotentialEvapotranspirationParams(Params):
    """Parameters of Hamon's method."""

    latitude_degree: float = parameter("degree", "计算昼长的纬度", gt=-66, lt=66)
    calibration: float = parameter("1", "Hamon 校正系数 k", gt=0)


def daylight(latitude_degree: float) -> np.ndarray:
    """Return mid-month daylight in units of 12 hours, by month (Allen et al. 1998, FAO-56 eq. 34)."""
    declination = 0.409 * np.sin(2 * np.pi / 365 * MID_MONTH - 1.39)
    angle = np.arccos(-np.tan(np.radians(latitude_degree)) * np.tan(declination))
    return 2 * angle / np.pi


@require_units(air_temperature="degC", returns="mm a-1")
def potential_evapotranspiration(
    *, air_temperature: xr.DataArray, params: PotentialEvapotranspirationParams
) -> xr.DataArray:
    r"""Return annual potential evapotranspiration (潜在蒸散发) by Hamon's method.

    Used where the pack brings no measured or modelled potential evapotranspiration.

    Parameters
    ----------
    air_temperature : DataArray, dims (month, y, x), degC
        Monthly means; NaN in any month makes the year NaN. Months below 0 °C count nothing.

    Returns
    -------
    DataArray, dims (y, x), mm a-1

    Notes
    -----
    .. math:: PET = \sum_m 0.1651 \, k \, L_m \, \frac{216.7 \, e_s}{T_m + 273.3} \, n_m,
        \quad e_s = 6.108 \exp\frac{17.26939 \, T_m}{T_m + 237.3}

    L daylight in units of 12 h, n days of the month. Source: Hamon (1963) as given by Lu et al. (2005),
    J. Am. Water Resour. Assoc. 41: 621–633.
    """
    t = air_temperature
    pressure = 6.108 * np.exp(17.26939 * t / (t + 237.3))
    vapour = 216.7 * pressure / (t + 273.3)
    months = {"month": t["month"]}
    light = xr.DataArray(daylight(params.latitude_degree), coords=months, dims="month")
    days = xr.DataArray(DAYS, coords=months, dims="month")
    monthly = HAMON * params.calibration * light * vapour * days
    return monthly.where((t > 0) | t.isnull(), 0.0).sum("month", skipna=False)


FACTOR = FactorSpec(
    id="potential_evapotranspiration",
    name_zh="潜在蒸散发",
    name_en="Potential evapotranspiration",
    units="mm a-1",
    source="Hamon 1963; Lu et al. 2005",
    formula=r"PET = \sum_m 0.1651\,k\,L_m\,\rho_{s,m}\,n_m",
    params=PotentialEvapotranspirationParams,
    layers=(Layer("air_temperature", "degC"),),
    compute=potential_evapotranspiration,
)
