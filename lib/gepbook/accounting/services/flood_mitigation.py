"""Flood mitigation (洪水调蓄) by vegetation, marsh, paddy, lakes and reservoirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from gepbook import ecosystems
from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

M3_PER_MM_HA = 10.0
M2_PER_HA = 10_000.0
M2_PER_KM2 = 1_000_000.0
M3_PER_WAN = 10_000.0


class FloodMitigationParams(Params):
    """Parameters of flood mitigation."""

    storm_rain_share: float = parameter("1", "产流降雨占比 K", ge=0, le=1)
    runoff_reduction: ByEcosystemType = parameter("1", "与裸地相比减少径流的效益系数 R")
    marsh_ponding_m: float = parameter("m", "沼泽地表滞水高度", ge=0)
    paddy_storage_m: float = parameter("m", "水田蓄水深度", ge=0)
    lake_regulation_m: float = parameter("m", "湖泊可调蓄水深", ge=0)
    reservoir_flood_share: float = parameter("1", "未提供防洪库容时占总库容的比重 τ", ge=0, le=1)
    lake_zone_intercept: float = parameter("1", "湖区方程截距, 面积 km2, 库容 1e4 m3")
    lake_zone_slope: float = parameter("1", "湖区方程斜率", gt=0)
    lake_exchanges: float = parameter("a-1", "湖水年换水次数 T", gt=0)


@require_units(annual_precipitation="mm a-1", land_cover="1", returns="m3 ha-1 a-1")
def density(
    *,
    annual_precipitation: xr.DataArray,
    land_cover: xr.DataArray,
    params: FloodMitigationParams,
) -> dict[str, xr.DataArray]:
    r"""Return storm water held back per hectare by vegetation, marsh, paddy and lakes (洪水调蓄量).

    Parameters
    ----------
    annual_precipitation : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `vegetation`, `marsh`, `paddy`, `lake`: DataArray, dims (y, x), m3 ha-1 a-1

    Notes
    -----
    .. math:: Q = 10 \, P \, K \, R \quad\text{(vegetation)}, \qquad Q = 10^4 \, h \quad\text{(ponding)}

    Source: 缪建群等 2017, 生态学报 37(19): 6422 (coefficients; its volumes carry a slip of ten and are
    not used); ponding 白玛卓嘎等 2017.
    """
    reduced = by_type(land_cover, params.runoff_reduction, "1")
    vegetation = M3_PER_MM_HA * annual_precipitation * params.storm_rain_share * reduced
    depths = {
        "marsh": ("marsh", params.marsh_ponding_m),
        "paddy": ("paddy", params.paddy_storage_m),
        "lake": ("water", params.lake_regulation_m),
    }
    ponded = {
        name: M2_PER_HA * depth * by_type(land_cover, _only(kind), "1")
        for name, (kind, depth) in depths.items()
    }
    return {"vegetation": vegetation, **ponded}


def _only(kind: str) -> dict[str, float]:
    """Return the table that is 1 for one ecosystem type and 0 for all others."""
    return dict.fromkeys(ecosystems.read()["id"], 0.0) | {kind: 1.0}


@require_units(annual_precipitation="mm a-1", land_cover="1", returns="m3 ha-1 a-1")
def density_with_water_area(
    *,
    annual_precipitation: xr.DataArray,
    land_cover: xr.DataArray,
    params: FloodMitigationParams,
) -> dict[str, xr.DataArray]:
    """Return the same, with the share of water surface in place of the water that lakes hold.

    Parameters
    ----------
    annual_precipitation : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `vegetation`, `marsh`, `paddy` in m3 ha-1 a-1 and `lake`, a metre deep: DataArray, dims
    (y, x)
    """
    found = density(annual_precipitation=annual_precipitation, land_cover=land_cover, params=params)
    return {**found, "lake": M2_PER_HA * by_type(land_cover, _only("water"), "1")}


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: FloodMitigationParams
) -> dict[str, float]:
    r"""Return storm water held back, m3 a-1, with the flood-control storage of the reservoirs.

    Where a reservoir's flood-control storage is not given, a share of its capacity stands for it.

    Notes
    -----
    .. math:: C_{res} = \sum C_{flood} \;\text{or}\; \tau \sum C_{total}

    Source: τ of 白玛卓嘎等 2017, found for a plateau; real storage goes before it.
    """
    table = tables["reservoirs"]
    pairs = zip(table["flood_control_capacity_m3"], table["total_capacity_m3"], strict=True)
    share = params.reservoir_flood_share
    storage = [share * whole if np.all(pd.isna(flood)) else flood for flood, whole in pairs]
    return {**totals, "reservoir": sum(storage)}


def quantity_by_lake_zone(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: FloodMitigationParams
) -> dict[str, float]:
    r"""Return the same with lakes by the equation of the eastern plain's lake zone.

    Notes
    -----
    .. math:: \ln C = a + b \ln A, \quad Q = 10^4 \, C \, T

    A in km2; the county's waters are taken as one lake. Source: 饶恩明等 2014 (recalled).
    """
    area_km2 = totals["lake"] / M2_PER_KM2
    regulated = M3_PER_WAN * np.exp(params.lake_zone_intercept) * area_km2**params.lake_zone_slope
    return {**quantity(totals, tables, params), "lake": regulated * params.lake_exchanges}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: FloodMitigationParams
) -> dict[str, float]:
    """Return its value in CNY a-1 by the shadow project of a reservoir (影子工程法)."""
    return {name: volume * prices["reservoir_capacity"] for name, volume in quantities.items()}


SERVICE = ServiceSpec(
    id="flood_mitigation",
    name_zh="洪水调蓄",
    name_en="Flood mitigation",
    category="regulating",
    source="缪建群等 2017; 白玛卓嘎等 2017",
    formula=r"C = \sum A\,P\,K\,R + \sum A\,h + C_{res},\quad V = C\,P_w",
    params=FloodMitigationParams,
    components=(
        Component("vegetation", "植被调蓄", "Held back by vegetation", "m3 a-1"),
        Component("marsh", "沼泽滞水", "Ponded in marsh", "m3 a-1"),
        Component("paddy", "水田蓄水", "Held in paddy", "m3 a-1"),
        Component("lake", "湖泊调蓄", "Regulated by lakes", "m3 a-1"),
        Component("reservoir", "水库防洪库容", "Flood storage of reservoirs", "m3 a-1"),
    ),
    value=value,
    density=density,
    quantity=quantity,
    layers=(Layer("annual_precipitation", "mm a-1"), Layer("land_cover", "1")),
    tables=(Table("reservoirs", ("total_capacity_m3",)),),
    prices={"reservoir_capacity": "CNY m-3"},
    method="runoff_reduction",
)
ALTERNATIVES = (
    replace(
        SERVICE,
        method="lake_zone",
        density=density_with_water_area,
        quantity=quantity_by_lake_zone,
        formula=r"C = \sum A\,P\,K\,R + \sum A\,h + e^{a} A_l^{b} T + C_{res},\quad V = C\,P_w",
        source=f"{SERVICE.source}; 饶恩明等 2014",
    ),
)
