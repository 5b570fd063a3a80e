"""Water conservation (水源涵养) by water balance."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units

M3_PER_MM_HA = 10.0  # 1 mm over 1 ha


class WaterConservationParams(Params):
    """Parameters of water conservation; rain, runoff and evapotranspiration are layers."""

    counted: ByEcosystemType = parameter("1", "计入水源涵养的类型, 1 或 0")


@require_units(
    annual_precipitation="mm a-1",
    surface_runoff="mm a-1",
    actual_evapotranspiration="mm a-1",
    land_cover="1",
    returns="m3 ha-1 a-1",
)
def density(
    *,
    annual_precipitation: xr.DataArray,
    surface_runoff: xr.DataArray,
    actual_evapotranspiration: xr.DataArray,
    land_cover: xr.DataArray,
    params: WaterConservationParams,
) -> dict[str, xr.DataArray]:
    r"""Return water held back per hectare (水源涵养量).

    Only vegetated ecosystems count. Negative balances are kept: where more evaporates and runs off
    than falls, water is consumed.

    Parameters
    ----------
    annual_precipitation, surface_runoff, actual_evapotranspiration : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `water`: DataArray, dims (y, x), m3 ha-1 a-1

    Notes
    -----
    .. math:: Q_{wr} = 10 \, (P - R - ET)

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302, eq. 2; same form in the standard family.
    """
    balance = annual_precipitation - surface_runoff - actual_evapotranspiration
    return {"water": M3_PER_MM_HA * balance * by_type(land_cover, params.counted, "1")}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: WaterConservationParams
) -> dict[str, float]:
    """Return its value in CNY a-1 by the shadow project of a reservoir (影子工程法)."""
    return {"water": quantities["water"] * prices["reservoir_capacity"]}


SERVICE = ServiceSpec(
    id="water_conservation",
    name_zh="水源涵养",
    name_en="Water conservation",
    category="regulating",
    source="白玛卓嘎等 2017, eq. 2; DB33/T 2274-2020 family",
    formula=r"Q_{wr} = \sum A\,(P - R - ET)\times 10,\quad V = Q_{wr}\,P_w",
    params=WaterConservationParams,
    components=(Component("water", "涵养水量", "Water held back", "m3 a-1"),),
    value=value,
    density=density,
    layers=(
        Layer("annual_precipitation", "mm a-1"),
        Layer("surface_runoff", "mm a-1"),
        Layer("actual_evapotranspiration", "mm a-1"),
        Layer("land_cover", "1"),
    ),
    prices={"reservoir_capacity": "CNY m-3"},
    method="water_balance",
)
