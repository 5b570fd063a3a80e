"""Soil retention (土壤保持): sediment kept from reservoirs, nutrients kept from water."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units

PERCENT = 100.0


class SoilRetentionParams(Params):
    """Parameters of soil retention."""

    counted: ByEcosystemType = parameter("1", "计入土壤保持的类型, 1 或 0")
    sediment_deposition_share: float = parameter("1", "泥沙淤积系数 λ", ge=0, le=1)
    soil_bulk_density: float = parameter("t m-3", "土壤容重 ρ", gt=0, lt=3)
    nitrogen_content_percent: float = parameter("percent", "土壤全氮含量", ge=0, le=100)
    phosphorus_content_percent: float = parameter("percent", "土壤全磷含量", ge=0, le=100)
    potassium_content_percent: float = parameter("percent", "土壤全钾含量", ge=0, le=100)
    nutrient_delivery_share: float = parameter("1", "养分进入水体的比例", ge=0, le=1)


@require_units(
    rainfall_erosivity="MJ mm ha-1 h-1 a-1",
    soil_erodibility="t ha h ha-1 MJ-1 mm-1",
    slope_length_steepness="1",
    cover_management="1",
    support_practice="1",
    land_cover="1",
    returns="t ha-1 a-1",
)
def density(
    *,
    rainfall_erosivity: xr.DataArray,
    soil_erodibility: xr.DataArray,
    slope_length_steepness: xr.DataArray,
    cover_management: xr.DataArray,
    support_practice: xr.DataArray,
    land_cover: xr.DataArray,
    params: SoilRetentionParams,
) -> dict[str, xr.DataArray]:
    r"""Return soil kept per hectare: potential less actual erosion (土壤保持量).

    Parameters
    ----------
    rainfall_erosivity : DataArray, dims (y, x), MJ mm ha-1 h-1 a-1
        降雨侵蚀力 R.
    soil_erodibility : DataArray, dims (y, x), t ha h ha-1 MJ-1 mm-1
        土壤可蚀性 K.
    slope_length_steepness, cover_management, support_practice : DataArray, dims (y, x)
        坡长坡度 LS, 覆盖与管理 C, 水土保持措施 P.
    land_cover : DataArray, dims (y, x), ecosystem type codes
        Water, marsh and built-up land hold no slope that could erode; they are not counted.

    Returns
    -------
    dict with `sediment`: DataArray, dims (y, x), t ha-1 a-1, ≥ 0

    Notes
    -----
    .. math:: Q_{sr} = R \, K \, LS \, (1 - C \, P)

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302, section 2.4.2 (RUSLE).
    """
    potential = rainfall_erosivity * soil_erodibility * slope_length_steepness
    kept = soil_kept(potential, cover_management, support_practice)
    return {"sediment": kept * by_type(land_cover, params.counted, "1")}


def soil_kept(
    potential: xr.DataArray, cover_management: xr.DataArray, support_practice: xr.DataArray
) -> xr.DataArray:
    """Return potential less actual erosion, t ha-1 a-1, from R K LS and C and P of each cell."""
    return potential * (1 - cover_management * support_practice)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: SoilRetentionParams
) -> dict[str, float]:
    """Return soil kept and the nitrogen and phosphorus in it that would reach water, t a-1."""
    sediment = totals["sediment"]
    delivered = sediment * params.nutrient_delivery_share
    return {
        "sediment": sediment,
        "nitrogen": delivered * params.nitrogen_content_percent / PERCENT,
        "phosphorus": delivered * params.phosphorus_content_percent / PERCENT,
    }


def quantity_with_potassium(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: SoilRetentionParams
) -> dict[str, float]:
    """Return soil kept and nitrogen, phosphorus and potassium in it, t a-1."""
    potassium = totals["sediment"] * params.potassium_content_percent / PERCENT
    return {**quantity(totals, tables, params), "potassium": potassium}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: SoilRetentionParams
) -> dict[str, float]:
    r"""Return value in CNY a-1: dredging and nutrient treatment avoided (替代成本法).

    Notes
    -----
    .. math:: V = \lambda \frac{Q_{sr}}{\rho} P_s + \sum_j Q_j P_j

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302, eq. 4–5.
    """
    silted_m3 = quantities["sediment"] * params.sediment_deposition_share / params.soil_bulk_density
    return {
        "sediment": silted_m3 * prices["dredging"],
        "nitrogen": quantities["nitrogen"] * prices["nitrogen_treatment"],
        "phosphorus": quantities["phosphorus"] * prices["phosphorus_treatment"],
    }


def value_with_potassium(
    quantities: Quantities, prices: Mapping[str, float], params: SoilRetentionParams
) -> dict[str, float]:
    """Return the same and the fertiliser that the potassium kept saves, CNY a-1."""
    saved = quantities["potassium"] * prices["potassium_fertiliser"]
    return {**value(quantities, prices, params), "potassium": saved}


SERVICE = ServiceSpec(
    id="soil_retention",
    name_zh="土壤保持",
    name_en="Soil retention",
    category="regulating",
    source="白玛卓嘎等 2017, eq. 4–5; RUSLE",
    formula=r"Q_{sr} = R\,K\,LS\,(1-CP),\quad V = \lambda\,Q_{sr}P_s/\rho + \sum_j Q_j P_j",
    params=SoilRetentionParams,
    components=(
        Component("sediment", "减少泥沙淤积", "Sediment kept", "t a-1"),
        Component("nitrogen", "减少氮面源污染", "Nitrogen kept", "t a-1"),
        Component("phosphorus", "减少磷面源污染", "Phosphorus kept", "t a-1"),
    ),
    value=value,
    density=density,
    quantity=quantity,
    layers=(
        Layer("rainfall_erosivity", "MJ mm ha-1 h-1 a-1"),
        Layer("soil_erodibility", "t ha h ha-1 MJ-1 mm-1"),
        Layer("slope_length_steepness", "1"),
        Layer("cover_management", "1"),
        Layer("support_practice", "1"),
        Layer("land_cover", "1"),
    ),
    prices={
        "dredging": "CNY m-3",
        "nitrogen_treatment": "CNY t-1",
        "phosphorus_treatment": "CNY t-1",
    },
    method="rusle",
)
ALTERNATIVES = (
    replace(
        SERVICE,
        method="rusle_npk",
        quantity=quantity_with_potassium,
        value=value_with_potassium,
        components=(
            *SERVICE.components,
            Component("potassium", "保持土壤钾素", "Potassium kept", "t a-1"),
        ),
        prices={**SERVICE.prices, "potassium_fertiliser": "CNY t-1"},
        source=f"{SERVICE.source}; LY/T 1721-2008 (potassium)",
    ),
)
