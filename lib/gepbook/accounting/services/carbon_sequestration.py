"""Carbon sequestration (固碳) by net ecosystem productivity."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units

T_HA_PER_G_M2 = 0.01
CO2_PER_CARBON = 44 / 12


class CarbonSequestrationParams(Params):
    """Parameters of carbon sequestration."""

    net_ecosystem_share: ByEcosystemType = parameter("1", "NEP 与 NPP 之比")


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
