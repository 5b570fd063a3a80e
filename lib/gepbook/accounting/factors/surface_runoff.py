"""Storm surface runoff (暴雨地表径流)."""

from __future__ import annotations

import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units


class SurfaceRunoffParams(Params):
    """Parameters of surface runoff."""

    runoff_coefficient_percent: ByEcosystemType = parameter("percent", "平均地表径流系数 α")


@require_units(annual_precipitation="mm a-1", land_cover="1", returns="mm a-1")
def surface_runoff(
    *,
    annual_precipitation: xr.DataArray,
    land_cover: xr.DataArray,
    params: SurfaceRunoffParams,
) -> xr.DataArray:
    r"""Return annual surface runoff (地表径流) as a share of precipitation by ecosystem type.

    Parameters
    ----------
    annual_precipitation : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    DataArray, dims (y, x), mm a-1

    Notes
    -----
    .. math:: R = P \, \alpha / 100

    Source: 生态保护红线划定指南 2017 and 陆地生态系统生产总值核算技术指南 (MEE 2020); the
    coefficients are recalled, their critique is in Water 2023, 15: 1475.
    """
    share = by_type(land_cover, params.runoff_coefficient_percent, "percent") / 100
    return annual_precipitation * share


FACTOR = FactorSpec(
    id="surface_runoff",
    name_zh="地表径流量",
    name_en="Surface runoff",
    units="mm a-1",
    source="MEE 2020",
    formula=r"R = P\,\alpha/100",
    params=SurfaceRunoffParams,
    layers=(Layer("annual_precipitation", "mm a-1"), Layer("land_cover", "1")),
    compute=surface_runoff,
)
