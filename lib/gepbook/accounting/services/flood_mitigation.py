"""Flood mitigation (洪水调蓄) by vegetation, marsh, paddy, lakes and reservoirs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from gepbook import ecosystems
from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

M3_PER_MM_HA = 10.0
M2_PER_HA = 10_000.0


class FloodMitigationParams(Params):
    """Parameters of flood mitigation."""

    storm_rain_share: float = parameter("1", "产流降雨占比 K", ge=0, le=1)
    runoff_reduction: ByEcosystemType = parameter("1", "与裸地相比减少径流的效益系数 R")
    marsh_ponding_m: float = parameter("m", "沼泽地表滞水高度", ge=0)
    paddy_storage_m: float = parameter("m", "水田蓄水深度", ge=0)
    lake_regulation_m: float = parameter("m", "湖泊可调蓄水深", ge=0)


@require_units(annual_precipitation="mm a-1", land_cover="1", returns="m3 ha-1 a-1")
def density(
    *,
    annual_precipitation: xr.DataArray,
    land_cover: xr.DataArray,
    params: FloodMitigationParams,
) -> dict[str, xr.DataArray]:
    r"""Return storm water held back per hectare by vegetation and by ponding (洪水调蓄量).

    Parameters
    ----------
    annual_precipitation : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `vegetation` and `ponding`: DataArray, dims (y, x), m3 ha-1 a-1

    Notes
    -----
    .. math:: Q = 10 \, P \, K \, R \quad\text{(vegetation)}, \qquad Q = 10^4 \, h \quad\text{(ponding)}

    Source: 缪建群等 2017, 生态学报 37(19): 6422 (coefficients; its volumes carry a slip of ten and are
    not used); ponding 白玛卓嘎等 2017.
    """
    reduced = by_type(land_cover, params.runoff_reduction, "1")
    vegetation = M3_PER_MM_HA * annual_precipitation * params.storm_rain_share * reduced
    depth = dict.fromkeys(ecosystems.read()["id"], 0.0) | {
        "marsh": params.marsh_ponding_m,
        "paddy": params.paddy_storage_m,
        "water": params.lake_regulation_m,
    }
    return {
        "vegetation": vegetation,
        "ponding": M2_PER_HA * by_type(land_cover, depth, "m"),
    }


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: FloodMitigationParams
) -> dict[str, float]:
    """Return storm water held back, m3 a-1, with the flood-control storage of the reservoirs."""
    return {**totals, "reservoir": float(tables["reservoirs"]["flood_control_capacity_m3"].sum())}


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
        Component("ponding", "湿地与水田滞水", "Ponded in marsh and paddy", "m3 a-1"),
        Component("reservoir", "水库防洪库容", "Flood storage of reservoirs", "m3 a-1"),
    ),
    value=value,
    density=density,
    quantity=quantity,
    layers=(Layer("annual_precipitation", "mm a-1"), Layer("land_cover", "1")),
    tables=(Table("reservoirs", ("flood_control_capacity_m3",)),),
    prices={"reservoir_capacity": "CNY m-3"},
    method="runoff_reduction",
)
