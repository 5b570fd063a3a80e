"""Marine carbon (海洋固碳): shellfish and algae harvested, and phytoplankton that sinks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter

CO2_PER_CARBON = 44 / 12
T_PER_G = 1e-6
M2_PER_KM2 = 1e6


class MarineCarbonParams(Params):
    """Parameters of marine carbon."""

    harvest_carbon_content: float = parameter("1", "贝藻鲜重移出碳比重", ge=0, le=1)
    phytoplankton_npp_g_m2: float = parameter("g m-2 a-1", "浮游植物净初级生产力, 以碳计", ge=0)
    sinking_share: float = parameter("1", "沉降埋藏份额", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MarineCarbonParams
) -> dict[str, float]:
    r"""Return carbon dioxide fixed by harvest and by burial, t a-1.

    Notes
    -----
    .. math:: Q = \frac{44}{12} c H, \qquad Q = \frac{44}{12} A \, NPP \, s

    Source: form of 郝林华等 2020 for Wenzhou (recalled); the numbers are low-confidence.
    """
    county = tables["coast"].iloc[0]
    npp_t = county["sea_area_km2"] * M2_PER_KM2 * params.phytoplankton_npp_g_m2 * T_PER_G
    return {
        "harvest": CO2_PER_CARBON * params.harvest_carbon_content * county["shellfish_algae_t"],
        "burial": CO2_PER_CARBON * npp_t * params.sinking_share,
    }


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MarineCarbonParams
) -> dict[str, float]:
    """Return its value in CNY a-1 at the price of carbon dioxide."""
    return {name: mass * prices["carbon_dioxide"] for name, mass in quantities.items()}


SERVICE = ServiceSpec(
    id="marine_carbon",
    name_zh="海洋固碳",
    name_en="Marine carbon",
    category="regulating",
    source="郝林华等 2020; Front. Mar. Sci. 2024: 1356149",
    formula=r"Q = \frac{44}{12}(c H + A\,NPP\,s),\quad V = Q\,P_c",
    params=MarineCarbonParams,
    components=(
        Component("harvest", "贝藻移出碳 (CO2)", "Carbon dioxide in the harvest", "t a-1"),
        Component("burial", "浮游植物沉降碳 (CO2)", "Carbon dioxide buried", "t a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("sea_area_km2", "shellfish_algae_t")),),
    prices={"carbon_dioxide": "CNY t-1"},
    method="harvest_and_burial",
    only_group="coastal_pilot",
)
