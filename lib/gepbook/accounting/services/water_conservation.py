"""Water conservation (水源涵养) by water balance, by water supply, or by what forests store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

M3_PER_MM_HA = 10.0  # 1 mm over 1 ha
M2_PER_HA = 10_000.0
PERCENT = 100.0


class WaterConservationParams(Params):
    """Parameters of water conservation; rain, runoff and evapotranspiration are layers."""

    counted: ByEcosystemType = parameter("1", "计入水源涵养的类型, 1 或 0")
    negative_to_zero: bool = parameter("1", "负的水量平衡是否按 0 计")
    annual_cost_share: float = parameter("1", "年折旧与运行费占造价比重", gt=0, le=1)


class ForestStorageParams(Params):
    """What forests hold: canopy, litter and soil (林冠截留、枯落物、土壤非毛管孔隙)."""

    canopy_interception_percent: ByEcosystemType = parameter("percent", "林冠截留率")
    litter_storage_t_ha: ByEcosystemType = parameter("t ha-1", "枯落物最大持水量")
    noncapillary_porosity_percent: ByEcosystemType = parameter("percent", "土壤非毛管孔隙度")
    soil_depth_m: float = parameter("m", "土层厚度", gt=0, le=3)
    annual_cost_share: float = parameter("1", "年折旧与运行费占造价比重", gt=0, le=1)


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

    Only vegetated ecosystems count. Negative balances are kept unless the parameters say otherwise:
    where more evaporates and runs off than falls, water is consumed.

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
    if params.negative_to_zero:
        balance = balance.clip(min=0.0)
    return {"water": M3_PER_MM_HA * balance * by_type(land_cover, params.counted, "1")}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: WaterConservationParams
) -> dict[str, float]:
    """Return its value in CNY a-1 by the shadow project of a reservoir (影子工程法)."""
    return {"water": quantities["water"] * prices["reservoir_capacity"]}


def annualised_value(
    quantities: Quantities, prices: Mapping[str, float], params: WaterConservationParams
) -> dict[str, float]:
    r"""Return its value in CNY a-1 at the yearly cost of a reservoir, not its building cost.

    Notes
    -----
    .. math:: V = Q_{wr} \, P_w \, s

    s is the yearly depreciation and upkeep as a share of the building cost: 10–20 times less than the
    building cost itself. Source: variant of the standard family (recalled).
    """
    return {"water": quantities["water"] * prices["reservoir_capacity"] * params.annual_cost_share}


@require_units(annual_precipitation="mm a-1", land_cover="1", returns="m3 ha-1 a-1")
def stored(
    *,
    annual_precipitation: xr.DataArray,
    land_cover: xr.DataArray,
    params: ForestStorageParams,
) -> dict[str, xr.DataArray]:
    r"""Return what canopy, litter and soil of forests hold per hectare (综合蓄水能力法).

    Parameters
    ----------
    annual_precipitation : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `water`: DataArray, dims (y, x), m3 ha-1 a-1

    Notes
    -----
    .. math:: Q = 10 \, P \, I / 100 + L + 10^4 \, h \, F / 100

    A tonne of litter water is a cubic metre. Source: 地球信息科学学报 2016 18(7): 987, table 2.
    """
    canopy = by_type(land_cover, params.canopy_interception_percent, "percent") / PERCENT
    litter = by_type(land_cover, params.litter_storage_t_ha, "t ha-1")
    pores = by_type(land_cover, params.noncapillary_porosity_percent, "percent") / PERCENT
    intercepted = M3_PER_MM_HA * annual_precipitation * canopy
    return {"water": intercepted + litter + M2_PER_HA * params.soil_depth_m * pores}


def supplied(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: WaterConservationParams
) -> dict[str, float]:
    r"""Return water that the area gives, m3 a-1: what leaves less what enters, and what is consumed.

    Notes
    -----
    .. math:: Q_{wr} = (U_E - U_I) + U_{use}

    Source: water supply method of the standard family (recalled).
    """
    county = tables["water_balance"].iloc[0]
    return {"water": county["outflow_m3"] - county["inflow_m3"] + county["consumption_m3"]}


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
ALTERNATIVES = (
    replace(
        SERVICE,
        method="water_balance_annualised",
        value=annualised_value,
        formula=r"Q_{wr} = \sum A\,(P - R - ET)\times 10,\quad V = Q_{wr}\,P_w\,s",
    ),
    replace(
        SERVICE,
        method="water_supply",
        density=None,
        layers=(),
        quantity=supplied,
        tables=(Table("water_balance", ("inflow_m3", "outflow_m3", "consumption_m3")),),
        formula=r"Q_{wr} = (U_E - U_I) + U_{use},\quad V = Q_{wr}\,P_w",
        source="standard family, water supply method (recalled)",
    ),
    replace(
        SERVICE,
        method="forest_storage",
        density=stored,
        params=ForestStorageParams,
        section="water_conservation_forest_storage",
        layers=(Layer("annual_precipitation", "mm a-1"), Layer("land_cover", "1")),
        formula=r"Q = \sum A\,(10\,P\,I + L + 10^4 h F),\quad V = Q\,P_w\,s",
        source="地球信息科学学报 2016 18(7): 987, table 2",
        value=annualised_value,
    ),
)
