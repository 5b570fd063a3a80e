"""Rainfall erosivity R (降雨侵蚀力)."""

from __future__ import annotations

import xarray as xr

from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params
from gepbook.units import require_units

US_TO_SI = 17.02  # hundreds of foot-ton-inch per acre and hour → MJ mm ha-1 h-1


class RainfallErosivityParams(Params):
    """No parameters: the numbers belong to the published formula."""


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
    monthly = US_TO_SI * 1.735 * concentration**1.5 * 10**-0.8188
    return monthly.sum("month", skipna=False).where(annual != 0, 0.0)


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
)
