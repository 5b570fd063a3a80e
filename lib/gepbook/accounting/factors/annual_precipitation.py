"""Annual precipitation (年降水量)."""

from __future__ import annotations

import xarray as xr

from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params
from gepbook.units import require_units


class AnnualPrecipitationParams(Params):
    """No parameters."""


@require_units(precipitation="mm", returns="mm a-1")
def annual_precipitation(
    *, precipitation: xr.DataArray, params: AnnualPrecipitationParams
) -> xr.DataArray:
    r"""Return the year's precipitation (年降水量), the sum of its months.

    Parameters
    ----------
    precipitation : DataArray, dims (month, y, x), mm
        NaN in any month makes the year NaN.

    Returns
    -------
    DataArray, dims (y, x), mm a-1

    Notes
    -----
    .. math:: P = \sum_m P_m

    Source: definition.
    """
    return precipitation.sum("month", skipna=False)


FACTOR = FactorSpec(
    id="annual_precipitation",
    name_zh="年降水量",
    name_en="Annual precipitation",
    units="mm a-1",
    source="definition",
    formula=r"P = \sum_m P_m",
    params=AnnualPrecipitationParams,
    layers=(Layer("precipitation", "mm"),),
    compute=annual_precipitation,
)
