"""Carbon sequestration (固碳): by net ecosystem productivity, by rates, by growth of biomass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

T_HA_PER_G_M2 = 0.01
CO2_PER_CARBON = 44 / 12


class CarbonSequestrationParams(Params):
    """Parameters of carbon sequestration."""

    net_ecosystem_share: ByEcosystemType = parameter("1", "NEP 与 NPP 之比")


class SequestrationRateParams(Params):
    """Rates of carbon fixed by area (固碳速率)."""

    carbon_rate_t_ha: ByEcosystemType = parameter("t ha-1 a-1", "植被固碳速率, 以碳计")
    soil_ratio: ByEcosystemType = parameter("1", "土壤与植被固碳速率之比 β")


class BiomassParams(Params):
    """Carbon in biomass."""

    carbon_content: float = parameter("1", "生物量含碳率 Cc", gt=0, lt=1)


@require_units(net_primary_productivity="g m-2 a-1", land_cover="1", returns="t ha-1 a-1")
def density(
    *,
    net_primary_productivity: xr.DataArray,
    land_cover: xr.DataArray,
    params: CarbonSequestrationParams,
) -> dict[str, xr.DataArray]:
    r"""Return carbon dioxide fixed per hectare (固定二氧化碳量).

    Parameters
    ----------
    net_primary_productivity : DataArray, dims (y, x), g m-2 a-1 of carbon
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `co2`: DataArray, dims (y, x), t ha-1 a-1 of carbon dioxide

    Notes
    -----
    .. math:: Q_{CO_2} = \frac{44}{12} \, \alpha \, NPP

    Source: NEP method of the standard family; α by type is a proposal of this workbook.
    """
    share = by_type(land_cover, params.net_ecosystem_share, "1")
    return {"co2": CO2_PER_CARBON * T_HA_PER_G_M2 * share * net_primary_productivity}


@require_units(land_cover="1", returns="t ha-1 a-1")
def rate_density(
    *, land_cover: xr.DataArray, params: SequestrationRateParams
) -> dict[str, xr.DataArray]:
    r"""Return carbon dioxide fixed per hectare by the rate of each ecosystem type (固碳速率法).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `co2`: DataArray, dims (y, x), t ha-1 a-1 of carbon dioxide

    Notes
    -----
    .. math:: Q_{CO_2} = \frac{44}{12} \, r \, (1 + \beta)

    Source: GB/T 46869-2025, A.7 (b) (second-hand); rates recalled.
    """
    vegetation = by_type(land_cover, params.carbon_rate_t_ha, "t ha-1 a-1")
    soil = by_type(land_cover, params.soil_ratio, "1")
    return {"co2": CO2_PER_CARBON * vegetation * (1 + soil)}


def biomass_growth(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: BiomassParams
) -> dict[str, float]:
    r"""Return carbon dioxide in the growth of forest biomass, t a-1; negative where it shrinks.

    Notes
    -----
    .. math:: Q_{CO_2} = \frac{44}{12} \, C_c \, (B_2 - B_1)

    Source: GB/T 46869-2025, A.7 (a), 生物量法 (second-hand).
    """
    stock = tables["forest_stock"].iloc[0]
    grown = stock["biomass_end_t"] - stock["biomass_start_t"]
    return {"co2": CO2_PER_CARBON * params.carbon_content * grown}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: CarbonSequestrationParams
) -> dict[str, float]:
    """Return its value in CNY a-1 at the cost of afforestation (造林成本法), per t CO2."""
    return {"co2": quantities["co2"] * prices["carbon_dioxide"]}


SERVICE = ServiceSpec(
    id="carbon_sequestration",
    name_zh="固碳",
    name_en="Carbon sequestration",
    category="regulating",
    source="MEE 2020, NEP method",
    formula=r"Q_{CO_2} = \frac{44}{12}\sum A\,\alpha\,NPP,\quad V = Q_{CO_2}P_c",
    params=CarbonSequestrationParams,
    components=(Component("co2", "固定二氧化碳", "Carbon dioxide fixed", "t a-1"),),
    value=value,
    density=density,
    layers=(Layer("net_primary_productivity", "g m-2 a-1"), Layer("land_cover", "1")),
    prices={"carbon_dioxide": "CNY t-1"},
    method="nep",
)
ALTERNATIVES = (
    replace(
        SERVICE,
        method="rate",
        density=rate_density,
        params=SequestrationRateParams,
        section="carbon_sequestration_rate",
        layers=(Layer("land_cover", "1"),),
        formula=r"Q_{CO_2} = \frac{44}{12}\sum A\,r\,(1+\beta),\quad V = Q_{CO_2}P_c",
        source="GB/T 46869-2025 A.7 (b), second-hand",
    ),
    replace(
        SERVICE,
        method="biomass",
        density=None,
        quantity=biomass_growth,
        params=BiomassParams,
        section="carbon_sequestration_biomass",
        layers=(),
        tables=(Table("forest_stock", ("biomass_start_t", "biomass_end_t")),),
        formula=r"Q_{CO_2} = \frac{44}{12}\,C_c\,(B_2 - B_1),\quad V = Q_{CO_2}P_c",
        source="GB/T 46869-2025 A.7 (a), second-hand",
    ),
)
